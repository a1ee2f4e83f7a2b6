"""``fsfax config``: the settings in force, and where each value came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from fsfax.cli import options
from fsfax.cli.main import Common
from fsfax.cli.show import Show


@click.command()
@options.as_json
@click.pass_obj
def command(common: Common, *, as_json: bool | None) -> int:
    """Show the settings in force and where each comes from.

    Secrets are shown as asterisks.
    """
    loaded = common.load()
    show = Show(as_json)
    values = loaded.settings.model_dump(mode="json")
    if show.as_json:
        show.line({"event": "config", "settings": values, "origins": dict(loaded.origins)})
        return 0
    for name, value in _leaves(values):
        origin = next(
            (where for leaf, where in loaded.origins.items() if name.split("[")[0] == leaf),
            "default",
        )
        show.words(f"{name} = {value!r}   ({origin})")
    return 0


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{name}[{number}]")
    else:
        yield name, value
