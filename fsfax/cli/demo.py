"""``fsfax demo``: send a fax from end to end on the stand-in, without a telephone line."""

from __future__ import annotations

from pathlib import Path

import click

from fsfax import log
from fsfax.cli import exits, options
from fsfax.cli.sample import sample_pdf
from fsfax.cli.show import Show
from fsfax.document import Converter, compare
from fsfax.engine.engine import Engine
from fsfax.settings import Settings
from fsfax.softswitch import Softswitch

NUMBER = "+15550100"


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-out"),
    show_default=True,
    help="Folder for the sample, the sent and the received fax.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=20.0,
    show_default=True,
    help="Times the speed of a real line; 1 = real time, 0 = as fast as possible.",
)
@options.as_json
def command(*, out: Path, speed: float, as_json: bool | None) -> int:
    """Send a sample letter through the built-in softswitch.

    Both ends are SpanDSP's real T.30 and T.38 engine. The received fax is compared with the sent
    one: the exit code is 0 only if every pixel of every page is identical.
    """
    log.configure("warning", "console")
    show = Show(False if as_json is None else as_json)
    out = out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    letter, sent, inbox = out / "sample.pdf", out / "sent.tif", out / "inbox"
    letter.write_bytes(sample_pdf())
    with Converter() as converter:
        converter.convert(letter, sent)
    with Softswitch(speed=speed, root=out / "switch") as switch:
        settings = Settings(nodes=(switch.node_settings(),), spool=out / "switch", inbox=inbox)
        with Engine(settings, hub="current") as engine, engine.receive() as faxes:
            show.words(f"{letter.name} → {NUMBER}, over T.38 at {speed:g} times line speed")
            result = engine.send(
                letter, NUMBER, ident="+1 555 0199", t38="required", on_progress=show.progress
            )
            show.sent(result)
            if not result.success:
                return exits.OUTCOMES[result.outcome]
            received = faxes.get(timeout=30)
            show.received(received)
    if received.file is None:
        show.words("nothing was received")
        return exits.FAULT
    difference = compare(sent, received.file)
    if show.as_json:
        facts = {"identical": difference.identical, "differences": difference.differences}
        show.line({"event": "compared", "received": str(received.file), **facts})
    show.words(f"sent:     {sent}")
    show.words(f"received: {received.file}")
    if not difference.identical:
        show.words("NOT identical: " + "; ".join(difference.differences))
        return exits.FAULT
    show.words(f"pixel-identical: yes, all {difference.pages[0]} pages")
    return exits.OK
