"""The MMR coder of fsfax, in C: the same bytes as libtiff's, in a third of the time.

On a page of text libtiff's coder took more than half of the time. Ghostscript uses libtiff's
coder too; because pdfium draws more carefully than Ghostscript, fsfax is as fast only with a
faster coder. T.6 goes from one changing element to the next. numpy cannot do that for many of
them at once in less time than libtiff (it was tried: twice the time), and no package on PyPI
with a licence that fits has another coder.

It is compiled when fsfax is installed, if there is a C compiler (`fsfax.document.compiled`).
Without it, `fsfax.document.ccitt` uses libtiff.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fsfax.document import compiled

_SPARE = 4096


def encode(bits: NDArray[np.uint8], width: int) -> bytes | None:
    """Return a packed bitmap coded by T.6 with EOFB, in FillOrder 2.

    None where libtiff has to code it: the coder was not compiled, the page is wider than a fax
    page (more than 2559 pels), or its code would be twice as large as the bitmap.
    """
    code = _coder()
    if code is None:
        return None
    bits = np.ascontiguousarray(bits)
    out = np.empty(2 * bits.nbytes + _SPARE, np.uint8)
    count = code(bits.ctypes.data, len(bits), width, out.ctypes.data, out.nbytes)
    return out[:count].tobytes() or None


def available() -> bool:
    """Return whether the coder was compiled."""
    return _coder() is not None


@functools.cache
def _coder() -> Callable[..., int] | None:
    library = compiled.load("_mmr")
    if library is None:
        return None
    function = library.fsfax_mmr
    function.restype = ctypes.c_size_t
    function.argtypes = [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_int,
        ctypes.c_void_p,
        ctypes.c_size_t,
    ]
    return function
