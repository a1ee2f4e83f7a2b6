"""Checks of a FreeSWITCH node for ``fsfax doctor``: what prevents faxes, and the remedy.

The checks only read, except for a probe file in the spool and a mark, which are removed again.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from fsfax.engine import marks
from fsfax.engine.plan import new_call_id
from fsfax.engine.spool import Spool
from fsfax.errors import CommandFailed, EslError, FsfaxError
from fsfax.esl.link import Link
from fsfax.settings import NodeSettings, Settings

_MODULES = {
    "mod_spandsp": "it sends and receives the faxes (txfax, rxfax)",
    "mod_sofia": "it makes and receives the calls over SIP",
    "mod_commands": "originate, uuid_kill and uuid_exists are its commands",
    "mod_db": "it stores the outcome marks, by which a call is found again after a crash",
    "mod_hash": "it holds the guards and the marks of calls that ended",
    "mod_dptools": "it answers and parks calls",
}


class CheckStatus(StrEnum):
    """The verdict of a check."""

    OK = "ok"
    WARNING = "warning"
    """Faxes may fail or be slow."""
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Check:
    """The finding of one check; ``remedy`` is "" where nothing has to be done."""

    name: str
    verdict: CheckStatus
    detail: str
    remedy: str = ""


def examine(node: NodeSettings, settings: Settings) -> Iterator[Check]:
    """Check one node; yield each finding at once, the connection first.

    Without a connection nothing else is checked.
    """
    link = Link(node, settings.esl)
    try:
        link.connect()
    except EslError as error:
        yield Check("connection", CheckStatus.BROKEN, str(error), _connection_remedy(node))
        return
    try:
        yield Check("connection", CheckStatus.OK, f"{node.host}:{node.port}, logged in")
        checks: Sequence[Callable[[], Iterator[Check]]] = (
            lambda: _version(link),
            lambda: _modules(link),
            lambda: _profiles(link, node),
            lambda: _t38(link, settings),
            lambda: _spool(link, node, settings.spool),
            lambda: _marks(link, settings.marks_realm),
        )
        for check in checks:
            try:
                yield from check()
            except EslError as error:
                yield Check("connection", CheckStatus.BROKEN, str(error), _connection_remedy(node))
                return
    finally:
        link.close()


def _connection_remedy(node: NodeSettings) -> str:
    return (
        "check that FreeSWITCH runs and that event_socket.conf.xml listens on"
        f" {node.host}:{node.port} with this password and an access list that names this machine"
        " (dialplan/README.md)"
    )


def _ask(link: Link, command: str, arg: str = "") -> str:
    try:
        return link.api(command, arg)
    except CommandFailed as error:
        return f"-ERR {error.reply}"


def _version(link: Link) -> Iterator[Check]:
    text = _ask(link, "version")
    yield Check("version", CheckStatus.OK, text.strip() or "unknown")


def _modules(link: Link) -> Iterator[Check]:
    for module, purpose in _MODULES.items():
        if _ask(link, "module_exists", module).strip() == "true":
            yield Check(module, CheckStatus.OK, "loaded")
        else:
            yield Check(
                module,
                CheckStatus.BROKEN,
                f"not loaded; {purpose}",
                f"install it, name it in modules.conf.xml, or: fs_cli -x 'load {module}'",
            )


def _profiles(link: Link, node: NodeSettings) -> Iterator[Check]:
    gateways = [gateway.name for gateway in node.gateways]
    if not gateways:
        yield Check(
            "gateway",
            CheckStatus.WARNING,
            "the settings name no gateway of this node",
            "name them under nodes.gateways, or give each call its gateway",
        )
    profiles: dict[str, None] = {}
    for gateway in gateways:
        fields = _fields(_ask(link, "sofia", f"status gateway {gateway}"))
        if "Profile" not in fields:
            yield Check(
                f"gateway {gateway}",
                CheckStatus.BROKEN,
                "FreeSWITCH has no gateway of that name",
                "compare the name with sip_profiles/*/; then: sofia profile <name> rescan",
            )
            continue
        profiles[fields["Profile"]] = None
        state, status = fields.get("State", "?"), fields.get("Status", "?")
        up = status == "UP" and state in ("NOREG", "REGED")
        yield Check(
            f"gateway {gateway}",
            CheckStatus.OK if up else CheckStatus.BROKEN,
            f"profile {fields['Profile']}, {status}, {state}",
            "" if up else "check its realm, username, password and proxy, and the network",
        )
    for profile in profiles:
        yield _timer(link, profile)


def _fields(text: str) -> dict[str, str]:
    pairs = (line.partition("\t") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs if value}


def _timer(link: Link, profile: str) -> Check:
    text = _ask(link, "xml_locate", "configuration configuration name sofia.conf")
    name = f"profile {profile}"
    try:
        # The administrator's own configuration is trusted.
        tree = ET.fromstring(text)  # noqa: S314
    except ET.ParseError:
        return Check(name, CheckStatus.WARNING, "its settings could not be read")
    params = {
        param.get("name", ""): param.get("value", "")
        for element in tree.iter("profile")
        if element.get("name") == profile
        for param in element.findall("settings/param")
    }
    timer = params.get("rtp-timer-name", "")
    if timer == "soft":
        return Check(name, CheckStatus.OK, "rtp-timer-name is soft")
    return Check(
        name,
        CheckStatus.BROKEN if timer == "none" else CheckStatus.WARNING,
        f"rtp-timer-name is {timer or 'not set'}: neither end may send, and the call would hang",
        'set <param name="rtp-timer-name" value="soft"/> in the profile and restart it',
    )


def _t38(link: Link, settings: Settings) -> Iterator[Check]:
    if settings.fax.t38 == "off":
        yield Check("T.38", CheckStatus.OK, "switched off in the settings: audio only")
        return
    text = _ask(link, "xml_locate", "configuration configuration name spandsp.conf")
    if text.startswith("-ERR") or "fax-settings" not in text:
        yield Check(
            "T.38",
            CheckStatus.WARNING,
            "spandsp.conf.xml was not found: receiving uses built-in defaults",
            "install dialplan/autoload_configs/spandsp.conf.xml",
        )
        return
    yield Check(
        "T.38",
        CheckStatus.OK,
        f"{settings.fax.t38}: each call requests it; t38_status of the results shows whether the"
        " carrier agrees",
    )


def _spool(link: Link, node: NodeSettings, spool: Path) -> Iterator[Check]:
    for folder, purpose in (("out", "to be sent"), ("in", "received")):
        try:
            path = Spool(node.spool).probe(link, spool.absolute() / folder)
        except FsfaxError as error:
            yield Check(
                f"spool/{folder}",
                CheckStatus.BROKEN,
                str(error),
                "share the folder with FreeSWITCH, let its user read and write it, and map the"
                " path under nodes.spool if it has another name there",
            )
        else:
            yield Check(
                f"spool/{folder}", CheckStatus.OK, f"faxes {purpose}: seen as {Path(path).parent}"
            )


def _marks(link: Link, realm: str) -> Iterator[Check]:
    call_id = new_call_id()
    variables = marks.variables(realm, call_id)
    remedy = "load mod_db and mod_hash, and check that FreeSWITCH can write its database"
    for name, expected in (("api_on_fax_success", "success"), ("api_hangup_hook", "ended")):
        command, _, arg = variables[name].partition(" ")
        _ask(link, command, arg)
        found = _ask(link, command, f"select/{realm}/{call_id}").strip()
        right = found == expected
        yield Check(
            f"outcome marks in {command}",
            CheckStatus.OK if right else CheckStatus.BROKEN,
            "a mark was stored and read back"
            if right
            else f"a mark could not be read back: {found}",
            "" if right else remedy,
        )
    marks.erase(link, realm, call_id)
