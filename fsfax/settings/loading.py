"""Loads settings from a file, the environment and the command line.

Order of precedence, weakest first: the defaults of the model, a TOML file (``fsfax.toml`` in the
working folder, or the file named by ``FSFAX_CONFIG``), environment variables ``FSFAX_*`` (a
double underscore steps inside: ``FSFAX_TIMEOUTS__ANSWER=90``; lists are JSON), command-line
flags.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError

from fsfax.errors import ConfigurationError
from fsfax.settings.model import Settings


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings, and the origin of each value that is not a default.

    ``origins`` maps a dotted name (``timeouts.answer``) to ``file PATH``, ``environment`` or
    ``command line``.
    """

    settings: Settings
    origins: Mapping[str, str]


def load_settings(
    file: str | PathLike[str] | None = None, overrides: Mapping[str, Any] | None = None
) -> Settings:
    """Return the settings read from file, environment and ``overrides`` (nested like the model).

    ``file`` defaults to ``$FSFAX_CONFIG``, then to ``fsfax.toml`` in the working folder, where
    a missing file is no error unless it was named.

    Raises:
        ConfigurationError: the file is missing or is not TOML, or a value is wrong; the
            message names the setting and where the value came from.
    """
    return load_with_origins(file, overrides).settings


def load_with_origins(
    file: str | PathLike[str] | None = None, overrides: Mapping[str, Any] | None = None
) -> LoadedSettings:
    """Return the settings as `load_settings` does, and where each value came from.

    Raises:
        ConfigurationError: as `load_settings`.
    """
    named = file or os.environ.get("FSFAX_CONFIG")
    path = Path(named) if named else None
    layers: list[tuple[str, Mapping[str, Any]]] = []
    if path is None and Path("fsfax.toml").is_file():
        path = Path("fsfax.toml")
    if path is not None:
        layers.append((f"file {path}", _read_toml(path)))
    _require_known_variables()
    try:
        layers.append(("environment", EnvSettingsSource(Settings)()))
    except SettingsError as error:
        raise ConfigurationError(
            f"a FSFAX_* environment variable cannot be read: {error}; lists and tables are JSON"
        ) from error
    layers.append(("command line", overrides or {}))

    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, layer in layers:
        merged = _merge(merged, layer)
        origins.update(dict.fromkeys(_leaves(layer), origin))
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        raise ConfigurationError(_explain(error, origins)) from error
    return LoadedSettings(settings, origins)


def _require_known_variables() -> None:
    """Raise ConfigurationError for a misspelt variable; pydantic-settings ignores unknown names."""
    known = {f"FSFAX_{name.upper()}" for name in Settings.model_fields}
    for variable in os.environ:
        first = variable.upper().partition("__")[0]
        if not first.startswith("FSFAX_") or first in known or first == "FSFAX_CONFIG":
            continue
        if first.startswith("FSFAX_TEST_"):  # of the project's own tests
            continue
        near = difflib.get_close_matches(first, known, 1, cutoff=0.75)
        hint = f"; did you mean {near[0]}?" if near else "; `fsfax config` lists the settings"
        raise ConfigurationError(f"{variable} is no setting{hint}")


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from error


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = (
            _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def _leaves(layer: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in layer.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _explain(error: ValidationError, origins: Mapping[str, str]) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"])
        origin = next(
            (where for leaf, where in origins.items() if f"{name}.".startswith(f"{leaf}.")), None
        )
        lines.append(f"{name}: {problem['msg']}" + (f" ({origin})" if origin else ""))
    return "wrong settings: " + "; ".join(lines)
