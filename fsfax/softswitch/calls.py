"""Calls placed: ``originate``, the called side's dialplan, calls from outside."""

from __future__ import annotations

import re
import time
from pathlib import Path

import gevent

from fsfax.errors import InvalidRequest
from fsfax.esl.dialstring import parse
from fsfax.log import get_logger
from fsfax.softswitch.applications import execute
from fsfax.softswitch.channel import SwitchChannel
from fsfax.softswitch.core import CallRecord, Core
from fsfax.softswitch.fax import Circuit
from fsfax.softswitch.line import Terminal
from fsfax.softswitch.numbers import Behaviour, behaviour

_log = get_logger(__name__)

REALM = "fsfax"
"""Realm of the marks that the called side's dialplan stores, as fsfax's own dialplan does."""

_USAGE = (
    "-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>]"
    " [<cid_name>] [<cid_num>] [<timeout_sec>]\n"
)
_GATEWAY = re.compile(r"sofia/gateway/([^/]+)/(.+)\Z")
_PROFILE = re.compile(r"sofia/([^/]+)/([^@/]+)@([^/]+)\Z")
_DIGITS = re.compile(r"\+?[0-9]{1,20}\Z")
_DEFAULT_TIMEOUT = 60.0
_MAX_NUMBER = 128


def originate(core: Core, arg: str) -> str:
    """Place a call; return ``+OK <uuid>`` once it is answered, else ``-ERR <CAUSE>``."""
    if len(arg.split()) < 2:  # noqa: PLR2004
        return _USAGE
    try:
        call = parse(arg)
    except InvalidRequest:
        return _error("DESTINATION_OUT_OF_ORDER")
    gateway, number, cause = _route(core, call.endpoint)
    if cause:
        return _error(cause)
    variables = dict(call.variables)
    call_id = variables.get("origination_uuid") or core.new_uuid()
    if call_id in core.channels:
        return _error("DESTINATION_OUT_OF_ORDER")
    channel = SwitchChannel(
        uuid=call_id,
        direction="outbound",
        number=number,
        caller_number=variables.get("origination_caller_id_number", "0000000000"),
        caller_name=variables.get("origination_caller_id_name", ""),
        session_id=core.next_session(),
        gateway=gateway,
        variables=variables,
    )
    record = CallRecord(uuid=call_id, number=number, created=time.time())
    core.begin(record)
    core.gateway_calls += 1
    core.add(channel)
    reply = _dial(core, channel, record)
    if channel.is_up:
        gevent.spawn(_run_caller, core, channel, call.application, call.argument, record)
    return reply


def _route(core: Core, endpoint: str) -> tuple[str, str, str]:
    """Return gateway and number and, if the endpoint cannot be called, the cause."""
    if (found := _GATEWAY.match(endpoint)) and len(found[2]) <= _MAX_NUMBER:
        if found[1] in core.down:
            return "", "", "GATEWAY_DOWN"
        if found[1] not in core.gateways:
            return "", "", "INVALID_GATEWAY"
        return found[1], found[2], ""
    if (found := _PROFILE.match(endpoint)) and len(found[2]) <= _MAX_NUMBER:
        return "", found[2], ""
    return "", "", "SUBSCRIBER_ABSENT" if endpoint.startswith("user/") else "CHAN_NOT_IMPLEMENTED"


def _error(cause: str) -> str:
    return f"-ERR {cause}\n"


def _dial(core: Core, channel: SwitchChannel, record: CallRecord) -> str:
    """Wait until the call is answered or refused, and return the answer of ``originate``."""
    what = behaviour(channel.number)
    if what.cause:
        gevent.sleep(core.pace(0.02))
        core.hang_up(channel, what.cause, sip_status=what.sip_status)
        return _unanswered(core, channel, record)
    called = _called_channel(core, channel.number, channel.caller_number, channel.caller_name)
    channel.peer, called.peer = called, channel
    record.called_uuid = called.uuid
    channel.circuit = called.circuit = Circuit(core, what, record, channel, called)
    if what.ring != 0 and what.party != "parked":
        channel.progress = int(time.time() * 1_000_000)
        core.fire(channel, "CHANNEL_PROGRESS")
        core.set_callstate(channel, "RINGING")
    gevent.spawn(_run_called, core, called, what, record)
    timeout = _ring_timeout(core, channel, what)
    gevent.wait([channel.picked_up, channel.hung_up], timeout=timeout, count=1)
    if channel.is_answered and channel.is_up:
        record.answered = time.time()
        channel.dialplan = True
        core.fire(channel, "CALL_UPDATE", first=[("Direction", "RECV")])
        return f"+OK {channel.uuid}\n"
    if channel.is_up:
        core.hang_up(channel, "NO_ANSWER")
        gevent.spawn(core.finish, channel)
    else:
        core.finish(channel)
    core.gateway_failures += 1
    core.end(record, channel.cause)
    _exit_if_restarted(channel)
    return _error(channel.cause)


def _ring_timeout(core: Core, channel: SwitchChannel, what: Behaviour) -> float | None:
    """Return how long the caller waits for an answer; None where the answer comes before that.

    Which of the two comes first is decided in seconds of the line: on a busy machine a clock
    that runs faster would cut off calls that are about to be answered.
    """
    timeout = _seconds(channel.get("originate_timeout"), _DEFAULT_TIMEOUT)
    if what.party == "parked":
        return timeout  # the client that takes the call over needs seconds of the real clock
    if what.ring is not None and what.ring < timeout:
        return None
    return core.pace(timeout)


