"""``fsfax softswitch``: the stand-in for FreeSWITCH, to try things out on."""

from __future__ import annotations

from pathlib import Path

import click

from fsfax.cli.main import Common
from fsfax.softswitch import NUMBERS, serve


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8021, show_default=True)
@click.option("--password", default="ClueCon", show_default=True, help="Of the event socket.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="How many times faster than a real line; 0 = as fast as possible.",
)
@click.option("--root", type=click.Path(path_type=Path, file_okay=False), help="Received faxes.")
@click.option("--numbers", "show_numbers", is_flag=True, help="List the magic numbers and end.")
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
    """Run a stand-in for FreeSWITCH: a real event socket, real T.30 and T.38, no telephone line.

    Any number answers as a fax machine; magic numbers are busy, never answer, drop the call
    and so on (--numbers). Stop it with Ctrl-C.
    """
    if show_numbers:
        for number, does in NUMBERS.items():
            click.echo(f"{number}  {does.name:<16} {does.summary}")
        return 0
    common.load()
    serve(host=host, port=port, password=password, speed=speed, root=root)
    return 0
