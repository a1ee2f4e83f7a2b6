"""MH, MR and MMR: the coders of ITU-T T.4 and T.6 in libtiff; MMR also by the faster `mmr`.

The library is the one that Pillow has loaded, found by its path and called through ctypes.
Called through Pillow, every pel is expanded to a byte and packed again, which takes four times
as long as the coding. Where no libtiff can be found, Pillow makes the same strips.

Bitmaps are packed rows of ``(width + 7) // 8`` bytes, the leftmost pel in the highest bit, 1 is
black. Strips have the bit order of the line, the first bit in the lowest (FillOrder 2): RFC 3949
section 4.3.2 requires it in profile S and recommends it elsewhere, and SpanDSP works in that
order, so that no bits are reversed before they are sent.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import io
import os
import struct
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, TiffImagePlugin

from fsfax.document import mmr
from fsfax.errors import DocumentDamaged

Coding = Literal["mmr", "mh", "mr"]
Bits = NDArray[np.uint8]

_COMPRESSION: dict[str, int] = {"mh": 3, "mr": 3, "mmr": 4}
_T4_OPTIONS: dict[str, int] = {"mh": 4, "mr": 5}
"""T4Options: bit 0 two-dimensional, bit 2 EOLs end on a byte (RFC 3949 section 3.4.2)."""

_FAXMODE, _FAXMODE_CLASSF = 65536, 1
_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def compression_tag(coding: Coding) -> int:
    """Return the Compression tag of a coding: 3 is T.4, 4 is T.6."""
    return _COMPRESSION[coding]


def options_tag(coding: Coding) -> tuple[int, int]:
    """Return tag and value of the T4Options or T6Options of a coding."""
    return (293, 0) if coding == "mmr" else (292, _T4_OPTIONS[coding])


def reverse_bits(data: bytes) -> bytes:
    """Return the data with the bits of every byte reversed: FillOrder 1 to 2 and back."""
    return data.translate(_REVERSED)


def row_bytes(width: int) -> int:
    """Return the number of bytes of one packed row."""
    return (width + 7) // 8


def encode(bits: Bits, width: int, coding: Coding) -> bytes:
    """Return a packed bitmap coded as one strip, in FillOrder 2.

    Args:
        bits: ``height`` rows of ``row_bytes(width)`` bytes, 1 is black.
        width: pels of a row.
        coding: ``mmr`` is T.6 with EOFB; ``mh`` is T.4 with an EOL that ends on a byte before
            every row and without RTC, as in TIFF class F (RFC 2306 section 3.3).

    Raises:
        ValueError: the shape of the bitmap does not fit the width.
    """
    height = len(bits)
    if bits.shape != (height, row_bytes(width)) or bits.dtype != np.uint8:
        raise ValueError(f"bitmap of shape {bits.shape} is not {width} pels wide")
    if coding == "mmr" and (strip := mmr.encode(bits, width)) is not None:
        return strip
    library = _libtiff()
    if library is None:
        return _encode_with_pillow(bits, width, coding)
    return _encode_with_libtiff(library, np.ascontiguousarray(bits), width, coding)


def _encode_with_libtiff(library: ctypes.CDLL, bits: Bits, width: int, coding: Coding) -> bytes:
    height = len(bits)
    memory = os.memfd_create("fax")
    try:
        tiff = library.TIFFFdOpen(os.dup(memory), b"fax", b"wl")
        if not tiff:
            raise MemoryError("libtiff cannot open a file in memory")
        try:
            for tag, value in _page_fields(width, height, coding):
                library.TIFFSetField(tiff, tag, ctypes.c_int(value))
            written = library.TIFFWriteEncodedStrip(tiff, 0, bits.ctypes.data, bits.nbytes)
        finally:
            library.TIFFClose(tiff)
        if written != bits.nbytes:
            raise MemoryError("libtiff cannot write a file in memory")
        return _first_strip(os.pread(memory, os.fstat(memory).st_size, 0))
    finally:
        os.close(memory)


def decode(strip: bytes, width: int, height: int, coding: Coding) -> tuple[Bits, bool]:
    """Return the bitmap of a strip in FillOrder 2, and whether the strip was complete.

    Of a strip that ends early, or that contains a code unknown to T.4, the rows before that
    place are decoded and the rest is white.

    Raises:
        DocumentDamaged: the strip cannot be decoded at all.
    """
    page = _single_page(strip, width, height, coding)
    library = _libtiff()
    if library is None:
        return _decode_with_pillow(page, width, height)
    memory = os.memfd_create("fax")
    try:
        os.pwrite(memory, page, 0)
        tiff = library.TIFFFdOpen(os.dup(memory), b"fax", b"r")
        if not tiff:
            raise DocumentDamaged("the page's strip cannot be decoded; ask for it to be sent again")
        complaints = []
        # libtiff reports bad rows and a missing end to its handlers only, and goes on.
        handler = _HANDLER(lambda *_: complaints.append(1))
        try:
            bits = np.zeros((height, row_bytes(width)), np.uint8)
            _set_handlers(library, handler)
            read = library.TIFFReadEncodedStrip(tiff, 0, bits.ctypes.data, bits.nbytes)
        finally:
            _set_handlers(library, None)
            library.TIFFClose(tiff)
    finally:
        os.close(memory)
    return bits, read == bits.nbytes and not complaints


def _page_fields(width: int, height: int, coding: Coding) -> list[tuple[int, int]]:
    fields = [
        (256, width),
        (257, height),
        (258, 1),
        (277, 1),
        (259, compression_tag(coding)),
        (262, 0),
        (266, 2),
        (278, height),
    ]
    if coding != "mmr":
        fields += [(_FAXMODE, _FAXMODE_CLASSF), options_tag(coding)]
    return fields


def _single_page(strip: bytes, width: int, height: int, coding: Coding) -> bytes:
    option, value = options_tag(coding)
    entries = [
        *((tag, number) for tag, number in _page_fields(width, height, coding) if tag < _FAXMODE),
        (273, 8),
        (279, len(strip)),
        (option, value),
    ]
    ifd = b"".join(struct.pack("<HHII", tag, 4, 1, number) for tag, number in sorted(set(entries)))
    count = len(set(entries))
    offset = 8 + len(strip) + len(strip) % 2
    return (
        struct.pack("<2sHI", b"II", 42, offset)
        + strip
        + b"\0" * (len(strip) % 2)
        + struct.pack("<H", count)
        + ifd
        + b"\0\0\0\0"
    )


def _first_strip(tiff: bytes) -> bytes:
    """Return the strip of a little-endian TIFF that libtiff has just written."""
    offset = struct.unpack_from("<I", tiff, 4)[0]
    found = {}
    for index in range(struct.unpack_from("<H", tiff, offset)[0]):
        tag, form, _, value = struct.unpack_from("<HHII", tiff, offset + 2 + 12 * index)
        found[tag] = value & 0xFFFF if form == 3 else value  # noqa: PLR2004
    return tiff[found[273] : found[273] + found[279]]


def _encode_with_pillow(bits: Bits, width: int, coding: Coding) -> bytes:
    image = Image.frombytes("1", (width, len(bits)), (~bits).tobytes())
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[262], info[266], info[278] = 0, 2, len(bits)
    compression = "group4"
    if coding != "mmr":
        compression = "group3"
        info[292] = _T4_OPTIONS[coding]
    out = io.BytesIO()
    image.save(out, "TIFF", compression=compression, tiffinfo=info, strip_size=bits.nbytes)
    return _first_strip(out.getvalue())


def _decode_with_pillow(page: bytes, width: int, height: int) -> tuple[Bits, bool]:
    whole = True
    image = Image.open(io.BytesIO(page))
    try:
        image.load()
    except OSError:
        whole = False
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            image = Image.open(io.BytesIO(page))
            image.load()
        except OSError as error:
            raise DocumentDamaged(
                "the page's strip cannot be decoded; ask for it to be sent again"
            ) from error
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False
    packed = np.frombuffer(image.tobytes(), np.uint8).reshape(height, row_bytes(width))
    bits = ~packed
    if width % 8:
        bits[:, -1] &= 0xFF << (8 - width % 8) & 0xFF
    return bits, whole


@functools.cache
def _libtiff() -> ctypes.CDLL | None:
    """Return the libtiff that Pillow has loaded, or the system's, or None."""
    Image.init()
    for path in _candidates():
        try:
            library = ctypes.CDLL(path)
            _declare(library)
        except (OSError, AttributeError):
            continue
        return library
    return None


