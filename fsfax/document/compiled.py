"""The compiled libraries of this package, built at installation (pyproject.toml, ``ext-modules``).

Plain C without Python.h, called through ctypes, which releases the interpreter lock. Where
there was no C compiler they are missing, and their callers fall back on other code.
"""

from __future__ import annotations

import ctypes
import importlib.util


def load(name: str) -> ctypes.CDLL | None:
    """Return a compiled library of this package; None where it cannot be used."""
    found = importlib.util.find_spec(f"fsfax.document.{name}")
    if found is None or found.origin is None:
        return None
    try:
        return ctypes.CDLL(found.origin)
    except OSError:  # compiled for another machine
        return None
