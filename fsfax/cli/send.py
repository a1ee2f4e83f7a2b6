"""``fsfax send``: one document to one number."""

from __future__ import annotations

from pathlib import Path

import click

from fsfax.cli import exits, options
from fsfax.cli.main import Common
from fsfax.cli.show import Show
from fsfax.engine.attempt import SendOptions
from fsfax.engine.engine import Engine
from fsfax.engine.handles import SendCall
from fsfax.values.results import TxResult


@click.command(epilog=exits.TABLE)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", "to", required=True, metavar="NUMBER", help="Number to be called.")
@click.option("--from", "from_number", metavar="NUMBER", help="Caller id.")
@click.option("--name", "from_name", metavar="TEXT", help="Caller name.")
@click.option("--ident", metavar="TEXT", help="Our station id, at most 20 characters.")
@click.option("--header", metavar="TEXT", help="Text in the header line of each page.")
@click.option("--t38", type=click.Choice(["off", "on", "required"]))
@click.option("--ecm/--no-ecm", default=None, help="Error correction.")
@click.option("--v17/--no-v17", default=None, help="Modems above 9,600 bit/s.")
@click.option("--pages", metavar="A-B", help="Only these pages of the converted fax.")
@options.resolution
@options.esl
@options.gateway
@options.as_json
@click.pass_obj
def command(
    common: Common,
    /,
    *,
    file: Path,
    to: str,
    pages: str | None,
    esl: str | None,
    gateway: str | None,
    as_json: bool | None,
    **given: object,
) -> int:
    """Send FILE (PDF, TIFF, PNG, JPEG or text) as a fax and wait until it is through.

    Ctrl-C ends the call properly and says how far it came.
    """
    settings = common.load(esl, gateway).settings
    chosen: SendOptions = {name: value for name, value in given.items() if value is not None}  # type: ignore[assignment]
    if gateway:
        chosen["gateways"] = (gateway,)
    if pages:
        chosen["start_page"], chosen["end_page"] = _range(pages)
    show = Show(as_json)
    with Engine(settings, hub="current") as engine:
        show.words(f"{file.name} → {to}")
        result = _follow(engine.start(file, to, **chosen), show)
    show.sent(result)
    return exits.OUTCOMES[result.outcome]


def _follow(call: SendCall, show: Show) -> TxResult:
    """Show the call's progress; the first Ctrl-C cancels it, the next one gives up waiting."""
    try:
        for observation in call.progress():
            show.progress(observation)
    except KeyboardInterrupt:
        show.words("  cancelling …")
        call.cancel()
        for observation in call.progress():
            show.progress(observation)
    return call.result()


def _range(pages: str) -> tuple[int | None, int | None]:
    first, dash, last = pages.partition("-")
    try:
        start = int(first) if first else None
        end = int(last) if last else (None if dash else start)
    except ValueError:
        raise click.BadParameter("use 3, 2-5, 2- or -5", param_hint="--pages") from None
    return start, end
