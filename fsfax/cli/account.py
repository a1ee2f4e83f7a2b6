"""``fsfax account``: create, change and list accounts."""

from __future__ import annotations

import click

from fsfax.accounts.accounts import Account, Accounts
from fsfax.cli import exits, options
from fsfax.cli.main import Common
from fsfax.cli.show import Show, print_table
from fsfax.cli.store import open_database
from fsfax.runtime.sanitize import escaped

_numbers = click.option(
    "--number",
    "numbers",
    multiple=True,
    metavar="NUMBER",
    help="A called number whose faxes belong to the account. May be repeated.",
)
_max_calls = click.option(
    "--max-calls",
    type=click.IntRange(min=0),
    help="Simultaneous calls; 0 = the setting jobs.account_calls.",
)


@click.group()
def command() -> None:
    """Create, change and list accounts."""


@command.command()
@click.argument("name")
@click.option("--id", "account_id", metavar="ID", help="32 hex digits (default: random).")
@_max_calls
@_numbers
@options.as_json
@click.pass_obj
def create(
    common: Common,
    *,
    name: str,
    account_id: str | None,
    max_calls: int | None,
    numbers: tuple[str, ...],
    as_json: bool | None,
) -> int:
    """Create an account called NAME and print its id.

    The HTTP API asks for a token of the account: `fsfax token create ID`.
    """
    show = Show(as_json)
    with open_database(common.load().settings) as database:
        account = Accounts(database).create(
            name, account_id=account_id, max_calls=max_calls or 0, numbers=numbers
        )
    _print(show, account)
    return exits.OK


@command.command()
@click.argument("account_id")
@click.option("--name", help="New name.")
@_max_calls
@_numbers
@options.as_json
@click.pass_obj
def change(
    common: Common,
    *,
    account_id: str,
    name: str | None,
    max_calls: int | None,
    numbers: tuple[str, ...],
    as_json: bool | None,
) -> int:
    """Change an account.

    --number replaces all numbers of the account that belong to no faxbox.
    """
    show = Show(as_json)
    with open_database(common.load().settings) as database:
        account = Accounts(database).change(
            account_id, name=name, max_calls=max_calls, numbers=numbers or None
        )
    _print(show, account)
    return exits.OK


@command.command("list")
@options.as_json
@click.pass_obj
def show_all(common: Common, *, as_json: bool | None) -> int:
    """List the accounts, the oldest first."""
    show = Show(as_json)
    with open_database(common.load().settings) as database:
        found = Accounts(database).list()
    if show.as_json:
        for account in found:
            show.line({"event": "account", **account.as_dict()})
        return exits.OK
    print_table(
        ("id", "created", "calls", "name", "numbers"),
        (
            (
                account.id,
                f"{account.created_at:%Y-%m-%d}",
                str(account.max_calls or ""),
                account.name,
                " ".join(account.numbers),
            )
            for account in found
        ),
        wide="numbers",
    )
    return exits.OK


def _print(show: Show, account: Account) -> None:
    if show.as_json:
        show.line({"event": "account", **account.as_dict()})
        return
    click.echo(account.id)
    numbers = f", numbers {', '.join(account.numbers)}" if account.numbers else ""
    click.echo(escaped(f"account {account.name!r}{numbers}"), err=True)
