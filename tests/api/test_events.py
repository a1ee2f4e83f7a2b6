"""Server-sent events of a fax, read from its stored events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fsfax.api.events import follow
from fsfax.db.states import Direction
from tests.api.application import Application
from tests.api.conftest import ApplicationFactory
from tests.api.service import problem


@pytest.fixture(scope="module")
def path(application: Application, letter: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"/faxes/outgoing/{application.sent(letter, tmp_path_factory.mktemp('fax'))}/events"


def read(application: Application, path: str, last: str = "") -> list[dict[str, str]]:
    """Return the fields of each event of a stream that ends."""
    headers = {"Last-Event-ID": last} if last else {}
    answer = application.client.get(path, headers=headers)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.headers["Cache-Control"] == "no-store"
    blocks = answer.text.removesuffix("\n\n").split("\n\n")
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


def test_the_events_of_a_final_fax(application: Application, path: str) -> None:
    retry, *events, end = read(application, path)
    assert retry == {"retry": "2000"}
    assert [event["event"] for event in events if event["event"] != "state"] == [
        "dialling",
        "page_done",
        "page_done",
    ]
    assert json.loads(events[0]["data"])["state"] == "attaching_files"
    assert json.loads(events[-1]["data"])["state"] == "completed"
    ids = [int(event["id"]) for event in events]
    assert ids == sorted(set(ids))
    assert end["event"] == "end"
    assert "id" not in end
    assert json.loads(end["data"])["tx_result"]["pages_sent"] == 2


def test_names_of_nodes_and_gateways_are_not_sent(application: Application, path: str) -> None:
    (dialling,) = [each for each in read(application, path) if each.get("event") == "dialling"]
    assert not {"node", "gateway"} & json.loads(dialling["data"]).keys()


def test_a_stream_continues_after_the_last_event(application: Application, path: str) -> None:
    _, *events, _ = read(application, path)
    _, *rest, _ = read(application, path, events[2]["id"])
    assert rest == events[3:]


@pytest.mark.parametrize("last", ["-1", "x", "1e3", "9" * 19])
def test_an_invalid_id_begins_at_the_first_event(
    application: Application, path: str, last: str
) -> None:
    assert read(application, path, last) == read(application, path)


def test_a_stream_that_ended_is_not_counted(application: Application, path: str) -> None:
    read(application, path)
    assert application.services.streams == 0


def test_the_number_of_streams_is_limited(
    new_application: ApplicationFactory, letter: Path
) -> None:
    application = new_application(streams=1)
    id = application.send(letter, "15550123")["id"]
    job = application.services.job(application.account, id, Direction.OUT)
    response: Any = _Response()
    follow(_Request(), response, application.services, job)
    assert next(iter(response.stream)) == b"retry: 2000\n\n"
    refused = application.client.get(f"/faxes/outgoing/{id}/events")
    problem(refused, 503)
    assert refused.headers["Retry-After"] == "10"
    response.stream.close()
    response.stream.close()
    assert application.services.streams == 0, "closing twice counts once"


def test_a_removed_fax_ends_the_stream(application: Application, letter: Path) -> None:
    id = application.send(letter, "15550123")["id"]
    job = application.services.job(application.account, id, Direction.OUT)
    response: Any = _Response()
    follow(_Request(), response, application.services, job)
    stream = iter(response.stream)
    assert next(stream) == b"retry: 2000\n\n"
    application.store.cancel(id)
    application.store.remove(id)
    assert b"".join(stream).endswith(b"event: end\ndata: {}\n\n")
    response.stream.close()


class _Request:
    def get_header(self, _: str) -> None:
        return None


class _Response:
    stream: Any = None

    def set_header(self, *_: str) -> None: ...