def _unanswered(core: Core, channel: SwitchChannel, record: CallRecord) -> str:
    core.gateway_failures += 1
    core.end(record, channel.cause)
    core.finish(channel)
    _exit_if_restarted(channel)
    return _error(channel.cause)


def _exit_if_restarted(channel: SwitchChannel) -> None:
    if channel.cause == "SYSTEM_SHUTDOWN":
        raise gevent.GreenletExit  # the FreeSWITCH that would answer has ended


def _seconds(text: str, default: float) -> float:
    return float(text) if text.isascii() and text.isdigit() and 0 < len(text) < 7 else default  # noqa: PLR2004


def _run_caller(
    core: Core, channel: SwitchChannel, name: str, argument: str, record: CallRecord
) -> None:
    channel.flipped = True
    channel.set("channel_cid_flipped", "yes")
    core.set_state(channel, "CS_EXECUTE")
    if name:
        execute(core, channel, name, argument)
    core.hang_up(channel)
    core.finish(channel)
    core.end(record, channel.cause)


def _called_channel(core: Core, number: str, caller_number: str, caller_name: str) -> SwitchChannel:
    return SwitchChannel(
        uuid=core.new_uuid(),
        direction="inbound",
        number=number,
        caller_number=caller_number,
        caller_name=caller_name,
        session_id=core.next_session(),
    )


def _run_called(core: Core, channel: SwitchChannel, what: Behaviour, record: CallRecord) -> None:
    """Run the dialplan of the called side, until its channel has ended."""
    core.add(channel)
    channel.dialplan = True
    channel.reading = "PCMU"
    channel.state = "CS_ROUTING"
    core.set_callstate(channel, "RINGING")
    core.set_state(channel, "CS_ROUTING")
    core.set_state(channel, "CS_EXECUTE")
    _record_numbers(core, channel, what)
    for name, value in _dialplan_variables(channel, what).items():
        channel.set(name, value)
    for name, argument in _dialplan(core, channel, what):
        if channel.is_up and not execute(core, channel, name, argument):
            break
    if what.party == "fax" and what.lingers:
        channel.hung_up.wait()
    core.hang_up(channel)
    core.finish(channel)
    if record.uuid == channel.uuid:
        record.answered = channel.answered / 1_000_000 or None
        core.end(record, channel.cause)


def _record_numbers(core: Core, channel: SwitchChannel, what: Behaviour) -> None:
    """Store the numbers of caller and called side in ``db`` if they are digits.

    fsfax's own dialplan does the same.
    """
    if what.party != "fax":
        return
    for who, number in (("caller", channel.caller_number), ("called", channel.number)):
        if _DIGITS.match(number):
            core.db.command(f"insert/{REALM}_{who}/{channel.uuid}/{number}")


def _dialplan_variables(channel: SwitchChannel, what: Behaviour) -> dict[str, str]:
    if what.party not in ("fax", "parked"):
        return {}
    key = f"{REALM}/{channel.uuid}"
    values = {
        "api_on_fax_success": f"db insert/{key}/success",
        "api_on_fax_failure": f"db insert/{key}/failure",
        "api_hangup_hook": f"hash insert/{key}/ended",
        "fax_use_ecm": "" if what.ecm else "false",
        "fax_disable_v17": "" if what.v17 else "true",
    }
    return {"fsfax_takeover": "true"} if what.party == "parked" else values


def _dialplan(core: Core, channel: SwitchChannel, what: Behaviour) -> list[tuple[str, str]]:
    if what.ring is None:
        return [("playback", "ringback")]
    ring = [("sleep", str(int(what.ring * 1000)))] if what.ring else []
    if what.party == "parked":
        return [*ring, ("park", "")]
    if what.party == "hangs_up":
        return [*ring, ("answer", ""), ("sleep", "1000"), ("hangup", "")]
    if what.party != "fax":
        return [*ring, ("answer", ""), ("playback", what.party)]
    t38 = "true" if what.t38 else "false"
    folder = core.root / "in"
    folder.mkdir(parents=True, exist_ok=True)
    return [
        ("set", f"fax_enable_t38={t38}"),
        ("set", f"fax_enable_t38_request={t38}"),
        *ring,
        ("answer", ""),
        ("rxfax", str(folder / f"{channel.uuid}.tif")),
        *([] if what.lingers else [("hangup", "")]),
    ]


def call_in(
    core: Core,
    number: str,
    tiff: Path,
    *,
    caller_number: str,
    caller_name: str,
    ident: str,
) -> CallRecord:
    """Place a call from a fax outside to a number here; return its record at once."""
    what = behaviour(number)
    channel = _called_channel(core, number, caller_number, caller_name)
    record = CallRecord(
        uuid=channel.uuid, number=number, created=time.time(), called_uuid=channel.uuid
    )
    core.begin(record)
    if what.cause:
        core.end(record, what.cause)
        return record
    far_end = Terminal(ident=ident, header="", tx_file=tiff)
    channel.circuit = Circuit(core, what, record, far_end, channel)
    gevent.spawn(_run_called, core, channel, what, record)
    return record
