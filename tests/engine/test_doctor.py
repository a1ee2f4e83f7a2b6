"""The checks of a FreeSWITCH node: what prevents faxes, and the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsfax.engine.doctor import Check, CheckStatus, examine
from fsfax.esl.wire import Command
from fsfax.settings import FaxDefaults, GatewaySettings, NodeSettings, PathMapping, Settings
from fsfax.softswitch.stores import DbStore, HashStore
from tests.esl.scripted import QUICK, Server, api_response

OK, WARNING, BROKEN = CheckStatus.OK, CheckStatus.WARNING, CheckStatus.BROKEN
SOFIA = (
    '<configuration name="sofia.conf"><profiles><profile name="fax"><settings>'
    '<param name="rtp-timer-name" value="{timer}"/>'
    "</settings></profile></profiles></configuration>"
)
SPANDSP = '<configuration name="spandsp.conf"><fax-settings/></configuration>'
GATEWAY = "Name    \tcarrier\nProfile \tfax\nState   \t{state}\nStatus  \t{status}\n"


class FreeSwitch(Server):
    """An event socket server that answers the doctor's commands as a healthy FreeSWITCH does.

    Attributes:
        texts: the answer to each command; a missing one is answered by ``-ERR``.
        stores: ``db`` and ``hash``.
        unseen: a part of the paths of files that FreeSWITCH does not see.
    """

    def __init__(self) -> None:
        super().__init__()
        self.texts = {
            "version": "FreeSWITCH Version 1.10.12\n",
            "sofia status gateway carrier": GATEWAY.format(state="NOREG", status="UP"),
            "xml_locate configuration configuration name sofia.conf": SOFIA.format(timer="soft"),
            "xml_locate configuration configuration name spandsp.conf": SPANDSP,
            **{
                f"module_exists mod_{name}": "true"
                for name in ("spandsp", "sofia", "commands", "db", "hash", "dptools")
            },
        }
        self.stores = {"db": DbStore(), "hash": HashStore()}
        self.unseen = "\0"
        self.answers["api"] = lambda command: api_response(self._api(command))

    def _api(self, command: Command) -> str:
        verb, _, arg = command.arg.partition(" ")
        if verb in self.stores:
            return self.stores[verb].command(arg) or "-ERR no reply\n"
        if verb == "file_exists":
            return "true" if Path(arg).exists() and self.unseen not in arg else "false"
        return self.texts.get(command.arg, "-ERR no reply\n")


@pytest.fixture
def freeswitch() -> Iterator[FreeSwitch]:
    with FreeSwitch() as running:
        yield running


def found(freeswitch: Server, spool: Path, **changes: object) -> dict[str, Check]:
    """Return the findings of all checks by name."""
    values = {"esl": QUICK, "spool": spool, **changes}
    node = freeswitch.node(gateways=(GatewaySettings(name="carrier"),))
    settings = Settings(**values)  # type: ignore[arg-type]
    return {check.name: check for check in examine(node, settings)}


def faults(checks: dict[str, Check]) -> dict[str, CheckStatus]:
    return {name: check.verdict for name, check in checks.items() if check.verdict is not OK}


def test_a_healthy_node(freeswitch: FreeSwitch, tmp_path: Path) -> None:
    checks = found(freeswitch, tmp_path)
    assert list(checks) == [
        *("connection", "version", "mod_spandsp", "mod_sofia", "mod_commands", "mod_db"),
        *("mod_hash", "mod_dptools", "gateway carrier", "profile fax", "T.38", "spool/out"),
        *("spool/in", "outcome marks in db", "outcome marks in hash"),
    ]
    assert faults(checks) == {}
    assert [check.remedy for check in checks.values() if check.remedy] == []
    assert checks["version"].detail == "FreeSWITCH Version 1.10.12"
    assert checks["connection"].detail == f"127.0.0.1:{freeswitch.port}, logged in"


def test_the_checks_leave_nothing(freeswitch: FreeSwitch, tmp_path: Path) -> None:
    found(freeswitch, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert freeswitch.stores["db"].command("count") == "0"
    marks = [line for line in freeswitch.peer.lines if line.startswith("api hash insert")]
    (key,) = [line.split("/", 1)[1].rpartition("/")[0] for line in marks]
    assert freeswitch.stores["hash"].command(f"select/{key}") == ""
    assert freeswitch.peer.ended.wait(5), "the connection was closed"


def test_without_a_connection_nothing_else_is_checked(tmp_path: Path) -> None:
    with Server() as stopped:
        node = stopped.node()
    (check,) = examine(node, Settings(esl=QUICK, spool=tmp_path))
    assert (check.name, check.verdict) == ("connection", BROKEN)
    assert "cannot connect" in check.detail
    assert f"127.0.0.1:{node.port}" in check.remedy
    assert list(tmp_path.iterdir()) == []


def test_the_connection_is_lost_between_two_checks(freeswitch: FreeSwitch, tmp_path: Path) -> None:
    freeswitch.answers["api"] = lambda command: freeswitch.peer.close() or b""  # type: ignore[func-returns-value]
    checks = list(examine(freeswitch.node(), Settings(esl=QUICK, spool=tmp_path)))
    assert [(check.name, check.verdict) for check in checks] == [
        ("connection", OK),
        ("connection", BROKEN),
    ]
    assert checks[1].remedy


def test_a_module_that_is_not_loaded(freeswitch: FreeSwitch, tmp_path: Path) -> None:
    freeswitch.texts["module_exists mod_spandsp"] = "false"
    del freeswitch.texts["module_exists mod_hash"]
    checks = found(freeswitch, tmp_path)
    assert faults(checks) == {"mod_spandsp": BROKEN, "mod_hash": BROKEN}
    assert "load mod_spandsp" in checks["mod_spandsp"].remedy


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (GATEWAY.format(state="NOREG", status="DOWN"), "profile fax, DOWN, NOREG"),
        (GATEWAY.format(state="FAIL_WAIT", status="UP"), "profile fax, UP, FAIL_WAIT"),
        ("Invalid Gateway!\n", "FreeSWITCH has no gateway of that name"),
    ],
)
def test_a_gateway_that_cannot_be_used(
    freeswitch: FreeSwitch, tmp_path: Path, answer: str, detail: str
) -> None:
    freeswitch.texts["sofia status gateway carrier"] = answer
    check = found(freeswitch, tmp_path)["gateway carrier"]
    assert (check.verdict, check.detail) == (BROKEN, detail)
    assert check.remedy


def test_a_node_without_gateways(freeswitch: FreeSwitch, tmp_path: Path) -> None:
    checks = examine(freeswitch.node(), Settings(esl=QUICK, spool=tmp_path))
    assert faults({check.name: check for check in checks}) == {"gateway": WARNING}


@pytest.mark.parametrize(
    ("answer", "verdict", "detail"),
    [
        (SOFIA.format(timer="none"), BROKEN, "rtp-timer-name is none"),
        (SOFIA.format(timer=""), WARNING, "rtp-timer-name is not set"),
        (SOFIA.replace('"fax"', '"other"'), WARNING, "rtp-timer-name is not set"),
        ("no XML", WARNING, "its settings could not be read"),
    ],
)
def test_a_profile_without_the_soft_timer(
    freeswitch: FreeSwitch, tmp_path: Path, answer: str, verdict: CheckStatus, detail: str
) -> None:
    freeswitch.texts["xml_locate configuration configuration name sofia.conf"] = answer
    check = found(freeswitch, tmp_path)["profile fax"]
    assert check.verdict is verdict
    assert check.detail.startswith(detail)


def test_t38_needs_no_configuration_when_it_is_off(freeswitch: FreeSwitch, tmp_path: Path) -> None:
    del freeswitch.texts["xml_locate configuration configuration name spandsp.conf"]
    check = found(freeswitch, tmp_path)["T.38"]
    assert (check.verdict, "spandsp.conf.xml" in check.remedy) == (WARNING, True)
    check = found(freeswitch, tmp_path, fax=FaxDefaults(t38="off"))["T.38"]
    assert (check.verdict, "audio only" in check.detail) == (OK, True)


def test_a_spool_that_freeswitch_does_not_see(freeswitch: FreeSwitch, tmp_path: Path) -> None:
    freeswitch.unseen = "/in/"
    checks = found(freeswitch, tmp_path)
    assert faults(checks) == {"spool/in": BROKEN}
    assert "does not see" in checks["spool/in"].detail
    assert checks["spool/out"].detail == f"faxes to be sent: seen as {tmp_path}/out"


def test_a_spool_outside_the_mapped_folders(freeswitch: FreeSwitch, tmp_path: Path) -> None:
    mapping = PathMapping(local=tmp_path / "shared", remote="/var/spool/fax")
    node: NodeSettings = freeswitch.node(spool=(mapping,))
    checks = {check.name: check for check in examine(node, Settings(esl=QUICK, spool=tmp_path))}
    assert checks["spool/out"].verdict is checks["spool/in"].verdict is BROKEN
    assert "outside" in checks["spool/out"].detail


@pytest.mark.parametrize("store", ["db", "hash"])
def test_a_mark_that_is_not_stored(freeswitch: FreeSwitch, tmp_path: Path, store: str) -> None:
    del freeswitch.stores[store]
    checks = found(freeswitch, tmp_path)
    assert faults(checks) == {f"outcome marks in {store}": BROKEN}
    assert "mod_db and mod_hash" in checks[f"outcome marks in {store}"].remedy
