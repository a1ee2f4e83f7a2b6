"""``fsfax notifications``: show deliveries of mails, SMS and webhooks, and repeat failed ones."""

from __future__ import annotations

import click

from fsfax.cli import exits, options
from fsfax.cli.main import Common
from fsfax.cli.show import Show, print_table
from fsfax.cli.store import open_database
from fsfax.errors import FsfaxError, InvalidRequest
from fsfax.notify.deliveries import Deliveries, Delivery, State
from fsfax.notify.targets import without_password
from fsfax.runtime.sanitize import escaped


@click.group()
def command() -> None:
    """Show deliveries, and repeat failed ones.

    A delivery is one mail, short message or webhook request about a fax.
    """


@command.command("list")
@click.option("--account", "account_id", metavar="ID", help="Only deliveries of this account.")
@click.option(
    "--state", type=click.Choice(["open", "done", "dead"]), help="Only these; dead = given up."
)
@click.option("--job", "job_id", metavar="ID", help="Only deliveries about this job.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many."
)
@options.as_json
@click.pass_obj
def show_all(
    common: Common,
    *,
    account_id: str | None,
    state: State | None,
    job_id: str | None,
    limit: int,
    as_json: bool | None,
) -> int:
    """List deliveries, the newest first."""
    show = Show(as_json)
    with open_database(common.load().settings) as database:
        found = Deliveries(database).list(account_id, state=state, job_id=job_id, limit=limit)
    if show.as_json:
        for delivery in found.deliveries:
            show.line(_line(delivery))
        return exits.OK
    print_table(
        ("id", "made", "about", "by", "to", "state", "tries", "problem"),
        (
            (
                delivery.id,
                f"{delivery.created_at:%Y-%m-%d %H:%M}",
                delivery.kind,
                delivery.channel.value,
                without_password(delivery.target),
                delivery.state,
                str(delivery.tries),
                delivery.problem,
            )
            for delivery in found.deliveries
        ),
        wide="problem",
    )
    return exits.OK


@command.command("show")
@click.argument("delivery_id")
@options.as_json
@click.pass_obj
def show_one(common: Common, *, delivery_id: str, as_json: bool | None) -> int:
    """Show a delivery and its last error."""
    show = Show(as_json)
    with open_database(common.load().settings) as database:
        found = Deliveries(database).get(delivery_id)
    if show.as_json:
        show.line(_line(found))
        return exits.OK
    to = without_password(found.target)
    show.words(escaped(f"{found.id}: {found.kind} by {found.channel} to {to}"))
    show.words(f"  about fax {found.job_id} of account {found.account_id}")
    times = {"made": found.created_at, "delivered": found.done_at, "given up": found.dead_at}
    if found.state == "open":
        times["next try"] = found.due_at
    for name, at in times.items():
        if at:
            show.words(f"  {name} {at:%Y-%m-%d %H:%M:%S} UTC")
    show.words(f"  {found.tries} tries" + (f"; {found.problem}" if found.problem else ""))
    return exits.OK


@command.command()
@click.argument("delivery_ids", nargs=-1, metavar="[ID...]")
@click.option("--dead", is_flag=True, help="Repeat all dead letters.")
@click.option("--account", "account_id", metavar="ID", help="With --dead: only of this account.")
@click.pass_obj
def repeat(
    common: Common, *, delivery_ids: tuple[str, ...], dead: bool, account_id: str | None
) -> int:
    """Deliver again, or at once where a retry is pending.

    The id stays the same: the mail's Message-ID, the webhook's webhook-id.
    """
    if bool(delivery_ids) == dead:
        raise InvalidRequest("pass either ids of deliveries (`fsfax notifications list`) or --dead")
    code = exits.OK
    with open_database(common.load().settings) as database:
        deliveries = Deliveries(database)
        if dead:
            click.echo(f"{deliveries.repeat_dead(account_id)} deliveries are repeated")
        for delivery_id in delivery_ids:
            try:
                deliveries.repeat(delivery_id)
            except FsfaxError as error:
                click.echo(f"fsfax: {error}", err=True)
                code = exits.code_of(error)
            else:
                click.echo(f"{delivery_id} is repeated")
    return code


def _line(delivery: Delivery) -> dict[str, object]:
    shown = delivery.as_dict()
    return {"event": "delivery", **shown, "target": without_password(delivery.target)}
