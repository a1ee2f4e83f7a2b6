"""``fsfax doctor``: check the whole installation and print a remedy for each problem."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import click

from fsfax.cli import exits, options
from fsfax.cli.main import Common
from fsfax.cli.show import Show
from fsfax.engine.doctor import Check, CheckStatus, examine
from fsfax.jobs.doctor import examine_database
from fsfax.notify.doctor import examine_notifications

_SIGNS = {CheckStatus.OK: "✓", CheckStatus.WARNING: "!", CheckStatus.BROKEN: "✗"}


@click.command()
@options.esl
@options.gateway
@options.as_json
@click.pass_obj
def command(common: Common, *, esl: str | None, gateway: str | None, as_json: bool | None) -> int:
    """Check FreeSWITCH, database and mail relay.

    Of each FreeSWITCH: connection, modules, gateway, timer, T.38, spool, marks. Of the database:
    tables, permissions, workers, the account or faxbox that gets faxes to unknown numbers, held
    jobs. Of notifications: the mail relay, short messages, dead letters.

    Exit code 4 if a check of a FreeSWITCH fails, else 7 if one of the database does.
    """
    settings = common.load(esl, gateway).settings
    show = Show(as_json)
    switches = [
        _print(show, f"{node.name} ({node.host}:{node.port})", node.name, examine(node, settings))
        for node in settings.nodes
    ]
    url = settings.database.get_secret_value()
    jobs = _print(show, "jobs", "", examine_database(url, settings.inbound))
    _print(show, "notifications", "", examine_notifications(settings))
    if not all(switches):
        return exits.UNREACHABLE
    return exits.OK if jobs else exits.STORE


def _print(show: Show, title: str, node: str, checks: Iterator[Check]) -> bool:
    """Print the results of the checks; return whether none of them failed."""
    show.words(title)
    passed = True
    for check in checks:
        passed &= check.verdict is not CheckStatus.BROKEN
        if show.as_json:
            show.line({"event": "check", "node": node, **asdict(check)})
        show.words(f"  {_SIGNS[check.verdict]} {check.name}: {check.detail}")
        if check.remedy:
            show.words(f"      → {check.remedy}")
    return passed
