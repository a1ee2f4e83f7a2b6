"""Everything that is decided before dialling, and the call ids."""

from __future__ import annotations

import uuid
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.engine.plan import SendPlan, call_ids, new_call_id
from fsfax.errors import InvalidNumber, InvalidRequest
from fsfax.esl.dialstring import parse

ID = "40e2b99d-0678-49b2-95d7-942f0744e265"


def plan(**changes: object) -> SendPlan:
    values: dict[str, object] = {
        "attempt_id": ID,
        "to": "+15550100",
        "file": Path("/spool/a.tif"),
        "pages": 5,
        "gateways": ("one", "two"),
    }
    return SendPlan(**{**values, **changes})  # type: ignore[arg-type]


def variables(**changes: object) -> dict[str, str]:
    made = plan(**changes)
    line = made.originate(ID, "one", "/spool/a.tif").render()
    return dict(parse(line).variables)


def test_the_variables_of_a_fax_with_default_options() -> None:
    assert variables() == {
        "origination_uuid": ID,
        "ignore_early_media": "true",
        "originate_timeout": "60",
        "fax_use_ecm": "true",
        "fax_disable_v17": "false",
        "fax_enable_t38": "true",
        "fax_enable_t38_request": "true",
        "fax_verbose": "false",
        "fax_ident": "%00",  # the empty text: mod_spandsp URL-decodes it
        "fax_header": "%00",
        "api_on_fax_success": f"db insert/fsfax/{ID}/success",
        "api_on_fax_failure": f"db insert/fsfax/{ID}/failure",
        "api_hangup_hook": f"hash insert/fsfax/{ID}/ended",
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"t38": "off"}, {"fax_enable_t38": "false", "fax_enable_t38_request": "false"}),
        ({"t38": "required"}, {"fax_enable_t38_insist": "true"}),
        ({"ecm": False, "v17": False}, {"fax_use_ecm": "false", "fax_disable_v17": "true"}),
        ({"start_page": 2}, {"fax_start_page": "1"}),
        ({"start_page": 2, "end_page": 2}, {"fax_start_page": "1", "fax_end_page": "1"}),
        ({"from_number": "+1", "from_name": "A, 'B'"}, {"origination_caller_id_name": "A, 'B'"}),
        ({"timezone": "CET-1CEST"}, {"fax_timezone": "CET-1CEST"}),
        ({"header": "Größe ñ"}, {"fax_header": "Grosse%20n"}),
        ({"header": "日本\n"}, {"fax_header": "%3F%3F%20"}),
    ],
)
def test_variables(changes: dict[str, object], expected: dict[str, str]) -> None:
    found = variables(**changes)
    assert {name: found[name] for name in expected} == expected


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), max_size=20))
def test_an_ident_arrives_unchanged(ident: str) -> None:
    found = variables(ident=ident)["fax_ident"]
    # As mod_spandsp reads it: URL-decoded, and C cuts at NUL.
    assert unquote(found).split("\0")[0] == ident


@given(st.text(max_size=80))
def test_no_header_breaks_the_line(header: str) -> None:
    found = unquote(variables(header=header)["fax_header"]).split("\0")[0]
    assert len(found) <= 50
    assert found.isascii()
    assert found == "" or found.isprintable()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"start_page": 6}, "has 5"),
        ({"end_page": 6}, "has 5"),
        ({"start_page": 3, "end_page": 2}, "has 5"),
        ({"ident": "x" * 21}, "at most 20"),
        ({"ident": "ä"}, "ASCII"),
        ({"ident": "a\n"}, "ASCII"),
        ({"gateways": ()}, "gateway"),
    ],
)
def test_refused_plans(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        plan(**changes)


def test_refused_when_it_is_rendered() -> None:
    with pytest.raises(InvalidNumber):
        plan(to="12x").originate(ID, "one", "/a.tif")
    with pytest.raises(InvalidRequest, match="caller_id_name"):
        plan(from_name="a\nb").originate(ID, "one", "/a.tif")
    with pytest.raises(InvalidRequest, match="time zone"):
        plan(timezone="Nowhere/Land").variables(ID)
    with pytest.raises(InvalidRequest, match="outcome mark"):
        plan(marks_realm="a/b").variables(ID)


def test_call_ids_follow_from_the_attempt_id() -> None:
    ids = call_ids(ID, 3)
    assert ids == call_ids(ID, 3)
    assert ids[0] == ID
    assert len({*ids}) == 3
    assert all(str(uuid.UUID(i)) == i for i in ids)
    assert plan().call_ids == ids[:2]
    assert new_call_id() != new_call_id()
