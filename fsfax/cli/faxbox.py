"""``fsfax faxbox``: what the faxes to and from one number have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click
from pydantic import ValidationError

from fsfax.accounts.faxboxes import Faxbox, Faxboxes
from fsfax.api.models import FaxboxBody
from fsfax.cli import exits, options
from fsfax.cli.main import Common
from fsfax.cli.show import Show, print_table, printable
from fsfax.cli.store import open_database
from fsfax.errors import InvalidRequest
from fsfax.jobs.retention import LONGEST

_numbers = click.option(
    "--number",
    "numbers",
    multiple=True,
    metavar="NUMBER",
    help="A called number whose faxes come into it; as often as needed.",
)
_set = click.option(
    "--set",
    "fields",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Any field of the API: fax_header=Clinic, retries=3,"
    " notifications.inbound.email.send_to=desk@example.org. A value may be JSON; null removes it.",
)


_DECISIONS = (
    click.option(
        "--allow",
        multiple=True,
        metavar="CALLER",
        help="Takes faxes of these callers alone: a number, the beginning of some (+3531*),"
        " anonymous. As often as needed.",
    ),
    click.option(
        "--block",
        multiple=True,
        metavar="CALLER",
        help="Takes none of this caller, whoever is allowed. As often as needed.",
    ),
    click.option("--forward-to", metavar="NUMBER", help="Sends complete faxes on to this number."),
    click.option(
        "--retention-days",
        type=click.IntRange(1, LONGEST),
        metavar="DAYS",
        help="Removes the documents of its faxes after so many days; the faxes stay.",
    ),
)


def _decisions(function: Callable[..., int]) -> Callable[..., int]:
    """Options for what is done with faxes that come in."""
    for option in reversed(_DECISIONS):
        function = option(function)
    return function


@click.group()
def command() -> None:
    """Make faxboxes, show, change and remove them."""


@command.command()
@click.argument("account_id")
@click.argument("name")
@_numbers
@_decisions
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
    **decisions: Any,
) -> int:
    """Make a faxbox called NAME in an account; its id is printed."""
    show = Show(as_json)
    data = _laid_over(_decided({"name": name}, **decisions), numbers, fields)
    settings = common.load().settings
    with open_database(settings) as database:
        boxes = Faxboxes(database, domain=settings.smtp.domain)
        made = boxes.create(account_id, _checked(data))
    if show.as_json:
        show.line({"event": "faxbox", **made.as_dict()})
        return exits.OK
    click.echo(made.id)
    click.echo(f"mails to NUMBER@{made.smtp_email_address} become faxes", err=True)
    return exits.OK


@command.command()
@click.argument("faxbox_id")
@click.option("--name", help="Its new name.")
@_numbers
@_decisions
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
    **decisions: Any,
) -> int:
    """Change a faxbox.

    --number, --allow and --block each replace the whole list.
    --set callers=null lets everybody in again; --set forward_to=null and --set retention_days=null
    end those.
    """
    show = Show(as_json)
    with open_database(common.load().settings) as database:
        boxes = Faxboxes(database)
        given = boxes.get(faxbox_id).given() | ({"name": name} if name else {})
        data = _laid_over(_decided(given, **decisions), numbers, fields)
        changed = boxes.replace(faxbox_id, _checked(data))
    _tell(show, changed)
    return exits.OK


@command.command("show")
@click.argument("faxbox_id")
@options.as_json
@click.pass_obj
def show_one(common: Common, *, faxbox_id: str, as_json: bool | None) -> int:
    """Show everything that is known of a faxbox."""
    show = Show(as_json)
    with open_database(common.load().settings) as database:
        found = Faxboxes(database).get(faxbox_id)
    _tell(show, found)
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


def _tell(show: Show, box: Faxbox) -> None:
    if show.as_json:
        show.line({"event": "faxbox", **box.as_dict()})
        return
    show.words(printable(f"{box.id}: {box.name}"))
    show.words(f"  account {box.account_id}, made {box.created_at:%Y-%m-%d %H:%M} UTC")
    if box.numbers:
        show.words(f"  faxes to {', '.join(box.numbers)} come into it")
    for told in _told_decisions(box.data):
        show.words(printable(f"  {told}"))
    for domain in filter(None, (box.smtp_email_address, box.custom_smtp_email_address)):
        show.words(printable(f"  mails to NUMBER@{domain} become faxes"))
    for name, value in sorted(box.data.items()):
        if name in ("callers", "forward_to", "retention_days"):
            continue
        show.words(printable(f"  {name} = {json.dumps(value, ensure_ascii=False)}"))


def _told_decisions(data: Mapping[str, Any]) -> Iterator[str]:
    lists = data.get("callers") or {}
    if allow := lists.get("allow"):
        yield f"takes faxes of {', '.join(allow)} alone"
    if block := lists.get("block"):
        yield f"takes no faxes of {', '.join(block)}"
    if target := data.get("forward_to"):
        yield f"complete faxes are sent on to {target}"
    if days := data.get("retention_days"):
        yield f"documents are removed after {days} day{'s' if days != 1 else ''}"


def _decided(
    given: Mapping[str, Any],
    *,
    allow: Sequence[str],
    block: Sequence[str],
    forward_to: str | None,
    retention_days: int | None,
) -> dict[str, Any]:
    """What was given before, with the options of `_decisions` over it."""
    lists = {name: list(all) for name, all in (("allow", allow), ("block", block)) if all}
    decided: dict[str, Any] = {"forward_to": forward_to, "retention_days": retention_days}
    decided["callers"] = {**(given.get("callers") or {}), **lists} if lists else None
    return {**given, **{name: value for name, value in decided.items() if value is not None}}


def _laid_over(
    given: Mapping[str, Any], numbers: Sequence[str], fields: Sequence[str]
) -> dict[str, Any]:
    """What was given before, with numbers and ``FIELD=VALUE`` over it."""
    data: dict[str, Any] = json.loads(json.dumps(given))
    if numbers:
        data["numbers"] = list(numbers)
    for field in fields:
        path, equals, text = field.partition("=")
        *above, name = path.split(".")
        if not equals or not all((*above, name)):
            raise InvalidRequest(f"--set {field!r} is not FIELD=VALUE, such as retries=3")
        place = data
        for step in above:
            below = place.setdefault(step, {})
            if not isinstance(below, dict):
                raise InvalidRequest(f"--set {field!r}: {step} has no fields")
            place = below
        value = _value(text)
        if value is None:
            place.pop(name, None)
        else:
            place[name] = value
    return data


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _checked(data: dict[str, Any]) -> dict[str, Any]:
    try:
        checked = FaxboxBody.model_validate(data).model_dump(exclude_unset=True, mode="json")
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}"
            for each in error.errors(include_url=False)
        )
        raise InvalidRequest(f"the faxbox cannot be like that: {wrong}") from error
    return checked
