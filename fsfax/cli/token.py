"""``fsfax token``: create, list and revoke tokens of the HTTP API."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

from fsfax.accounts.tokens import Scope, Token, Tokens
from fsfax.cli import exits, options
from fsfax.cli.main import Common
from fsfax.cli.show import Show, print_table
from fsfax.cli.store import open_database
from fsfax.errors import InvalidRequest
from fsfax.runtime.sanitize import escaped

_DAYS = re.compile(r"(\d{1,5})d\Z")


@click.group()
def command() -> None:
    """Create, list and revoke tokens of the HTTP API."""


@command.command()
@click.argument("account_id")
@click.option("--name", default="", help="A note on what the token is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="May be repeated; admin = everything in every account (default: read and write).",
)
@click.option(
    "--expires", metavar="TIME", help="A number of days (90d), or a time with zone (ISO 8601)."
)
@options.as_json
@click.pass_obj
def create(
    common: Common,
    *,
    account_id: str,
    name: str,
    scopes: tuple[str, ...],
    expires: str | None,
    as_json: bool | None,
) -> int:
    """Create a token for an account and print its secret.

    The secret cannot be shown again.
    """
    show = Show(as_json)
    wanted = tuple(map(Scope, scopes)) or (Scope.READ, Scope.WRITE)
    expires_at = _time(expires) if expires else None
    with open_database(common.load().settings) as database:
        token, secret = Tokens(database).create(
            account_id, name=name, scopes=wanted, expires_at=expires_at
        )
    if show.as_json:
        show.line({"event": "token", **token.as_dict(), "token": secret})
        return exits.OK
    # The secret alone on standard output, so that $(fsfax token create …) is all a script needs.
    click.echo(secret)
    until = f", until {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else ""
    click.echo(
        f"token {token.id} ({' and '.join(sorted(token.scopes))}{until}); store the secret: it is"
        " not shown again. Clients send it in the header X-Auth-Token.",
        err=True,
    )
    return exits.OK


@command.command()
@click.argument("token_id")
@options.as_json
@click.pass_obj
def revoke(common: Common, *, token_id: str, as_json: bool | None) -> int:
    """Revoke a token; TOKEN_ID is its id or its secret."""
    show = Show(as_json)
    with open_database(common.load().settings) as database:
        revoked = Tokens(database).revoke(_id(token_id))
    if show.as_json:
        show.line({"event": "token", **revoked.as_dict()})
    else:
        click.echo(f"token {revoked.id} is revoked")
    return exits.OK


@command.command("list")
@click.option("--account", "account_id", metavar="ID", help="Only tokens of this account.")
@options.as_json
@click.pass_obj
def show_all(common: Common, *, account_id: str | None, as_json: bool | None) -> int:
    """List tokens, the oldest first, without their secrets."""
    show = Show(as_json)
    with open_database(common.load().settings) as database:
        found = Tokens(database).list(account_id)
    if show.as_json:
        for token in found:
            show.line({"event": "token", **token.as_dict()})
        return exits.OK
    print_table(
        ("id", "account", "created", "allows", "until", "name"),
        (
            (
                token.id,
                token.account_id,
                f"{token.created_at:%Y-%m-%d}",
                " ".join(sorted(token.scopes)),
                _until(token),
                escaped(token.name),
            )
            for token in found
        ),
        wide="name",
    )
    return exits.OK


def _until(token: Token) -> str:
    if token.revoked_at:
        return "revoked"
    return f"{token.expires_at:%Y-%m-%d %H:%M}" if token.expires_at else ""


def _id(given: str) -> str:
    """Return the token id; it is part of the secret, which may be all that is at hand."""
    parts = given.split("_", 2)
    return parts[1] if given.startswith("fsfax_") and len(parts) > 1 else given


def _time(text: str) -> datetime:
    if days := _DAYS.match(text):
        return datetime.now(UTC) + timedelta(days=int(days[1]))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidRequest(
            f"--expires {text!r} is neither days (90d) nor a time with its zone"
            " (2027-01-31T12:00:00+00:00)"
        )
    return found
