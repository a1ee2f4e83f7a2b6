"""``fsfax webhook``: URLs that get a request about every fax of an account."""

from __future__ import annotations

from typing import Any

import click

from fsfax.cli import exits, options
from fsfax.cli.main import Common
from fsfax.cli.show import Show, print_table
from fsfax.cli.store import open_database
from fsfax.notify.events import EVENTS
from fsfax.notify.send_result import Delivered
from fsfax.notify.subscriptions import Webhook, Webhooks
from fsfax.notify.targets import without_password
from fsfax.notify.webhook import send_test
from fsfax.runtime.sanitize import escaped

_events = click.option(
    "--event",
    "events",
    multiple=True,
    type=click.Choice(EVENTS),
    help="An event that is sent to the URL. May be repeated (default: all events).",
)


@click.group()
def command() -> None:
    """Create, show, change, test and remove webhooks."""


@command.command()
@click.argument("account_id")
@click.argument("url")
@click.option(
    "--form", type=click.Choice(["json", "form"]), default="json", help="Form of the body."
)
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
    """Send the events of an account's faxes to URL.

    Prints the webhook's id and, on standard error, the secret that requests are signed with.
    """
    show = Show(as_json)
    with open_database(common.load().settings) as database:
        hook = Webhooks(database).create(account_id, url, form=form, events=events)  # type: ignore[arg-type]
    if show.as_json:
        show.line({"event": "webhook", **hook.as_dict(), "secret": hook.secret})
        return exits.OK
    click.echo(hook.id)
    click.echo(f"requests are signed (standardwebhooks.com) with {hook.secret}", err=True)
    return exits.OK


@command.command("list")
@click.option("--account", "account_id", metavar="ID", help="Only webhooks of this account.")
@options.as_json
@click.pass_obj
def show_all(common: Common, *, account_id: str | None, as_json: bool | None) -> int:
    """List webhooks, the oldest first."""
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
    """Show a webhook and its secret."""
    show = Show(as_json)
    with open_database(common.load().settings) as database:
        found = Webhooks(database).get(webhook_id)
    _print(show, found, with_secret=True)
    return exits.OK


@command.command()
@click.argument("webhook_id")
@click.option("--url", help="New URL.")
@click.option("--form", type=click.Choice(["json", "form"]), help="Form of the body.")
@_events
@click.option("--all-events", is_flag=True, help="Send all events.")
@click.option("--enable/--disable", "enabled", default=None, help="Send requests, or none.")
@click.option("--new-secret", is_flag=True, help="Create and print a new secret.")
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
    """Change a webhook."""
    show = Show(as_json)
    given = {"url": url, "form": form, "events": events or None, "enabled": enabled}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    changes |= {"events": ()} if all_events else {}
    changes |= {"secret": None} if new_secret else {}
    with open_database(common.load().settings) as database:
        changed = Webhooks(database).change(webhook_id, changes)
    _print(show, changed, with_secret=new_secret)
    return exits.OK


@command.command()
@click.argument("webhook_id")
@click.pass_obj
def test(common: Common, *, webhook_id: str) -> int:
    """Send a test request to a webhook and print the result."""
    settings = common.load().settings
    with open_database(settings) as database:
        hook = Webhooks(database).get(webhook_id)
    result = send_test(hook, settings)
    if isinstance(result, Delivered):
        click.echo("delivered")
        return exits.OK
    click.echo(escaped(f"not delivered: {result.problem}"), err=True)
    return exits.JOB


@command.command()
@click.argument("webhook_id")
@click.pass_obj
def remove(common: Common, *, webhook_id: str) -> int:
    """Remove a webhook; its open deliveries are given up."""
    with open_database(common.load().settings) as database:
        Webhooks(database).remove(webhook_id)
    click.echo(f"webhook {webhook_id} is removed")
    return exits.OK


def _print(show: Show, hook: Webhook, *, with_secret: bool) -> None:
    secret = {"secret": hook.secret} if with_secret else {}
    if show.as_json:
        show.line({"event": "webhook", **hook.as_dict(), **secret})
        return
    state = "enabled" if hook.enabled else "disabled"
    show.words(escaped(f"{hook.id}: {without_password(hook.url)} ({hook.form}, {state})"))
    show.words(f"  account {hook.account_id}; {', '.join(hook.events) or 'all events'}")
    if with_secret:
        show.words(f"  secret {hook.secret}")
