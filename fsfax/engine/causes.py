"""Hangup causes of calls on which no fax result was reported.

Names and Q.850 numbers are FreeSWITCH's (``switch_call_cause_t`` in ``switch_types.h``; up to
127 they are ITU-T Q.850's, above that FreeSWITCH's own). mod_sofia turns SIP responses into
causes (``hangup_sip_response``; RFC 3398 in reverse).

`Cause.local` decides about the next gateway: only a failure that happened before the call reached
the called party allows another one. A busy, refused, unanswered or answered call is never tried
over another gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fsfax.values.outcome import Meaning, Outcome


@dataclass(frozen=True, slots=True)
class Cause:
    """One hangup cause: FreeSWITCH's name, its Q.850 number, and what it means.

    ``local``: the call did not leave our gateway, so another gateway may be tried.
    """

    name: str
    q850: int
    meaning: Meaning
    local: bool = False


def _causes() -> Mapping[str, Cause]:
    busy, silent, refused = Outcome.BUSY, Outcome.NO_ANSWER, Outcome.REFUSED
    number, ours, line = Outcome.BAD_NUMBER, Outcome.LOCAL_TROUBLE, Outcome.LINE_TROUBLE
    incompatible, cancelled = Outcome.INCOMPATIBLE, Outcome.CANCELLED
    # name, Q.850, message, class, retry makes sense, another gateway may be tried
    rows: tuple[tuple[str, int, str, Outcome, bool, bool], ...] = (
        ("NONE", 0, "The call ended without a reason.", line, True, False),
        ("UNALLOCATED_NUMBER", 1, "The number does not exist.", number, False, False),
        ("NO_ROUTE_TRANSIT_NET", 2, "There is no route to that network.", ours, False, True),
        ("NO_ROUTE_DESTINATION", 3, "There is no route to that number.", number, False, True),
        ("CHANNEL_UNACCEPTABLE", 6, "The network refused the channel.", ours, True, True),
        ("CALL_AWARDED_DELIVERED", 7, "The network delivered the call on another channel.", line, True, False),
        ("NORMAL_CLEARING", 16, "The call ended before a fax was sent.", line, True, False),
        ("USER_BUSY", 17, "The number is busy.", busy, True, False),
        ("NO_USER_RESPONSE", 18, "The far end did not respond.", silent, True, False),
        ("NO_ANSWER", 19, "The call was not answered.", silent, True, False),
        ("SUBSCRIBER_ABSENT", 20, "The far end is not connected at present.", silent, True, False),
        ("CALL_REJECTED", 21, "The call was rejected.", refused, False, False),
        ("NUMBER_CHANGED", 22, "The number has changed.", number, False, False),
        ("REDIRECTION_TO_NEW_DESTINATION", 23, "The number was redirected.", number, False, False),
        ("EXCHANGE_ROUTING_ERROR", 25, "The network could not route the call.", ours, True, True),
        ("DESTINATION_OUT_OF_ORDER", 27, "The far end's line is out of order.", line, True, False),
        ("INVALID_NUMBER_FORMAT", 28, "The number is incomplete or wrong.", number, False, False),
        ("FACILITY_REJECTED", 29, "The network refused a feature of the call.", ours, False, True),
        ("RESPONSE_TO_STATUS_ENQUIRY", 30, "The network asked for a status.", line, True, False),
        ("NORMAL_UNSPECIFIED", 31, "The call ended without a stated reason.", line, True, False),
        ("NORMAL_CIRCUIT_CONGESTION", 34, "All lines are in use.", ours, True, True),
        ("NETWORK_OUT_OF_ORDER", 38, "The network is out of order.", ours, True, True),
        ("NORMAL_TEMPORARY_FAILURE", 41, "The network has a temporary failure.", ours, True, True),
        ("SWITCH_CONGESTION", 42, "The switch is overloaded.", ours, True, True),
        ("ACCESS_INFO_DISCARDED", 43, "The network lost a part of the call set-up.", ours, True, True),
        ("REQUESTED_CHAN_UNAVAIL", 44, "No channel is free.", ours, True, True),
        ("PRE_EMPTED", 45, "The network ended the call for a more urgent one.", line, True, False),
        ("FACILITY_NOT_SUBSCRIBED", 50, "The line lacks a needed feature.", ours, False, True),
        ("OUTGOING_CALL_BARRED", 52, "Outgoing calls are barred.", ours, False, True),
        ("INCOMING_CALL_BARRED", 54, "The far end is barred from being called.", refused, False, False),
        ("BEARERCAPABILITY_NOTAUTH", 57, "This kind of call is not permitted.", ours, False, True),
        ("BEARERCAPABILITY_NOTAVAIL", 58, "This kind of call is not available now.", ours, True, True),
        ("SERVICE_UNAVAILABLE", 63, "The service is not available.", ours, True, True),
        ("BEARERCAPABILITY_NOTIMPL", 65, "This kind of call is not implemented.", ours, False, True),
        ("CHAN_NOT_IMPLEMENTED", 66, "This kind of channel is not implemented.", ours, False, True),
        ("FACILITY_NOT_IMPLEMENTED", 69, "A feature of the call is not implemented.", ours, False, True),
        ("SERVICE_NOT_IMPLEMENTED", 79, "The service is not implemented.", ours, False, True),
        ("INVALID_CALL_REFERENCE", 81, "The network has no such call.", line, True, False),
        ("INCOMPATIBLE_DESTINATION", 88, "The far end cannot take this kind of call.", incompatible, False, False),
        ("INVALID_MSG_UNSPECIFIED", 95, "A signalling message was invalid.", ours, True, True),
        ("MANDATORY_IE_MISSING", 96, "A signalling message was incomplete.", ours, False, True),
        ("MESSAGE_TYPE_NONEXIST", 97, "A signalling message was not known.", ours, False, True),
        ("WRONG_MESSAGE", 98, "A signalling message was out of place.", ours, True, True),
        ("IE_NONEXIST", 99, "A signalling message had an unknown part.", ours, False, True),
        ("INVALID_IE_CONTENTS", 100, "A signalling message had a wrong part.", ours, False, True),
        ("WRONG_CALL_STATE", 101, "A signalling message came at a wrong time.", line, True, False),
        ("RECOVERY_ON_TIMER_EXPIRE", 102, "The gateway did not respond.", ours, True, True),
        ("MANDATORY_IE_LENGTH_ERROR", 103, "A signalling message had a wrong length.", ours, False, True),
        ("PROTOCOL_ERROR", 111, "The signalling broke down.", ours, True, True),
        ("INTERWORKING", 127, "The call ended in another network without a stated reason.", line, True, False),
        ("SUCCESS", 142, "The call ended normally, without a fax.", line, True, False),
        ("ORIGINATOR_CANCEL", 487, "The call was cancelled before it was answered.", cancelled, True, False),
        ("CRASH", 700, "FreeSWITCH crashed during the call.", ours, True, False),
        ("SYSTEM_SHUTDOWN", 701, "FreeSWITCH was shut down during the call.", ours, True, False),
        ("LOSE_RACE", 702, "Another call was answered first.", line, True, False),
        ("MANAGER_REQUEST", 703, "The call was ended by an operator.", cancelled, True, False),
        ("BLIND_TRANSFER", 800, "The call was transferred away.", line, True, False),
        ("ATTENDED_TRANSFER", 801, "The call was transferred away.", line, True, False),
        ("ALLOTTED_TIMEOUT", 802, "The call reached its time limit.", line, True, False),
        ("USER_CHALLENGE", 803, "The gateway wants other credentials.", ours, False, True),
        ("MEDIA_TIMEOUT", 804, "The far end stopped sending media.", line, True, False),
        ("PICKED_OFF", 805, "The call was picked up elsewhere.", line, True, False),
        ("USER_NOT_REGISTERED", 806, "The far end's device is not registered.", silent, True, False),
        ("PROGRESS_TIMEOUT", 807, "The gateway made no progress with the call.", ours, True, True),
        ("INVALID_GATEWAY", 808, "FreeSWITCH has no gateway of that name.", ours, False, True),
        ("GATEWAY_DOWN", 809, "The gateway is down.", ours, True, True),
        ("INVALID_URL", 810, "FreeSWITCH could not parse the dial string.", ours, False, True),
        ("INVALID_PROFILE", 811, "FreeSWITCH has no sofia profile of that name.", ours, False, True),
        ("NO_PICKUP", 812, "The call was not picked up.", silent, True, False),
        ("SRTP_READ_ERROR", 813, "The encryption of the call broke down.", line, True, False),
        ("BOWOUT", 814, "The call left this FreeSWITCH.", line, True, False),
        ("BUSY_EVERYWHERE", 815, "The number is busy everywhere.", busy, True, False),
        ("DECLINE", 816, "The far end declined the call.", refused, False, False),
        ("DOES_NOT_EXIST_ANYWHERE", 817, "The number does not exist anywhere.", number, False, False),
        ("NOT_ACCEPTABLE", 818, "The far end cannot accept this kind of call.", incompatible, False, False),
        ("UNWANTED", 819, "The far end marked the call as unwanted.", refused, False, False),
        ("NO_IDENTITY", 820, "The network wants a signed caller identity.", refused, False, False),
        ("BAD_IDENTITY_INFO", 821, "The network did not accept the caller identity.", refused, False, False),
        ("UNSUPPORTED_CERTIFICATE", 822, "The network did not accept the caller's certificate.", refused, False, False),
        ("INVALID_IDENTITY", 823, "The network found the caller identity invalid.", refused, False, False),
        ("STALE_DATE", 824, "The network found the caller identity out of date.", refused, True, False),
        ("REJECT_ALL", 825, "The far end rejects all calls.", refused, False, False),
        # Not of switch_call_cause_t, but replies to originate itself.
        ("CHAN_NOT_FOUND", 0, "FreeSWITCH has no channel of that type.", ours, False, True),
    )  # fmt: skip
    return MappingProxyType(
        {
            name: Cause(name, q850, Meaning(message, outcome, retry), local)
            for name, q850, message, outcome, retry, local in rows
        }
    )


CAUSES: Mapping[str, Cause] = _causes()


def cause(name: str) -> Cause:
    """Return the cause of that name; an unknown one is line trouble that may be retried.

    ``name`` may come from an event or from the ``-ERR`` reply to originate, where more words may
    follow the cause.
    """
    word = name.strip().split(" ", 1)[0].upper()
    return CAUSES.get(word) or Cause(
        word or "NONE",
        0,
        Meaning("The call ended for a reason that is not known here.", Outcome.LINE_TROUBLE, True),
    )
