"""``fsfax webhook``: programs that are told of every fax of an account."""

from __future__ import annotations

from typing import Any

import click

from fsfax.cli import exits, options
from fsfax.cli.main import Common
from fsfax.cli.show import Show, print_table, printable
from fsfax.cli.store import open_database
from fsfax.notify.events import EVENTS
from fsfax.notify.send_result import Delivered
from fsfax.notify.subscriptions import Webhook, Webhooks
from fsfax.notify.targets import without_password
from fsfax.notify.webhook import send_test

_events = click.option(
    "--event",
    "events",
    multiple=True,
    type=click.Choice(EVENTS),
    help="A type of message that it wants; as often as needed (default: all).",
)


@click.group()
def command() -> None:
    """Make webhooks, show, change, try and remove them."""


@command.command()
@click.argument("account_id")
@click.argument("url")
@click.option("--form", type=click.Choice(["json", "form"]), default="json", help="Of the body.")
@_events
@options.as_json
@click.pass_obj
def create(
    common: Common,
    *,
    account_id: str,
    url: str,
    form: str,
    events: tuple[str, ...],
    as_json: bool | None,
) -> int:
    """Tell URL of every fax of an account; the id is printed, and the secret of the signatures."""
    show = Show(as_json)
    with open_database(common.load().settings) as database:
        made = Webhooks(database).create(account_id, url, form=form, events=events)  # type: ignore[arg-type]
    if show.as_json:
        show.line({"event": "webhook", **made.as_dict(), "secret": made.secret})
        return exits.OK
    click.echo(made.id)
    click.echo(f"messages are signed (standardwebhooks.com) with {made.secret}", err=True)
    return exits.OK


@command.command("list")
@click.option("--account", "account_id", metavar="ID", help="Only this account's.")
@options.as_json
@click.pass_obj
def show_all(common: Common, *, account_id: str | None, as_json: bool | None) -> int:
    """List the webhooks, the oldest first."""
    show = Show(as_json)
    with open_database(common.load().settings) as database:
        found = Webhooks(database).list(account_id)
    if show.as_json:
        for hook in found:
            show.line({"event": "webhook", **hook.as_dict()})
        return exits.OK
    print_table(
        ("id", "account", "state", "form", "URL", "events"),
        (
            (
                hook.id,
                hook.account_id,
                "enabled" if hook.enabled else "disabled",
                hook.form,
                without_password(hook.url),
                " ".join(hook.events) or "all",
            )
            for hook in found
        ),
        wide="URL",
    )
    return exits.OK


@command.command("show")
@click.argument("webhook_id")
@options.as_json
@click.pass_obj
def show_one(common: Common, *, webhook_id: str, as_json: bool | None) -> int:
    """Show a webhook, with its secret."""
    show = Show(as_json)
    with open_database(common.load().settings) as database:
        found = Webhooks(database).get(webhook_id)
    _tell(show, found, with_secret=True)
    return exits.OK


@command.command()
@click.argument("webhook_id")
@click.option("--url", help="Another URL.")
@click.option("--form", type=click.Choice(["json", "form"]))
@_events
@click.option("--all-events", is_flag=True, help="It wants all again.")
@click.option("--enable/--disable", "enabled", default=None)
@click.option("--new-secret", is_flag=True, help="Make another secret, and print it.")
@options.as_json
@click.pass_obj
def change(
    common: Common,
    *,
    webhook_id: str,
    url: str | None,
    form: str | None,
    events: tuple[str, ...],
    all_events: bool,
    enabled: bool | None,
    new_secret: bool,
    as_json: bool | None,
) -> int:
    """Change what is given."""
    show = Show(as_json)
    given = {"url": url, "form": form, "events": events or None, "enabled": enabled}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    changes |= {"events": ()} if all_events else {}
    changes |= {"secret": None} if new_secret else {}
    with open_database(common.load().settings) as database:
        changed = Webhooks(database).change(webhook_id, changes)
    _tell(show, changed, with_secret=new_secret)
    return exits.OK


@command.command()
@click.argument("webhook_id")
@click.pass_obj
def test(common: Common, *, webhook_id: str) -> int:
    """Send a webhook a message that tells nothing, and say what came of it."""
    settings = common.load().settings
    with open_database(settings) as database:
        hook = Webhooks(database).get(webhook_id)
    result = send_test(hook, settings)
    if isinstance(result, Delivered):
        click.echo("delivered")
        return exits.OK
    click.echo(printable(f"not delivered: {result.problem}"), err=True)
    return exits.JOB


@command.command()
@click.argument("webhook_id")
@click.pass_obj
def remove(common: Common, *, webhook_id: str) -> int:
    """Remove a webhook; what was still to be told to it is given up."""
    with open_database(common.load().settings) as database:
        Webhooks(database).remove(webhook_id)
    click.echo(f"webhook {webhook_id} is removed")
    return exits.OK


def _tell(show: Show, hook: Webhook, *, with_secret: bool) -> None:
    secret = {"secret": hook.secret} if with_secret else {}
    if show.as_json:
        show.line({"event": "webhook", **hook.as_dict(), **secret})
        return
    state = "enabled" if hook.enabled else "disabled"
    show.words(printable(f"{hook.id}: {without_password(hook.url)} ({hook.form}, {state})"))
    show.words(f"  account {hook.account_id}; {', '.join(hook.events) or 'all events'}")
    if with_secret:
        show.words(f"  secret {hook.secret}")
