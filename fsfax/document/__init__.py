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
    from fsfax.document.inspection import InspectedPage, Inspection, inspect
    from fsfax.document.line_time import seconds_on_line
    from fsfax.document.render import Comparison, FaxBitmap, compare, read_pages, to_pdf, to_png

_HOMES = {
    "Comparison": "render",
    "Conversion": "convert",
    "ConvertedPage": "convert",
    "Converter": "convert",
    "FaxBitmap": "render",
    "InspectedPage": "inspection",
    "Inspection": "inspection",
    "compare": "render",
    "inspect": "inspection",
    "read_pages": "render",
    "seconds_on_line": "line_time",
    "to_pdf": "render",
    "to_png": "render",
}

__all__ = [
    "Comparison",
    "Conversion",
    "ConvertedPage",
    "Converter",
    "FaxBitmap",
    "InspectedPage",
    "Inspection",
    "compare",
    "inspect",
    "read_pages",
    "seconds_on_line",
    "to_pdf",
    "to_png",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(f"fsfax.document.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
