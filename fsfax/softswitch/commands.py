"""API commands, with the answers of FreeSWITCH 1.10.12 (``mod_commands.c`` and others)."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable
from html import escape
from pathlib import Path
from urllib.parse import unquote

from fsfax.softswitch.calls import call_in, originate
from fsfax.softswitch.causes import cause_named
from fsfax.softswitch.channel import PROFILE, SwitchChannel
from fsfax.softswitch.core import Core
from fsfax.softswitch.fax import problem

_NO_CHANNEL = "-ERR No such channel!\n"
_NO_REPLY = "-ERR no reply\n"
_SETVAR_MULTI_USAGE = "-USAGE: <uuid> <var>=<value>;<var>=<value>...\n"
_SHOW_USAGE = (
    "-USAGE: codec|endpoint|application|api|dialplan|file|timer|calls [count]|channels"
    " [count|like <match string>]|calls|detailed_calls|bridged_calls|detailed_bridged_calls|"
    "aliases|complete|chat|management|modules|nat_map|say|interfaces|interface_types|tasks|"
    "limits|status\n"
)
_FSCTL = "[hupall|loglevel|max_sessions|sps|last_sps|pause_check]"
_OUTSIDER = ("+15550190", "", "+1 555 0190")
_INLINE = re.compile(r"(.*\S)\s+inline(?:\s|\Z)")
_LEG = re.compile(r"\s+(?:aleg|bleg|holdb|both)\Z")
_MODULES = frozenset(
    {
        "mod_spandsp",
        "mod_sofia",
        "mod_commands",
        "mod_db",
        "mod_hash",
        "mod_dptools",
        "mod_event_socket",
    }
)
_LINE = "=" * 97
VERSION = "1.10.12-fsfax-softswitch"
"""The version of FreeSWITCH whose answers are given, marked as that of the stand-in."""

Command = Callable[[Core, str], str]
ChannelCommand = Callable[[Core, SwitchChannel, str], str]


def run(core: Core, name: str, arg: str) -> str:
    """Carry out one API command and return its answer.

    An answer that FreeSWITCH leaves empty is mod_event_socket's ``-ERR no reply``.
    """
    command = _COMMANDS.get(name.lower())
    if command is None:
        return f"-ERR {name} Command not found!\n"
    return command(core, arg) or _NO_REPLY


def _on_channel(
    usage: str = "", *, needs_rest: bool = True, no_channel: str = _NO_CHANNEL
) -> Callable[[ChannelCommand], Command]:
    """Return a decorator for commands ``<uuid> <rest>``, which get the channel and the rest.

    The answer is ``usage``, if there is one, where the rest is missing (or the uuid, if the
    command does not need the rest), and ``no_channel`` where there is no such channel.
    """

    def decorate(function: ChannelCommand) -> Command:
        def command(core: Core, arg: str) -> str:
            call_id, _, rest = arg.partition(" ")
            if usage and not (rest.strip() if needs_rest else arg):
                return usage
            channel = core.channels.get(call_id)
            return function(core, channel, rest) if channel else no_channel

        return command

    return decorate


@_on_channel("-USAGE: <uuid> [cause]\n", needs_rest=False)
def _uuid_kill(core: Core, channel: SwitchChannel, cause: str) -> str:
    core.hang_up(channel, cause_named(cause))
    return "+OK\n"


def _uuid_exists(core: Core, arg: str) -> str:
    return "true" if arg.partition(" ")[0] in core.channels else "false"


@_on_channel("-USAGE: <uuid> [format]\n", needs_rest=False)
def _uuid_dump(core: Core, channel: SwitchChannel, _: str) -> str:
    return channel.dump(core.events.make("CHANNEL_DATA").headers)


@_on_channel("-USAGE: <uuid> <var>\n")
def _uuid_getvar(_: Core, channel: SwitchChannel, rest: str) -> str:
    return channel.get(rest.split(maxsplit=1)[0]) or "_undef_"


@_on_channel("-USAGE: <uuid> <var> [value]\n")
def _uuid_setvar(_: Core, channel: SwitchChannel, rest: str) -> str:
    name, _space, value = rest.partition(" ")
    if "${" in value:
        return _NO_REPLY  # switch_channel_set_variable: "Invalid data"
    channel.set(name, value)
    return "+OK\n"


@_on_channel(_SETVAR_MULTI_USAGE, no_channel=_NO_CHANNEL + _SETVAR_MULTI_USAGE)
def _uuid_setvar_multi(_: Core, channel: SwitchChannel, pairs: str) -> str:
    for pair in pairs.split(";"):
        name, equals, value = pair.partition("=")
        if equals and name and "${" not in value:
            channel.set(name, value)
    return "+OK\n"


@_on_channel(no_channel="-ERROR\n")
def _uuid_answer(core: Core, channel: SwitchChannel, _: str) -> str:
    core.answer(channel)
    return "+OK\n"


@_on_channel("-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n")
def _uuid_transfer(core: Core, channel: SwitchChannel, rest: str) -> str:
    """Run an inline dialplan on a parked channel; there is no other extension here."""
    inline = _INLINE.match(rest)
    if inline is None:
        core.hang_up(channel, "NO_ROUTE_DESTINATION")
        return "+OK\n"
    for step in inline[1].strip("'").split(","):
        name, _, data = step.partition(":")
        channel.messages.put((name.strip(), data))
    channel.messages.put(("hangup", ""))
    return "+OK\n"


@_on_channel("-USAGE: <uuid> <path> [aleg|bleg|holdb|both]\n", no_channel="-ERR invalid uuid\n")
def _uuid_broadcast(_: Core, channel: SwitchChannel, rest: str) -> str:
    """Run ``application::argument`` on a parked channel; sound files are not played here."""
    name, is_application, data = rest.partition("::")
    if is_application:
        channel.messages.put((name, _LEG.sub("", data)))
    return "+OK Message sent\n"


@_on_channel()
def _uuid_park(_core: Core, _channel: SwitchChannel, _: str) -> str:
    """Answer for a channel that is parked already; other channels are not parked here."""
    return "+OK\n"


def _call_in(core: Core, arg: str) -> str:
    """Have a fax outside send a TIFF to a number here; not a command of FreeSWITCH.

    ``softswitch_call_in <number> <tiff> [<caller number> [<caller name> [<station id>]]]``; the
    words are URL-encoded, so that a test can use any characters in names.
    """
    words = [unquote(word, errors="replace") for word in arg.split()]
    if not 2 <= len(words) <= 5:  # noqa: PLR2004
        return "-USAGE: <number> <tiff> [<caller number> [<caller name> [<station id>]]]\n"
    tiff = Path(words[1])
    if "\0" in words[1] or not tiff.is_file():
        return f"-ERR no such file: {words[1]}\n"
    number, name, ident = [*words[2:], *_OUTSIDER[len(words) - 2 :]]
    record = call_in(core, words[0], tiff, caller_number=number, caller_name=name, ident=ident)
    return f"+OK {record.uuid}\n"


def _show(core: Core, arg: str) -> str:
    words = arg.lower().split()
    what = words[0] if words else ""
    if what not in ("channels", "calls"):
        return _SHOW_USAGE
    # ``show calls`` pairs bridged legs; here each leg stands alone, as with faxes.
    rows = [channel.row(core.switchname) for channel in list(core.channels.values())]
    if "count" in words:
        if "json" in words:
            # Observed: the rows are omitted even when there are some, and so is the line end.
            return json.dumps({"row_count": len(rows), "rows": []}, separators=(",", ":"))
        return f"\n{len(rows)} total.\n"
    if "json" in words:
        return json.dumps({"row_count": len(rows), **({"rows": rows} if rows else {})}) + "\n"
    if not rows:
        return "\n0 total.\n"
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    return "\n".join(lines) + f"\n\n{len(rows)} total.\n"


def _status(core: Core, _: str) -> str:
    up = time.time() - core.started
    days, hours, minutes, seconds = (
        int(up // 86400),
        int(up // 3600 % 24),
        int(up // 60 % 60),
        int(up % 60),
    )
    missing = problem()
    faxing = (
        f"faxes: none, {missing}" if missing else "faxes: SpanDSP's T.30 and T.38, back to back"
    )
    return (
        f"UP 0 years, {days} days, {hours} hours, {minutes} minutes, {seconds} seconds,"
        f" {int(up * 1e3 % 1e3)} milliseconds, {int(up * 1e6 % 1e3)} microseconds\n"
        f"FreeSWITCH (Version {VERSION}) is ready\n"
        f"{core.sessions} session(s) since startup\n"
        f"{len(core.channels)} session(s) - peak {core.peak}, last 5min {core.peak}\n"
        "0 session(s) per Sec out of max 1000, peak 0, last 5min 0\n"
        "1000 session(s) max\n"
        "min idle cpu 0.00/99.00\n"
        f"{faxing}\n"
    )


def _sofia(core: Core, arg: str) -> str:
    words = arg.split()
    is_xml = bool(words) and words[0] == "xmlstatus"
    match words[1:] if words and words[0] in ("status", "xmlstatus") else ["?"]:
        case []:
            return _sofia_overview(core)
        case ["gateway", name]:
            return _gateway(core, name, is_xml)
        case ["profile", name]:
            return _profile(core, name, is_xml)
    return f"Unknown Command [{words[0] if words else ''}]\n"


def _sofia_overview(core: Core) -> str:
    rows = [f"{PROFILE}\tprofile\tsip:mod_sofia@127.0.0.1:5080\tRUNNING (0)"]
    rows += [
        f"{PROFILE}::{name}\tgateway\tsip:{name}@127.0.0.1\tNOREG"
        for name in sorted(core.gateways | core.down)
    ]
    return "Name\tType\tData\tState\n" + _LINE + "\n" + "\n".join(rows) + "\n" + _LINE + "\n"


def _gateway(core: Core, name: str, is_xml: bool) -> str:
    if name not in core.gateways | core.down:
        return "Invalid Gateway!\n"
    fields = {
        "Name": name,
        "Profile": PROFILE,
        "Scheme": "Digest",
        "Realm": "127.0.0.1",
        "Username": core.switchname,
        "Password": "no",
        "From": f"<sip:{core.switchname}@127.0.0.1>",
        "Contact": f"<sip:gw+{name}@127.0.0.1:5080;transport=udp;gw={name}>",
        "Exten": core.switchname,
        "To": f"sip:{core.switchname}@127.0.0.1",
        "Proxy": "sip:127.0.0.1",
        "Context": "public",
        "Expires": "3600",
        "Freq": "3600",
        "Ping": "0",
        "PingFreq": "0",
        "PingTime": "0.00",
        "PingState": "0/0/0",
        "State": "NOREG",
        "Status": "DOWN" if name in core.down else "UP",
        "Uptime": f"{int(time.time() - core.started)}s",
        "CallsIN": "0",
        "CallsOUT": str(core.gateway_calls),
        "FailedCallsIN": "0",
        "FailedCallsOUT": str(core.gateway_failures),
    }
    return _fields("gateway", fields, 8, is_xml)


def _profile(core: Core, name: str, is_xml: bool) -> str:
    if name != PROFILE:
        return "Invalid Profile!\n"
    fields = {
        "Name": PROFILE,
        "Domain Name": "N/A",
        "Dialplan": "XML",
        "Context": "public",
        "RTP-IP": "127.0.0.1",
        "SIP-IP": "127.0.0.1",
        "URL": "sip:mod_sofia@127.0.0.1:5080",
        "BIND-URL": "sip:mod_sofia@127.0.0.1:5080;transport=udp,tcp",
        "CODECS IN": "PCMU,PCMA",
        "CODECS OUT": "PCMU,PCMA",
        "RTP-TIMER-NAME": "soft",
        "CALLS-IN": "0",
        "CALLS-OUT": str(core.gateway_calls),
        "FAILED-CALLS-OUT": str(core.gateway_failures),
        "REGISTRATIONS": "0",
    }
    return _fields("profile", fields, 17, is_xml)


def _fields(kind: str, fields: dict[str, str], width: int, is_xml: bool) -> str:
    if is_xml:
        lines = [
            f"    <{(tag := name.lower().replace(' ', '-'))}>{escape(value)}</{tag}>"
            for name, value in fields.items()
        ]
        body = "\n".join(lines)
        if kind == "profile":
            body = f"  <profile-info>\n{body}\n  </profile-info>"
        return f'<?xml version="1.0" encoding="ISO-8859-1"?>\n<{kind}>\n{body}\n</{kind}>\n'
    text = "".join(f"{name:<{width}}\t{value}\n" for name, value in fields.items())
    return f"{_LINE}\n{text}{_LINE}\n"


def _xml_locate(core: Core, arg: str) -> str:
    words = arg.split()
    if words[-1:] == ["sofia.conf"]:
        gateways = "".join(
            f'<gateway name="{escape(name)}"><param name="register" value="false"/></gateway>'
            for name in sorted(core.gateways | core.down)
        )
        return (
            '<configuration name="sofia.conf"><profiles>'
            f'<profile name="{PROFILE}"><gateways>{gateways}</gateways><settings>'
            '<param name="rtp-timer-name" value="soft"/></settings></profile>'
            "</profiles></configuration>"
        )
    if words[-1:] == ["spandsp.conf"]:
        return (
            '<configuration name="spandsp.conf"><fax-settings>'
            '<param name="use-ecm" value="true"/><param name="enable-t38" value="true"/>'
            "</fax-settings></configuration>"
        )
    return "can't find anything\n"


def _hupall(core: Core, arg: str) -> str:
    cause = arg.partition(" ")[0].upper() or "MANAGER_REQUEST"
    for channel in list(core.channels.values()):
        core.hang_up(channel, cause_named(cause, "MANAGER_REQUEST"))
    return f"+OK hangup all channels with cause {cause}\n"


def _fsctl(core: Core, arg: str) -> str:
    words = arg.lower().split()
    match words[0] if words else "":
        case "":
            return f"-USAGE: {_FSCTL}\n"
        case "pause_check":
            return "false"
        case "loglevel":
            return "+OK log level: INFO [6]\n"
        case "max_sessions":
            return "+OK max sessions: 1000\n"
        case "sps":
            return "+OK sessions per second: 100\n"
        case "last_sps":
            return "+OK last sessions per second: 0\n"
        case "hupall":
            return _hupall(core, " ".join(words[1:]))
    return f"-ERR Invalid command\nUSAGE: fsctl {_FSCTL}\n"


def _global_getvar(core: Core, arg: str) -> str:
    if arg:
        return core.globals.get(arg, "")
    return "".join(f"{name}={value}\n" for name, value in core.globals.items())


def _uptime(core: Core, arg: str) -> str:
    seconds = time.time() - core.started
    return str(int(seconds * {"ms": 1e3, "us": 1e6}.get(arg, 1)))


_COMMANDS: dict[str, Command] = {
    "originate": originate,
    "uuid_kill": _uuid_kill,
    "uuid_exists": _uuid_exists,
    "uuid_dump": _uuid_dump,
    "uuid_getvar": _uuid_getvar,
    "uuid_setvar": _uuid_setvar,
    "uuid_setvar_multi": _uuid_setvar_multi,
    "uuid_answer": _uuid_answer,
    "uuid_transfer": _uuid_transfer,
    "uuid_broadcast": _uuid_broadcast,
    "uuid_park": _uuid_park,
    "softswitch_call_in": _call_in,
    "fsctl": _fsctl,
    "strftime": lambda _, arg: time.strftime((arg or "%Y-%m-%d %T").replace("\0", "")),
    "show": _show,
    "status": _status,
    "version": lambda _, arg: (
        f"{VERSION}\n" if arg.startswith("short") else f"FreeSWITCH Version {VERSION} (64bit)\n"
    ),
    "uptime": _uptime,
    "module_exists": lambda _, arg: arg and ("true" if arg in _MODULES else "false"),
    "file_exists": lambda _, arg: "true" if Path(arg.replace("\0", "")).exists() else "false",
    "sofia": _sofia,
    "xml_locate": _xml_locate,
    "global_getvar": _global_getvar,
    "hostname": lambda core, _: core.switchname,
    "switchname": lambda core, _: core.switchname,
    "db": lambda core, arg: core.db.command(arg),
    "hash": lambda core, arg: core.hash.command(arg),
    "hupall": _hupall,
    "create_uuid": lambda _, __: str(uuid.uuid4()),
    "echo": lambda _, arg: arg,
    "reloadxml": lambda _, __: "+OK [Success]\n",
}
