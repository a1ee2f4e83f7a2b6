"""``fsfax doctor``: what would keep faxes from working, and the remedy."""

from __future__ import annotations

from dataclasses import asdict

import click

from fsfax.cli import exits, options
from fsfax.cli.main import Common
from fsfax.cli.show import Show
from fsfax.engine.doctor import Verdict, examine

_SIGNS = {Verdict.OK: "✓", Verdict.WARNING: "!", Verdict.BROKEN: "✗"}


@click.command()
@options.esl
@options.gateway
@options.as_json
@click.pass_obj
def command(common: Common, *, esl: str | None, gateway: str | None, as_json: bool | None) -> int:
    """Look at each FreeSWITCH: connection, modules, gateway, timer, T.38, spool, marks.

    Exit code 4 if something is broken.
    """
    settings = common.load(esl, gateway).settings
    show = Show(as_json)
    broken = False
    for node in settings.nodes:
        show.words(f"{node.name} ({node.host}:{node.port})")
        for check in examine(node, settings):
            broken |= check.verdict is Verdict.BROKEN
            if show.as_json:
                show.line({"event": "check", "node": node.name, **asdict(check)})
            show.words(f"  {_SIGNS[check.verdict]} {check.name}: {check.detail}")
            if check.remedy:
                show.words(f"      → {check.remedy}")
    return exits.UNREACHABLE if broken else exits.OK