def _candidates() -> list[str]:
    found = []
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        path = line.rpartition(" ")[2]
        if path.rpartition("/")[2].startswith("libtiff") and path not in found:
            found.append(path)
    if system := ctypes.util.find_library("tiff"):
        found.append(system)
    return found


def _declare(library: ctypes.CDLL) -> None:
    handle, size = ctypes.c_void_p, ctypes.c_ssize_t
    library.TIFFFdOpen.restype = handle
    library.TIFFFdOpen.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p]
    library.TIFFSetField.argtypes = [handle, ctypes.c_uint32]
    library.TIFFClose.argtypes = [handle]
    library.TIFFClose.restype = None
    for name in ("TIFFWriteEncodedStrip", "TIFFReadEncodedStrip"):
        function = getattr(library, name)
        function.restype = size
        function.argtypes = [handle, ctypes.c_uint32, handle, size]
    for name in ("TIFFSetWarningHandler", "TIFFSetErrorHandler"):
        function = getattr(library, name)
        function.restype = handle
        function.argtypes = [handle]
    _set_handlers(library, None)


def _set_handlers(library: ctypes.CDLL, handler: object) -> None:
    """Have libtiff call this handler for bad data; without one it reports nothing."""
    pointer = ctypes.cast(handler, ctypes.c_void_p) if handler is not None else None  # type: ignore[arg-type]
    library.TIFFSetWarningHandler(pointer)
    library.TIFFSetErrorHandler(pointer)
