"""Observations of made-up calls, and transcripts of them."""

from __future__ import annotations

from fsfax.engine.observations import (
    Answered,
    FaxFinished,
    HungUp,
    Negotiated,
    Observation,
    PageDone,
)
from fsfax.engine.transcript import Transcript, note
from fsfax.engine.verdict import Call
from fsfax.values.results import PageRecord

CALL = Call(id="40e2b99d", node="a", started_at=1000.0, ended_at=1034.4)


def seen(*observations: Observation) -> Transcript:
    transcript = Transcript()
    for observation in observations:
        transcript = note(transcript, observation)
    return transcript


ANSWERED = Answered(at=1.0)
CLEARED = HungUp(at=9.0, cause="NORMAL_CLEARING", answered=True, sip_status=200, by_far_end=True)
NEGOTIATED = Negotiated(
    at=2.0,
    rate=9600,
    ecm=True,
    t38_status="negotiated",
    remote_station_id="far",
    local_station_id="near",
    remote_country="",
    remote_vendor="",
    remote_model="",
)


def page(number: int, at: float = 3.0) -> PageDone:
    return PageDone(
        at=at,
        page=PageRecord(
            number=number,
            image_bytes=100,
            width=1728,
            rows=2200,
            x_resolution=8040,
            y_resolution=7700,
            bad_rows=2,
            longest_bad_row_run=1,
            encoding="T.6",
        ),
        total=5,
    )


def phase_e(code: int, pages: int = 0) -> FaxFinished:
    return FaxFinished(
        at=8.0,
        success=code == 0,
        code=code,
        text="text",
        pages=pages,
        total=5,
        bad_rows=0,
        rate=14400,
        ecm=False,
        t38_status="off",
        remote_station_id="",
        local_station_id="",
    )
