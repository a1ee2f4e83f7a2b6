"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

esl = click.option(
    "--esl",
    metavar="[PASSWORD@]HOST:PORT",
    help="FreeSWITCH's event socket. A password on the command line is visible to other users:"
    " prefer FSFAX_NODES or fsfax.toml.",
)
gateway = click.option("--gateway", metavar="NAME", help="Sofia gateway to dial over.")
as_json = click.option(
    "--json/--no-json",
    "as_json",
    default=None,
    help="JSON lines instead of text (default: if standard output is not a terminal).",
)
resolution = click.option(
    "--resolution",
    type=click.Choice(["standard", "fine", "superfine"]),
    help="98, 196 or 391 lines per inch (default: the setting fax.resolution, fine).",
)
