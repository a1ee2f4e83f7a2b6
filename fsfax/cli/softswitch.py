"""``fsfax softswitch``: run the stand-in for FreeSWITCH."""

from __future__ import annotations

from pathlib import Path

import click

from fsfax.cli.main import Common
from fsfax.softswitch import NUMBERS, serve


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8021,
    show_default=True,
    help="Port; 0 = any free one.",
)
@click.option(
    "--password", default="ClueCon", show_default=True, help="Password of the event socket."
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Times the speed of a real line; 0 = as fast as possible.",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for received faxes.",
)
@click.option("--numbers", "show_numbers", is_flag=True, help="List the magic numbers and exit.")
@click.pass_obj
def command(
    common: Common,
    *,
    host: str,
    port: int,
    password: str,
    speed: float,
    root: Path | None,
    show_numbers: bool,
) -> int:
    """Run a stand-in for FreeSWITCH.

    It has a real event socket and SpanDSP's real T.30 and T.38 engine, but no telephone line. Any
    number answers as a fax machine; magic numbers are busy, do not answer, drop the call and so on
    (--numbers). Ctrl-C ends it.
    """
    if show_numbers:
        for number, does in NUMBERS.items():
            click.echo(f"{number}  {does.name:<16} {does.summary}")
        return 0
    common.load()
    serve(host=host, port=port, password=password, speed=speed, root=root)
    return 0
