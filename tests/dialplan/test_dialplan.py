"""The shipped FreeSWITCH configuration: well-formed, and walked as FreeSWITCH would walk it."""

from __future__ import annotations

import ipaddress
import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsfax.engine import marks
from fsfax.engine.receive import TAKEOVER

FOLDER = Path(__file__).parents[2] / "dialplan"
FILES = sorted([*FOLDER.rglob("*.xml"), *FOLDER.rglob("*.template")])
_SET = re.compile(r'<X-PRE-PROCESS cmd="set" data="([^=]+)=([^"]*)"/>')
# What the far end says of itself: it may never become part of a command or a file name.
_FAR_END = re.compile(r"\$\{(?:caller|sip_|fax_remote|effective|destination|cid|ani)", re.I)
CALL_ID = "24f7d479-2e07-4972-b080-fa6c2f05719f"


def preprocessed(path: Path) -> str:
    """The file as FreeSWITCH's preprocessor leaves it: $${name} filled in."""
    values = dict(_SET.findall((FOLDER / "fsfax_vars.xml").read_text()))
    return re.sub(r"\$\$\{(\w+)\}", lambda m: values[m[1]], path.read_text())


def tree(path: Path) -> ET.Element:
    return ET.fromstring(preprocessed(path))  # noqa: S314  # our own files


def walk(number: str, caller: str = "") -> list[tuple[str, str]]:
    """The actions that a call to ``number`` runs in the context "public"."""
    for path in sorted((FOLDER / "public").glob("*.xml")):
        for extension in tree(path).findall("extension"):
            first = extension.find("condition")
            assert first is not None
            assert first.get("field") == "destination_number"
            if re.search(first.get("expression", ""), number):
                return list(_actions(extension, number, caller))
    return []


def _actions(extension: ET.Element, number: str, caller: str) -> Iterator[tuple[str, str]]:
    """What the conditions of an extension give, each with what its own expression caught."""
    values = {"destination_number": number, "caller_id_number": caller, None: ""}
    for condition in extension.findall("condition"):
        found = re.search(condition.get("expression", ""), values[condition.get("field")])
        if not found:
            assert condition.get("break") == "never", "the rest would not be walked"
            continue
        for action in condition.findall("action"):
            caught = found[1] if found.re.groups else "$1"
            yield action.get("application", ""), action.get("data", "").replace("$1", caught)


