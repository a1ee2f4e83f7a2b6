"""Recorded events of real calls (FreeSWITCH 1.10.12, two instances over SIP)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fsfax.engine.observations import observe
from fsfax.engine.transcript import Transcript, note
from fsfax.esl.wire import Event

FOLDER = Path(__file__).parent / "captures"
NAMES = sorted(path.stem for path in FOLDER.glob("*.events"))


def events(name: str) -> Iterator[Event]:
    """Yield the events of one recording, in the order in which they came."""
    for part in (FOLDER / f"{name}.events").read_bytes().split(b"# t=")[1:]:
        yield Event.from_body(part.partition(b"\n")[2])


def transcript(name: str) -> Transcript:
    """Return the transcript of a whole recording."""
    result = Transcript()
    for event in events(name):
        for observation in observe(event):
            result = note(result, observation)
    return result
