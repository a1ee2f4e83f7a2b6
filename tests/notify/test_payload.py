"""The bodies of webhook messages, as JSON and as a form."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.db.states import Direction, JobState
from fsfax.notify.events import NotificationKind
from fsfax.notify.payload import encode, envelope, message
from tests.notify.faxes import AT, a_job


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=10,
    )
)
def test_json_is_parsed_to_the_same_values(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        encode({"data": value}, "json").decode()  # a lone surrogate: still UTF-8
        return
    assert json.loads(encode({"data": value}, "json")) == {"data": value}


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_a_form_is_parsed_to_the_same_values(values: dict[str, str]) -> None:
    body = encode({"data": values}, "form")
    assert body.isascii()
    found = dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict"))
    clean = {
        f"data.{name}".encode("utf-8", "replace").decode(): each.encode("utf-8", "replace").decode()
        for name, each in values.items()
    }
    assert found == clean


def test_a_form_has_dotted_names_and_indexes() -> None:
    body = encode(
        {"type": "t", "data": {"fax": {"pages": 3, "labels": ["a", "b"]}, "n": None}}, "form"
    )
    assert parse_qsl(body.decode()) == [
        ("type", "t"),
        ("data.fax.pages", "3"),
        ("data.fax.labels.0", "a"),
        ("data.fax.labels.1", "b"),
    ]


@pytest.mark.parametrize(
    ("direction", "state", "folder"),
    [
        (Direction.OUT, JobState.PENDING, "outgoing"),
        (Direction.OUT, JobState.COMPLETED, "outbox"),
        (Direction.OUT, JobState.FAILED, "outbox"),
        (Direction.IN, JobState.COMPLETED, "inbox"),
    ],
)
def test_a_message_links_to_the_fax_and_when_it_is_over_to_its_document(
    direction: Direction, state: JobState, folder: str
) -> None:
    job = a_job(direction=direction, state=state)
    body = message(NotificationKind.OUT_COMPLETED, job, {"id": job.id}, AT, {})
    path = f"/v2/accounts/{job.account_id}/faxes/{folder}/{job.id}"
    links = {"fax": path}
    if state is not JobState.PENDING:
        links["attachment"] = f"{path}/attachment"
    assert body["data"]["links"] == links


def test_a_message_has_type_time_fax_and_details_but_no_other_recipients() -> None:
    job = a_job(faxbox_id="c" * 32)
    fax = {"id": job.id, "notifications": {"email": {"send_to": "a@b.org"}}, "_read_only": {}}
    details = {"reason": "busy", "next_attempt_at": "2026-11-23T12:05:00Z"}
    body = message(NotificationKind.OUT_RETRYING, job, fax, AT, details)
    links = body["data"].pop("links")
    assert set(links) == {"fax", "attachment"}
    assert body == {
        "type": "fax.out.retrying",
        "timestamp": "2026-11-23T12:00:00Z",
        "data": {
            "account_id": job.account_id, "faxbox_id": "c" * 32, "fax": {"id": job.id}, **details
        },
    }  # fmt: skip


def test_an_envelope_has_the_time_in_utc() -> None:
    assert envelope("webhook.test", AT, {"a": 1}) == {
        "type": "webhook.test", "timestamp": "2026-11-23T12:00:00Z", "data": {"a": 1},
    }  # fmt: skip
