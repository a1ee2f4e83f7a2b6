"""``fsfax receive``: wait for faxes and store them."""

from __future__ import annotations

from pathlib import Path

import click

from fsfax.cli import exits, options
from fsfax.cli.main import Common
from fsfax.cli.show import Show
from fsfax.engine.engine import Engine


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--count", type=click.IntRange(min=1), help="End after so many faxes.")
@click.option(
    "--timeout", type=float, metavar="SECONDS", help="End, with code 6, when none came for so long."
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
    """Store incoming faxes in FOLDER (default: the settings' inbox), until Ctrl-C.

    Faxes that came while nobody listened are found first. Each is stored as <id>.tif with its
    result in <id>.json. What the dialplan has to do is in dialplan/README.md.
    """
    settings = common.load(esl).settings
    show = Show(as_json)
    left = count
    with Engine(settings, hub="current") as engine:
        engine.wait_up(settings.esl.connect)
        with engine.receive(
            folder, on_progress=lambda call_id, seen: show.progress(seen, call_id)
        ) as faxes:
            show.words(f"waiting for faxes; they go to {folder or settings.inbox}")
            try:
                while left is None or left > 0:
                    show.received(faxes.get(timeout))
                    left = None if left is None else left - 1
            except KeyboardInterrupt:
                show.words("stopping; a fax under way is found at the next start")
            except TimeoutError:
                show.words(f"no fax came for {timeout:g} s")
                return exits.NOTHING_CAME
    return exits.OK
