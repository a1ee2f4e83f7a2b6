"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

esl = click.option(
    "--esl",
    metavar="[PASSWORD@]HOST:PORT",
    help="FreeSWITCH's event socket; better keep the password in FSFAX_NODES or fsfax.toml.",
)
gateway = click.option("--gateway", metavar="NAME", help="Sofia gateway to dial over.")
as_json = click.option(
    "--json/--no-json",
    "as_json",
    default=None,
    help="JSON lines instead of words (default: when standard output is no terminal).",
)
resolution = click.option(
    "--resolution",
    type=click.Choice(["standard", "fine", "superfine"]),
    help="98, 196 or 391 lines an inch (default: the settings', fine).",
)
