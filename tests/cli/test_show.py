"""Progress, results and tables as text and as JSON lines."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fsfax.cli.show import Show, in_words, print_table
from fsfax.engine.observations import (
    Answered,
    Dialling,
    Negotiated,
    Observation,
    PageDone,
    Prepared,
)
from fsfax.values.results import PageRecord
from tests.jobs.results import BUSY, DELIVERED

PAGE = PageRecord(
    number=2,
    seconds=1.0,
    image_bytes=12_340,
    width=1728,
    rows=2200,
    x_resolution=8031,
    y_resolution=7700,
    bad_rows=0,
    longest_bad_row_run=0,
    encoding="T.6",
)
NEGOTIATED = Negotiated(
    at=3.0,
    rate=14400,
    ecm=True,
    t38_status="negotiated",
    remote_station_id="+1 555",
    local_station_id="",
    remote_country="",
    remote_vendor="",
    remote_model="",
)


@pytest.mark.parametrize(
    ("observation", "words"),
    [
        (Dialling(at=1.0, node="a", gateway="gw", call_id="x"), "dialling over gw (a)"),
        (Answered(at=2.0), "answered"),
        (NEGOTIATED, "negotiated with +1 555: 14400 bit/s, T.38, error correction"),
        (
            replace(NEGOTIATED, remote_station_id="", t38_status="off", ecm=False),
            "negotiated: 14400 bit/s, audio, no error correction",
        ),
        (PageDone(at=4.0, page=PAGE, total=3), "page 2 of 3 confirmed (T.6, 12.3 kB)"),
        (
            PageDone(at=4.0, page=replace(PAGE, bad_rows=5), total=0),
            "page 2 confirmed (T.6, 12.3 kB, 5 bad rows)",
        ),
    ],
)
def test_an_observation_in_words(observation: Observation, words: str) -> None:
    assert in_words(observation) == words


def test_a_table_does_not_interpret_its_cells(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("id", "name"), [("1", "[red]x[/red]"), ("2", "\x1b[31m" + "y" * 300)], "name")
    printed = capsys.readouterr().out
    assert "[red]x[/red]" in printed
    assert "\x1b" not in printed
    assert printed.count("y") == 300


class TestShow:
    def test_json_lines(self, capsys: pytest.CaptureFixture[str]) -> None:
        show = Show(True)
        show.words("not in JSON")
        show.progress(Answered(at=2.0), "call")
        show.sent(DELIVERED)
        seen, sent = map(json.loads, capsys.readouterr().out.splitlines())
        assert (seen["event"], seen["call_id"]) == ("answered", "call")
        assert (sent["event"], sent["success"]) == ("result", True)

    def test_standard_output_that_is_no_terminal_gets_json(self) -> None:
        assert Show().as_json

    def test_results_in_words(self, capsys: pytest.CaptureFixture[str]) -> None:
        show = Show(False)
        show.sent(replace(DELIVERED, fax_receiver_id="[b]+1[/b]"))
        show.sent(BUSY)
        good, bad, detail = capsys.readouterr().out.splitlines()
        assert good == "delivered: 3 pages in 30 s to [b]+1[/b]"
        assert bad == "failed: it was busy"
        assert detail == "  busy · another try may help"

    def test_pages_are_counted_from_those_prepared(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        show = Show(False)
        prepared: dict[str, Any] = {"at": 0.0, "pages": 7, "bytes": 1000}
        show.progress(Prepared(**prepared))
        show.progress(PageDone(at=4.0, page=PAGE, total=3))
        assert capsys.readouterr().out.splitlines() == [
            "  prepared 7 pages, 1.0 kB",
            "  page 2 of 7 confirmed (T.6, 12.3 kB)",
        ]
