"""Hangup causes and their Q.850 numbers (``switch_types.h``: switch_call_cause_t)."""

from __future__ import annotations

Q850: dict[str, int] = {
    "NONE": 0,
    "UNALLOCATED_NUMBER": 1,
    "NO_ROUTE_TRANSIT_NET": 2,
    "NO_ROUTE_DESTINATION": 3,
    "CHANNEL_UNACCEPTABLE": 6,
    "NORMAL_CLEARING": 16,
    "USER_BUSY": 17,
    "NO_USER_RESPONSE": 18,
    "NO_ANSWER": 19,
    "SUBSCRIBER_ABSENT": 20,
    "CALL_REJECTED": 21,
    "NUMBER_CHANGED": 22,
    "DESTINATION_OUT_OF_ORDER": 27,
    "INVALID_NUMBER_FORMAT": 28,
    "NORMAL_UNSPECIFIED": 31,
    "NORMAL_CIRCUIT_CONGESTION": 34,
    "NETWORK_OUT_OF_ORDER": 38,
    "NORMAL_TEMPORARY_FAILURE": 41,
    "SWITCH_CONGESTION": 42,
    "REQUESTED_CHAN_UNAVAIL": 44,
    "BEARERCAPABILITY_NOTAVAIL": 58,
    "CHAN_NOT_IMPLEMENTED": 66,
    "FACILITY_NOT_IMPLEMENTED": 69,
    "INCOMPATIBLE_DESTINATION": 88,
    "RECOVERY_ON_TIMER_EXPIRE": 102,
    "INTERWORKING": 127,
    "ORIGINATOR_CANCEL": 487,
    "MANAGER_REQUEST": 703,
    "SYSTEM_SHUTDOWN": 701,
    "ALLOTTED_TIMEOUT": 802,
    "GATEWAY_DOWN": 809,
    "INVALID_GATEWAY": 808,
}
"""Numbers by the name of the cause; one above 127 is FreeSWITCH's own."""


def cause_named(text: str, default: str = "NORMAL_CLEARING") -> str:
    """Return the hangup cause that a command names in any case, or the default if unknown."""
    cause = text.strip().upper()
    return cause if cause in Q850 else default
