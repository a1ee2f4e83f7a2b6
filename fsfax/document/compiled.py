"""What of this package is compiled when fsfax is installed (pyproject.toml, ``ext-modules``).

Plain C without Python.h, called through ctypes, which lets go of the interpreter's lock. Where
there was no C compiler it is not there, and its callers do without.
"""

from __future__ import annotations

import ctypes
import importlib.util


def load(name: str) -> ctypes.CDLL | None:
    """Load a compiled library of this package; None where it cannot be used."""
    found = importlib.util.find_spec(f"fsfax.document.{name}")
    if found is None or found.origin is None:
        return None
    try:
        return ctypes.CDLL(found.origin)
    except OSError:  # compiled for another machine
        return None
