"""``fsfax doctor``: what would keep faxes from working, and the remedy."""

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
    """Look at each FreeSWITCH: connection, modules, gateway, timer, T.38, spool, marks.

    And at the jobs' database: tables, rights, workers, who gets faxes to unknown numbers, faxes
    that wait for a person; and at the way out for news: the mail relay, dead letters.

    Exit code 4 if something is broken at a FreeSWITCH, else 7 if something is at the database.
    """
    settings = common.load(esl, gateway).settings
    show = Show(as_json)
    switches = [
        _tell(show, f"{node.name} ({node.host}:{node.port})", node.name, examine(node, settings))
        for node in settings.nodes
    ]
    url = settings.database.get_secret_value()
    jobs = _tell(show, "jobs", "", examine_database(url, settings.inbound))
    _tell(show, "news", "", examine_notifications(settings))
    if not all(switches):
        return exits.UNREACHABLE
    return exits.OK if jobs else exits.STORE


def _tell(show: Show, title: str, node: str, checks: Iterator[Check]) -> bool:
    """Print the findings; tell whether nothing is broken."""
    show.words(title)
    whole = True
    for check in checks:
        whole &= check.verdict is not CheckStatus.BROKEN
        if show.as_json:
            show.line({"event": "check", "node": node, **asdict(check)})
        show.words(f"  {_SIGNS[check.verdict]} {check.name}: {check.detail}")
        if check.remedy:
            show.words(f"      → {check.remedy}")
    return whole
