"""Debian's ``libspandsp2`` (SpanDSP 0.0.6) through ctypes: the part that a fax terminal needs.

Prototypes, structures and values are those of its headers (``spandsp/t30.h``, ``t30_api.h``,
``t38_core.h``, ``t38_terminal.h``, ``fax.h``). FreeSWITCH's own SpanDSP 3 (``libspandsp.so.3``)
has other structure layouts and is not used.

This module can be imported without the library; `load` needs it.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, c_char_p, c_int, c_int16, c_uint16, c_void_p

from fsfax.errors import SpandspMissing

SONAME = "libspandsp.so.2"

SAMPLE_RATE = 8000
"""Samples a second; SpanDSP counts time in samples."""

# t30.h: modems, image compressions, resolutions and sizes that an end supports.
SUPPORT_V27TER, SUPPORT_V29, SUPPORT_V17 = 0x01, 0x02, 0x04
SUPPORT_T4_1D, SUPPORT_T4_2D, SUPPORT_T6 = 0x02, 0x04, 0x08
SUPPORT_STANDARD, SUPPORT_FINE, SUPPORT_SUPERFINE = 0x01, 0x02, 0x04
SUPPORT_R8, SUPPORT_R16 = 0x20000, 0x40000
SUPPORT_300, SUPPORT_400 = 0x100000, 0x200000
SUPPORT_WIDTH_A4, SUPPORT_WIDTH_B4, SUPPORT_WIDTH_A3 = 0x01, 0x02, 0x04
SUPPORT_UNLIMITED_LENGTH = 0x10000
SUPPORT_LENGTH_A4, SUPPORT_LENGTH_B4 = 0x20000, 0x40000
SUPPORT_LENGTH_LETTER, SUPPORT_LENGTH_LEGAL = 0x80000, 0x100000

MAX_IDENT = 20
"""Characters of a station id (T.30 5.3.6.2.4)."""
MAX_HEADER = 50
"""Characters of the text in the header line (T30_MAX_PAGE_HEADER_INFO)."""
MAX_PATH = 255
"""Bytes of a file name: t30_state_t has 256 with the NUL, and longer names are cut silently."""

COMPRESSION_T6 = 3

ENCODING_NAMES = {1: "T.4 1-D", 2: "T.4 2-D", 3: "T.6", 4: "T.85", 5: "T.85(L0)"}
"""``t4_image_compression_t`` (t4_rx.h) in FreeSWITCH's words (t4_encoding_to_str)."""

# t30_fcf.h: the answers after which the sender starts a page, and its disconnect.
FCF_CFR, FCF_MCF, FCF_DCN = 0x84, 0x8C, 0xFA
# The bit X of an FCF: 1 from the station that received a valid DIS (T.30 5.3.6.1).
FCF_X = 0x01

T38_UDPTL = 0
"""``T38_TRANSPORT_UDPTL``."""


class TransferStatistics(Structure):
    """``t30_stats_t`` of 0.0.6 (t30.h)."""

    _fields_ = (
        ("bit_rate", c_int),
        ("error_correcting_mode", c_int),
        ("pages_tx", c_int),
        ("pages_rx", c_int),
        ("pages_in_file", c_int),
        ("x_resolution", c_int),
        ("y_resolution", c_int),
        ("width", c_int),
        ("length", c_int),
        ("image_size", c_int),
        ("encoding", c_int),
        ("bad_rows", c_int),
        ("longest_bad_row_run", c_int),
        ("error_correcting_mode_retries", c_int),
        ("current_status", c_int),
    )


PhaseHandler = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
"""Phase B and D: (state, user data, FCF) → T30_ERR_OK."""
PhaseEHandler = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_int)
"""Phase E: (state, user data, completion code)."""
FrameHandler = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_int, c_void_p, c_int)
"""Each HDLC frame: (state, user data, incoming, message, length)."""
PacketHandler = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_int)
"""An IFP packet to send: (state, user data, bytes, length, how often) → 0."""

Samples = ctypes.POINTER(c_int16)

