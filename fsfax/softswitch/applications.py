"""Dialplan applications on a channel (``mod_dptools``, ``mod_spandsp``)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gevent

from fsfax.softswitch.causes import cause_named
from fsfax.softswitch.channel import SwitchChannel
from fsfax.softswitch.core import Core
from fsfax.softswitch.fax import terminal

_PLAYED_UNTIL_HANGUP = ("ringback", "voice", "silence")


def execute(core: Core, channel: SwitchChannel, name: str, data: str) -> bool:
    """Run one application from CHANNEL_EXECUTE to CHANNEL_EXECUTE_COMPLETE.

    Return whether the channel is still up. An application that does not exist ends the call,
    as in FreeSWITCH.
    """
    application = _APPLICATIONS.get(name.lower())
    if application is None:
        core.hang_up(channel, "DESTINATION_OUT_OF_ORDER")
        return False
    channel.application, channel.argument = name, data
    channel.set("current_application_data", data)
    channel.set("current_application", name)
    rest = [
        ("Application", name),
        ("Application-Data", data),
        ("Application-UUID", core.new_uuid()),
    ]
    core.fire(channel, "CHANNEL_EXECUTE", rest=rest)
    response = application(core, channel, data) or "_none_"
    if channel.reading:
        channel.reading = "PCMU"
    if channel.is_answered:
        channel.callstate = "ACTIVE"
    rest.insert(2, ("Application-Response", response))
    core.fire(channel, "CHANNEL_EXECUTE_COMPLETE", rest=rest)
    return channel.is_up


def _answer(core: Core, channel: SwitchChannel, _: str) -> str:
    core.answer(channel)
    return ""


def _set(_: Core, channel: SwitchChannel, data: str) -> str:
    # `export` is the same here: no other leg inherits the variable
    name, _equals, value = data.partition("=")
    if name and "${" not in value:
        channel.set(name.strip(), value)
    return ""


def _hangup(core: Core, channel: SwitchChannel, data: str) -> str:
    core.hang_up(channel, cause_named(data))
    return ""


def _sleep(core: Core, channel: SwitchChannel, data: str) -> str:
    milliseconds = int(data) if data.isascii() and data.isdigit() and len(data) < 9 else 0  # noqa: PLR2004
    channel.hung_up.wait(core.pace(milliseconds / 1000))
    return ""


def _playback(_: Core, channel: SwitchChannel, data: str) -> str:
    """Play ringback, a voice or silence until the call ends; sound files take no time."""
    if data in _PLAYED_UNTIL_HANGUP:
        channel.hung_up.wait()
    return ""


def _park(core: Core, channel: SwitchChannel, _: str) -> str:
    """Run the applications that ``sendmsg`` asks for, until the channel is hung up."""
    core.fire(channel, "CHANNEL_PARK")
    watcher = gevent.spawn(_wake_on_hangup, channel)
    try:
        while channel.is_up:
            name, data = channel.messages.get()
            if name:
                execute(core, channel, name, data)
    finally:
        watcher.kill()
    core.fire(channel, "CHANNEL_UNPARK")
    return ""


def _wake_on_hangup(channel: SwitchChannel) -> None:
    channel.hung_up.wait()
    channel.messages.put(("", ""))


def _txfax(core: Core, channel: SwitchChannel, data: str) -> str:
    path = Path(data)
    if not data or "\0" in data or not path.is_file():
        return "Cannot send non-existant fax file"
    if channel.circuit is None or channel.direction != "outbound":
        return "Cannot initialize Fax engine"  # here the caller sends
    core.answer(channel)
    response = channel.circuit.fax(channel, terminal(channel, sends=path))
    if not channel.circuit.far_end_hangs_up:
        # If the far end does not hang up after a successful fax, the application goes on.
        channel.hung_up.wait()
    return response


def _rxfax(core: Core, channel: SwitchChannel, data: str) -> str:
    path = Path(data)
    if not data or "\0" in data or not path.parent.is_dir():
        return "Cannot automatically set fax RX destination file"
    if channel.circuit is None or channel.direction != "inbound":
        return "Cannot initialize Fax engine"  # here the called side receives
    core.answer(channel)
    return channel.circuit.fax(channel, terminal(channel, stores=path))


_APPLICATIONS: dict[str, Callable[[Core, SwitchChannel, str], str]] = {
    "answer": _answer,
    "set": _set,
    "export": lambda core, channel, data: _set(core, channel, data.removeprefix("nolocal:")),
    "hangup": _hangup,
    "sleep": _sleep,
    "park": _park,
    "playback": _playback,
    "txfax": _txfax,
    "rxfax": _rxfax,
}
