"""The MMR coder of fsfax, in C: the same bytes as libtiff's, in a third of the time.

On a page of text more than half of the time went into libtiff's coder, and Ghostscript's pages go
through the same one: whoever wants to be as quick has to code more quickly, because pdfium draws
more carefully than Ghostscript does. T.6 goes from one changing element to the next, which numpy
cannot do at once for many of them in less time than libtiff (it was tried: twice as long), and no
package on PyPI that may be used here has another coder.

It is compiled when fsfax is installed, if there is a C compiler (`fsfax.document.compiled`).
`fsfax.document.ccitt` falls back on libtiff.
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
    """Code a packed bitmap by T.6 with EOFB, in FillOrder 2.

    Gives None where libtiff has to do it: the coder was not compiled, the width is no fax page's
    (more than 2559 pels), or the page would be twice as large as it is without any coding.
    """
    code = _coder()
    if code is None:
        return None
    bits = np.ascontiguousarray(bits)
    room = np.empty(2 * bits.nbytes + _SPARE, np.uint8)
    count = code(bits.ctypes.data, len(bits), width, room.ctypes.data, room.nbytes)
    return room[:count].tobytes() or None


def available() -> bool:
    """Whether the coder was compiled."""
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