_PROTOTYPES: dict[str, tuple[object, tuple[object, ...]]] = {
    "t38_terminal_init": (c_void_p, (c_void_p, c_int, PacketHandler, c_void_p)),
    "t38_terminal_get_t30_state": (c_void_p, (c_void_p,)),
    "t38_terminal_get_t38_core_state": (c_void_p, (c_void_p,)),
    "t38_terminal_get_logging_state": (c_void_p, (c_void_p,)),
    "t38_terminal_send_timeout": (c_int, (c_void_p, c_int)),
    "t38_terminal_free": (c_int, (c_void_p,)),
    "t38_core_get_logging_state": (c_void_p, (c_void_p,)),
    "t38_core_rx_ifp_packet": (c_int, (c_void_p, c_char_p, c_int, c_uint16)),
    "t38_set_t38_version": (None, (c_void_p, c_int)),
    "t38_set_data_transport_protocol": (None, (c_void_p, c_int)),
    "fax_init": (c_void_p, (c_void_p, c_int)),
    "fax_get_t30_state": (c_void_p, (c_void_p,)),
    "fax_get_logging_state": (c_void_p, (c_void_p,)),
    "fax_set_transmit_on_idle": (None, (c_void_p, c_int)),
    "fax_tx": (c_int, (c_void_p, Samples, c_int)),
    "fax_rx": (c_int, (c_void_p, Samples, c_int)),
    "fax_free": (c_int, (c_void_p,)),
    "t30_set_tx_ident": (c_int, (c_void_p, c_char_p)),
    "t30_get_rx_ident": (c_char_p, (c_void_p,)),
    "t30_set_tx_page_header_info": (c_int, (c_void_p, c_char_p)),
    "t30_set_tx_page_header_tz": (c_int, (c_void_p, c_char_p)),
    "t30_set_ecm_capability": (c_int, (c_void_p, c_int)),
    "t30_set_rx_encoding": (c_int, (c_void_p, c_int)),
    "t30_set_supported_modems": (c_int, (c_void_p, c_int)),
    "t30_set_supported_compressions": (c_int, (c_void_p, c_int)),
    "t30_set_supported_resolutions": (c_int, (c_void_p, c_int)),
    "t30_set_supported_image_sizes": (c_int, (c_void_p, c_int)),
    "t30_set_tx_file": (None, (c_void_p, c_char_p, c_int, c_int)),
    "t30_set_rx_file": (None, (c_void_p, c_char_p, c_int)),
    "t30_set_phase_b_handler": (None, (c_void_p, PhaseHandler, c_void_p)),
    "t30_set_phase_d_handler": (None, (c_void_p, PhaseHandler, c_void_p)),
    "t30_set_phase_e_handler": (None, (c_void_p, PhaseEHandler, c_void_p)),
    "t30_set_real_time_frame_handler": (None, (c_void_p, FrameHandler, c_void_p)),
    "t30_get_transfer_statistics": (None, (c_void_p, POINTER(TransferStatistics))),
    "t30_get_logging_state": (c_void_p, (c_void_p,)),
    "t30_completion_code_to_str": (c_char_p, (c_int,)),
    "t30_terminate": (None, (c_void_p,)),
    "span_log_set_level": (c_int, (c_void_p, c_int)),
    "span_set_message_handler": (None, (c_void_p,)),
    "span_set_error_handler": (None, (c_void_p,)),
    # Of libtiff, which libspandsp links: it would print warnings to stderr.
    "TIFFSetErrorHandler": (c_void_p, (c_void_p,)),
    "TIFFSetWarningHandler": (c_void_p, (c_void_p,)),
}

_loaded: ctypes.PyDLL | None = None


def _open(name: str) -> ctypes.PyDLL:
    # PyDLL holds the interpreter lock. The calls take microseconds and there are thousands a
    # fax; if each released the lock, one busy thread could delay the line by a whole switch
    # interval (5 ms) every time.
    return ctypes.PyDLL(name)


def load() -> ctypes.PyDLL:
    """Return the library with its prototypes declared; loaded once.

    Raises:
        SpandspMissing: it is not installed, or is not SpanDSP 0.0.6.
    """
    global _loaded  # noqa: PLW0603 - a library is loaded once a process
    if _loaded is None:
        try:
            library = _open(SONAME)
            for name, (result, arguments) in _PROTOTYPES.items():
                function = getattr(library, name)
                function.restype = result
                function.argtypes = arguments
        except (OSError, AttributeError) as error:
            raise SpandspMissing(
                f"the stand-in softswitch needs SpanDSP 0.0.6 ({SONAME}): "
                f"apt-get install libspandsp2 ({error})"
            ) from error
        for silence in ("span_set_message_handler", "span_set_error_handler"):
            getattr(library, silence)(None)
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)
        _loaded = library
    return _loaded


def completion_text(code: int) -> str:
    """Return SpanDSP's text for a completion code (``T30_ERR_*``)."""
    text: bytes | None = load().t30_completion_code_to_str(code)
    return text.decode("ascii", "replace") if text else ""
