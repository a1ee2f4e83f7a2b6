"""SpanDSP's T.30 completion codes: names, meanings, classes.

The numbers are those of ``enum t30_err_e`` in SpanDSP's ``spandsp/t30.h``, which
mod_spandsp puts into ``fax-result-code``; the timers and signals are those of ITU-T T.30
(T0, T1 … in clause 5.4, DCN, DIS, DCS, MCF … in clause 5.3.6).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fsfax.values.outcome import Doubt, Meaning, Outcome

OK = 0
CALL_DROPPED = 49

_NOT_A_FAX = Outcome.NOT_A_FAX
_LINE = Outcome.LINE_TROUBLE
_INCOMPATIBLE = Outcome.INCOMPATIBLE
_DOCUMENT = Outcome.BAD_DOCUMENT
_LOCAL = Outcome.LOCAL_TROUBLE
_REFUSED = Outcome.REFUSED
_LAST = Doubt.LAST_PAGE

# Codes 15, 16, 18, 21, 22, 48 and 49 end a call after a page was sent and before its
# confirmation was received: that page may have been printed. With 2…14, 17, 19, 20 and
# 41…47 the sender was not in phase C or D, so nothing beyond the confirmed pages arrived.
CODES: Mapping[int, Meaning] = MappingProxyType(
    {
        0: Meaning("The fax was delivered.", Outcome.DELIVERED, False),
        1: Meaning("The far end's answer tone did not stop.", _LINE, True),
        2: Meaning(
            "The call was answered, but no fax machine was heard: a person, a mailbox or silence.",
            _NOT_A_FAX,
            True,
        ),
        3: Meaning(
            "A fax tone may have been heard, but the far end never sent its capabilities (DIS).",
            _NOT_A_FAX,
            True,
        ),
        4: Meaning("The far end asked for an operator, and no operator answered.", _LINE, True),
        5: Meaning(
            "The far end did not stop its carrier, so that nothing could be sent.", _LINE, True
        ),
        6: Meaning("The line is too poor for any speed that both machines support.", _LINE, True),
        7: Meaning("The far end's operator intervention failed.", _LINE, True),
        8: Meaning("The two fax machines have no mode in common.", _INCOMPATIBLE, False),
        9: Meaning("The far end cannot receive faxes.", _INCOMPATIBLE, False),
        10: Meaning("The far end cannot send faxes.", _INCOMPATIBLE, False),
        11: Meaning("The far end cannot receive at this resolution.", _INCOMPATIBLE, False),
        12: Meaning("The far end cannot receive pages of this size.", _INCOMPATIBLE, False),
        13: Meaning("The far end sent a message that is not expected in this phase.", _LINE, True),
        14: Meaning("The far end gave an invalid response to the training.", _LINE, True),
        15: Meaning("The far end hung up after a page.", _LINE, True, _LAST),
        16: Meaning(
            "The far end gave an invalid response to an error-corrected page.", _LINE, True, _LAST
        ),
        17: Meaning("The far end hung up before it sent its capabilities (DIS).", _LINE, True),
        18: Meaning("The far end gave an invalid response to a page.", _LINE, True, _LAST),
        19: Meaning("The far end did not send its capabilities (DIS).", _LINE, True),
        20: Meaning("The far end did not respond to the training.", _LINE, True),
        21: Meaning("The far end did not confirm a page.", _LINE, True, _LAST),
        22: Meaning("The far end was never ready for the next part.", _LINE, True, _LAST),
        23: Meaning("The sender used error correction in an invalid way.", _LINE, True, _LAST),
        24: Meaning("The far end asked to send while we were waiting to send.", _LINE, True),
        25: Meaning("The sender gave an unknown command after a page.", _LINE, True, _LAST),
        26: Meaning("The carrier was lost in the middle of a page.", _LINE, True, _LAST),
        27: Meaning("The end of a line of the page was not received in time.", _LINE, True, _LAST),
        28: Meaning("The page did not begin in time.", _LINE, True),
        29: Meaning("The sender ended the call without a disconnect message (DCN).", _LINE, True),
        30: Meaning("The sender sent nothing more between two pages.", _LINE, True, _LAST),
        31: Meaning("The sender announced a page and did not send it.", _LINE, True),
        32: Meaning("The sender announced another page and did not send it.", _LINE, True),
        33: Meaning("The sender sent nothing more while it was asked to wait.", _LINE, True, _LAST),
        34: Meaning("The sender sent nothing more before the first page.", _LINE, True),
        35: Meaning("The sender hung up before the negotiation ended.", _LINE, True),
        36: Meaning("The sender hung up before the page.", _LINE, True),
        37: Meaning("The sender hung up in the middle of a page.", _LINE, True, _LAST),
        38: Meaning("The sender hung up between two pages.", _LINE, True),
        39: Meaning("The sender hung up while it was asked to wait.", _LINE, True, _LAST),
        40: Meaning("The sender hung up instead of repeating a page.", _LINE, True, _LAST),
        41: Meaning("FreeSWITCH could not open the fax file.", _LOCAL, False),
        42: Meaning("The fax file does not have that page.", _DOCUMENT, False),
        43: Meaning("The fax file is not in a form that can be sent.", _DOCUMENT, False),
        44: Meaning("A page of the fax file has no page number tag.", _DOCUMENT, False),
        45: Meaning("The fax file has wrong tags.", _DOCUMENT, False),
        46: Meaning("The fax file has a wrong header.", _DOCUMENT, False),
        47: Meaning("FreeSWITCH ran out of memory for the fax.", _LOCAL, True),
        48: Meaning(
            "The page was repeated as often as allowed and was not confirmed.", _LINE, True, _LAST
        ),
        49: Meaning("The call ended before the fax was complete.", _LINE, True, _LAST),
        50: Meaning("Polling was not accepted.", _REFUSED, False),
        # 51…61: the identity or address that the far end gave was not accepted by our side.
        51: Meaning("The far end's station id was not accepted.", _REFUSED, False),
        52: Meaning("The far end's sub-address (SUB) was not accepted.", _REFUSED, False),
        53: Meaning(
            "The far end's selective polling address (SEP) was not accepted.", _REFUSED, False
        ),
        54: Meaning("The far end's polled sub-address (PSA) was not accepted.", _REFUSED, False),
        55: Meaning("The far end's sender identification (SID) was not accepted.", _REFUSED, False),
        56: Meaning("The far end's password (PWD) was not accepted.", _REFUSED, False),
        57: Meaning(
            "The far end's transmitting subscriber internet address (TSA) was not accepted.",
            _REFUSED,
            False,
        ),
        58: Meaning(
            "The far end's internet routing address (IRA) was not accepted.", _REFUSED, False
        ),
        59: Meaning(
            "The far end's calling subscriber internet address (CIA) was not accepted.",
            _REFUSED,
            False,
        ),
        60: Meaning(
            "The far end's internet selective polling address (ISP) was not accepted.",
            _REFUSED,
            False,
        ),
        61: Meaning(
            "The far end's called subscriber internet address (CSA) was not accepted.",
            _REFUSED,
            False,
        ),
    }
)

_UNKNOWN = Meaning(
    "The fax ended with an unknown completion code.", Outcome.LINE_TROUBLE, True, Doubt.LAST_PAGE
)


def meaning(code: int) -> Meaning:
    """Return what SpanDSP's completion code means.

    An unknown code counts as line trouble with the last page in doubt, the cautious reading.
    """
    return CODES.get(code, _UNKNOWN)
