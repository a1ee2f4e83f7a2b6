"""``fsfax send``: send one document to one number and wait for the result."""

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


@click.command(epilog=exits.POINTER)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", "to", required=True, metavar="NUMBER", help="Number to call.")
@click.option("--from", "from_number", metavar="NUMBER", help="Caller id.")
@click.option("--name", "from_name", metavar="TEXT", help="Caller name.")
@click.option("--ident", metavar="TEXT", help="Station id (TSI) to send, at most 20 characters.")
@click.option("--header", metavar="TEXT", help="Text in the header line of each page.")
@click.option("--t38", type=click.Choice(["off", "on", "required"]), help="Use of T.38.")
@click.option("--ecm/--no-ecm", default=None, help="Error correction mode.")
@click.option("--v17/--no-v17", default=None, help="Allow modems above 9,600 bit/s.")
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
    """Send FILE as a fax and wait for the result.

    FILE is a PDF, TIFF, PNG, JPEG or text. Ctrl-C hangs up and prints which pages were confirmed.
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
    """Print the call's progress; the first Ctrl-C cancels the call, the second stops waiting."""
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
