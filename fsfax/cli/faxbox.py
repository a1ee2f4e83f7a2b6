"""``fsfax faxbox``: create, show, change and remove faxboxes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click

from fsfax.accounts.faxbox_config import MAX_RETENTION_DAYS, FaxboxConfig
from fsfax.accounts.faxboxes import Faxbox, Faxboxes
from fsfax.cli import exits, options
from fsfax.cli.main import Common
from fsfax.cli.show import Show, print_table
from fsfax.cli.store import open_database
from fsfax.errors import InvalidRequest
from fsfax.runtime.sanitize import escaped

_numbers = click.option(
    "--number",
    "numbers",
    multiple=True,
    metavar="NUMBER",
    help="A called number whose faxes arrive in it; repeatable.",
)
_set = click.option(
    "--set",
    "fields",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Any field of the API: fax_header=Clinic, retries=3,"
    " notifications.inbound.email.send_to=desk@example.org. A value may be JSON; null removes a"
    " field.",
)


_INBOUND_OPTIONS = (
    click.option(
        "--allow",
        multiple=True,
        metavar="CALLER",
        help="Accept faxes from this caller and others that are allowed, from no one else: a"
        " number, the beginning of numbers (+3531*), anonymous. Repeatable.",
    ),
    click.option(
        "--block",
        multiple=True,
        metavar="CALLER",
        help="Accept no faxes from this caller, even if it is allowed. Repeatable.",
    ),
    click.option("--forward-to", metavar="NUMBER", help="Forward complete faxes to this number."),
    click.option(
        "--retention-days",
        type=click.IntRange(1, MAX_RETENTION_DAYS),
        metavar="DAYS",
        help="Remove the documents of its faxes after this many days; the faxes stay.",
    ),
)


def _inbound_options(function: Callable[..., int]) -> Callable[..., int]:
    """Add the options for inbound faxes to a command."""
    for option in reversed(_INBOUND_OPTIONS):
        function = option(function)
    return function


@click.group()
def command() -> None:
    """Create, show, change and remove faxboxes."""


@command.command()
@click.argument("account_id")
@click.argument("name")
@_numbers
@_inbound_options
@_set
@options.as_json
@click.pass_obj
def create(
    common: Common,
    /,
    *,
    account_id: str,
    name: str,
    numbers: tuple[str, ...],
    fields: tuple[str, ...],
    as_json: bool | None,
    **inbound: Any,
) -> int:
    """Create a faxbox named NAME in an account and print its id."""
    show = Show(as_json)
    data = _with_fields(_with_inbound({"name": name}, **inbound), numbers, fields)
    settings = common.load().settings
    with open_database(settings) as database:
        box = Faxboxes(database, domain=settings.smtp.domain).create(account_id, data)
    if show.as_json:
        show.line({"event": "faxbox", **box.as_dict()})
        return exits.OK
    click.echo(box.id)
    click.echo(f"mails to NUMBER@{box.smtp_email_address} become faxes", err=True)
    return exits.OK


@command.command()
@click.argument("faxbox_id")
@click.option("--name", help="The new name.")
@_numbers
@_inbound_options
@_set
@options.as_json
@click.pass_obj
def change(
    common: Common,
    /,
    *,
    faxbox_id: str,
    name: str | None,
    numbers: tuple[str, ...],
    fields: tuple[str, ...],
    as_json: bool | None,
    **inbound: Any,
) -> int:
    """Change a faxbox.

    --number, --allow and --block each replace the whole list.
    --set callers=null accepts every caller again; --set forward_to=null ends forwarding, and
    --set retention_days=null stores documents without a limit.
    """
    show = Show(as_json)
    with open_database(common.load().settings) as database:
        boxes = Faxboxes(database)
        given = boxes.get(faxbox_id).given() | ({"name": name} if name else {})
        data = _with_fields(_with_inbound(given, **inbound), numbers, fields)
        changed = boxes.replace(faxbox_id, data)
    _print(show, changed)
    return exits.OK


@command.command("show")
@click.argument("faxbox_id")
@options.as_json
@click.pass_obj
def show_one(common: Common, *, faxbox_id: str, as_json: bool | None) -> int:
    """Show all fields of a faxbox."""
    show = Show(as_json)
    with open_database(common.load().settings) as database:
        found = Faxboxes(database).get(faxbox_id)
    _print(show, found)
    return exits.OK


@command.command("list")
@click.option("--account", "account_id", metavar="ID", help="Only this account's.")
@options.as_json
@click.pass_obj
def show_all(common: Common, *, account_id: str | None, as_json: bool | None) -> int:
    """List the faxboxes, the oldest first."""
    show = Show(as_json)
    with open_database(common.load().settings) as database:
        found = Faxboxes(database).list(account_id)
    if show.as_json:
        for box in found:
            show.line({"event": "faxbox", **box.as_dict()})
        return exits.OK
    print_table(
        ("id", "account", "name", "mail domain", "numbers"),
        (
            (
                box.id,
                box.account_id,
                box.name,
                box.custom_smtp_email_address or box.smtp_email_address,
                " ".join(box.numbers),
            )
            for box in found
        ),
        wide="numbers",
    )
    return exits.OK


@command.command()
@click.argument("faxbox_id")
@click.pass_obj
def remove(common: Common, *, faxbox_id: str) -> int:
    """Remove a faxbox; its faxes and numbers stay with the account."""
    with open_database(common.load().settings) as database:
        Faxboxes(database).remove(faxbox_id)
    click.echo(f"faxbox {faxbox_id} is removed")
    return exits.OK


def _print(show: Show, box: Faxbox) -> None:
    if show.as_json:
        show.line({"event": "faxbox", **box.as_dict()})
        return
    show.words(escaped(f"{box.id}: {box.name}"))
    show.words(f"  account {box.account_id}, created {box.created_at:%Y-%m-%d %H:%M} UTC")
    if box.numbers:
        show.words(f"  faxes to {', '.join(box.numbers)} arrive in it")
    for line in _inbound_lines(box.config):
        show.words(escaped(f"  {line}"))
    for domain in filter(None, (box.smtp_email_address, box.custom_smtp_email_address)):
        show.words(escaped(f"  mails to NUMBER@{domain} become faxes"))
    for name, value in sorted(box.config.as_dict().items()):
        if name in ("callers", "forward_to", "retention_days"):
            continue
        show.words(escaped(f"  {name} = {json.dumps(value, ensure_ascii=False)}"))


def _inbound_lines(config: FaxboxConfig) -> Iterator[str]:
    if config.callers and (allow := config.callers.allow):
        yield f"accepts faxes from {', '.join(allow)} only"
    if config.callers and (block := config.callers.block):
        yield f"accepts no faxes from {', '.join(block)}"
    if config.forward_to:
        yield f"forwards complete faxes to {config.forward_to}"
    if days := config.retention_days:
        yield f"documents are removed after {days} day{'s' if days != 1 else ''}"


def _with_inbound(
    given: Mapping[str, Any],
    *,
    allow: Sequence[str],
    block: Sequence[str],
    forward_to: str | None,
    retention_days: int | None,
) -> dict[str, Any]:
    """Return the given fields with the options of `_inbound_options` over them."""
    lists = {name: list(all) for name, all in (("allow", allow), ("block", block)) if all}
    options: dict[str, Any] = {"forward_to": forward_to, "retention_days": retention_days}
    options["callers"] = {**(given.get("callers") or {}), **lists} if lists else None
    return {**given, **{name: value for name, value in options.items() if value is not None}}


def _with_fields(
    given: Mapping[str, Any], numbers: Sequence[str], fields: Sequence[str]
) -> dict[str, Any]:
    """Return the given fields with numbers and ``FIELD=VALUE`` over them."""
    data: dict[str, Any] = json.loads(json.dumps(given))
    if numbers:
        data["numbers"] = list(numbers)
    for field in fields:
        path, equals, text = field.partition("=")
        *above, name = path.split(".")
        if not equals or not all((*above, name)):
            raise InvalidRequest(f"--set {field!r} is not FIELD=VALUE, such as retries=3")
        parent = data
        for step in above:
            child = parent.setdefault(step, {})
            if not isinstance(child, dict):
                raise InvalidRequest(f"--set {field!r}: {step} has no fields")
            parent = child
        value = _json_or_text(text)
        if value is None:
            parent.pop(name, None)
        else:
            parent[name] = value
    return data


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
