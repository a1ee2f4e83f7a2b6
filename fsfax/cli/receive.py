"""``fsfax receive``: store inbound faxes in a folder."""

from __future__ import annotations

from pathlib import Path

import click

from fsfax.cli import exits, options
from fsfax.cli.main import Common
from fsfax.cli.show import Show
from fsfax.engine.engine import Engine


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--count", type=click.IntRange(min=1), help="End after this number of faxes.")
@click.option(
    "--timeout", type=float, metavar="SECONDS", help="End with code 6 after so long without a fax."
)
@options.esl
@options.as_json
@click.pass_obj
def command(
    common: Common,
    *,
    folder: Path | None,
    count: int | None,
    timeout: float | None,
    esl: str | None,
    as_json: bool | None,
) -> int:
    """Store inbound faxes in FOLDER until Ctrl-C.

    The default FOLDER is the setting inbox. Faxes that FreeSWITCH received while fsfax was not
    running are stored first. Each fax is stored as <id>.tif, its result as <id>.json. The
    dialplan that this needs is described in dialplan/README.md.
    """
    settings = common.load(esl).settings
    show = Show(as_json)
    left = count
    with Engine(settings, hub="current") as engine:
        engine.wait_up(settings.esl.connect)
        with engine.receive(
            folder, on_progress=lambda call_id, seen: show.progress(seen, call_id)
        ) as faxes:
            show.words(f"waiting for faxes; they are stored in {folder or settings.inbox}")
            try:
                while left is None or left > 0:
                    show.received(faxes.get(timeout))
                    left = None if left is None else left - 1
            except KeyboardInterrupt:
                show.words("stopping; a fax in progress is found at the next start")
            except TimeoutError:
                show.words(f"no fax within {timeout:g} s")
                return exits.NO_FAX
    return exits.OK
