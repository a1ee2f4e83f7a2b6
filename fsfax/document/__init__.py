"""Documents: inspect, rasterise, TIFF-F in and out. Knows nothing of calls.

    with Converter() as converter:
        conversion = converter.convert("letter.pdf", "letter.tif", resolution="fine")

The names below are loaded when they are first used: a worker process imports this package too,
and has no use for gevent.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsfax.document.convert import Conversion, ConvertedPage, Converter

_HOMES = {
    "Conversion": "convert",
    "ConvertedPage": "convert",
    "Converter": "convert",
}

__all__ = ["Conversion", "ConvertedPage", "Converter"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"fsfax.document.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