def params(path: Path) -> dict[str, str]:
    return {p.get("name", ""): p.get("value", "") for p in tree(path).iter("param")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_file_is_well_formed_and_explained(path: Path) -> None:
    assert len(list(tree(path).iter())) > 1
    assert "<!--" in path.read_text()
    assert path.name in (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_variable_is_set_in_one_place(path: Path) -> None:
    known = dict(_SET.findall((FOLDER / "fsfax_vars.xml").read_text()))
    assert set(re.findall(r"\$\$\{(\w+)\}", path.read_text())) <= set(known)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_parameter_has_its_reason(path: Path) -> None:
    """Each group of parameters (lines that follow one another) starts with a comment."""
    lines = [line.strip() for line in path.read_text().splitlines()]
    for above, line in itertools.pairwise(lines):
        if line.startswith("<param ") and "fsfax" not in line:
            assert above.endswith("-->") or above.startswith("<param "), line


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_directive_hides_in_a_comment(path: Path) -> None:
    """FreeSWITCH's preprocessor knows no comments: an example there would be carried out."""
    for comment in re.findall(r"<!--.*?-->", path.read_text(), re.S):
        assert "X-PRE-PROCESS" not in comment


@pytest.mark.parametrize("number", ["5550100", "+15550109", "0015550105"])
def test_a_fax_number_is_received(number: str) -> None:
    actions = walk(number)
    applications = [application for application, _ in actions]
    variables = dict(data.split("=", 1) for app, data in actions if app == "set")
    assert applications.index("answer") < applications.index("rxfax")
    assert applications[-1] == "hangup"
    assert variables["fax_enable_t38"] == variables["fax_enable_t38_request"] == "true"
    # The marks are those that the engine looks for.
    expected = marks.variables("fsfax", CALL_ID)
    for name, value in expected.items():
        assert variables[name].replace("${uuid}", CALL_ID) == value
    # Everything is set before the fax begins.
    assert max(i for i, app in enumerate(applications) if app == "set") < applications.index(
        "answer"
    )
    path = dict(actions)["rxfax"].replace("${uuid}", CALL_ID)
    assert path.endswith(f"/in/{CALL_ID}.tif")


@pytest.mark.parametrize(
    ("caller", "recorded"),
    [
        (
            "+15550199",
            ["insert/fsfax_called/${uuid}/5550100", "insert/fsfax_caller/${uuid}/+15550199"],
        ),
        ("", ["insert/fsfax_called/${uuid}/5550100"]),
        ("anonymous", ["insert/fsfax_called/${uuid}/5550100"]),
        ("1/2", ["insert/fsfax_called/${uuid}/5550100"]),
        ("${system x}", ["insert/fsfax_called/${uuid}/5550100"]),
        ("1" * 21, ["insert/fsfax_called/${uuid}/5550100"]),
    ],
)
def test_who_calls_whom_is_recorded(caller: str, recorded: list[str]) -> None:
    """Where the engine looks for it, and digits alone."""
    actions = walk("5550100", caller)
    assert [data for application, data in actions if application == "db"] == recorded
    assert actions == [*actions[: len(recorded)], *walk("5550100")[1:]], "all else stays the same"


def test_a_handed_over_number_is_parked_unanswered() -> None:
    actions = walk("5550112")
    assert (("set", f"{TAKEOVER}=true")) in actions
    assert actions[-1][0] == "park"
    assert "answer" not in dict(actions)


@pytest.mark.parametrize("number", ["5550199x", "911", "", "5550100;rm -rf", "alice"])
def test_other_numbers_are_left_alone(number: str) -> None:
    assert walk(number) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_of_the_far_end_becomes_a_command(path: Path) -> None:
    for element in tree(path).iter("action"):
        application, data = element.get("application", ""), element.get("data", "")
        assert application not in ("system", "bg_system", "lua", "curl", "export")
        assert "system_on_fax" not in data
        assert not _FAR_END.search(data)


def test_the_profile_suits_fax() -> None:
    found = params(FOLDER / "sip_profiles" / "fsfax.xml")
    assert found["rtp-timer-name"] == "soft"
    assert (found["enable-timer"], found["session-timeout"]) == ("false", "0")
    # With it, FreeSWITCH answers 422 to a carrier that proposes a shorter session timer.
    assert "minimum-session-expires" not in found
    # With one, a sender that is silent for a while would be taken for dead.
    assert "rtp-timeout-sec" not in found
    assert found["t38-passthru"] == "false"
    assert {*found["inbound-codec-prefs"].split(",")} == {"PCMU", "PCMA"}
    assert ipaddress.ip_address(found["sip-ip"]).is_loopback


def test_the_event_socket_is_not_public() -> None:
    found = params(FOLDER / "autoload_configs" / "event_socket.conf.xml")
    assert ipaddress.ip_address(found["listen-ip"]).is_loopback
    assert found["password"] != "ClueCon", "everybody knows FreeSWITCH's default"
    assert found["nat-map"] == "false"


def test_who_may_call_may_not_control() -> None:
    lists = {
        entry.get("name"): entry
        for entry in tree(FOLDER / "autoload_configs" / "acl.conf.xml").iter("list")
    }
    control = params(FOLDER / "autoload_configs" / "event_socket.conf.xml")["apply-inbound-acl"]
    calls = params(FOLDER / "sip_profiles" / "fsfax.xml")["apply-inbound-acl"]
    # A carrier that is added to the one list must not get at the event socket by that.
    assert control != calls
    for name in (control, calls):
        assert lists[name].get("default") == "deny"
        for node in lists[name].iter("node"):
            assert ipaddress.ip_network(node.get("cidr", "")).is_loopback


def test_the_gateway_template_names_what_a_gateway_needs() -> None:
    found = params(FOLDER / "sip_profiles" / "fsfax" / "carrier.xml.template")
    assert {"realm", "username", "password", "register", "ping"} <= set(found)
