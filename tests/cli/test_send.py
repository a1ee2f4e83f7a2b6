"""``fsfax send``: progress, results and exit codes of a call."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fsfax.cli import exits
from fsfax.softswitch import number_of
from fsfax.testing import LiveSoftswitch
from fsfax.values.outcome import Outcome
from tests.cli.commands import lines
from tests.forked_command import run_fsfax


def test_send(environment: dict[str, str], letter: Path) -> None:
    done = run_fsfax("send", letter, "--to", "+1 (555) 0100", "--json", environment=environment)
    assert done.returncode == 0, done.stderr
    events = lines(done)
    names = [event["event"] for event in events]
    assert names[0] == "prepared"
    assert [name for name in names if name == "page_done"] == ["page_done"] * 2
    assert names[-1] == "result"
    assert events[-1]["pages_sent"] == 2
    assert events[-1]["success"] is True


def test_send_in_words(environment: dict[str, str], letter: Path) -> None:
    done = run_fsfax(
        "send", letter, "--to", "5550100", "--no-json", "--pages", "2", environment=environment
    )
    assert done.returncode == 0, done.stderr
    assert "page 1 of 2 confirmed" in done.stdout
    assert "delivered: 1 page" in done.stdout


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("busy", Outcome.BUSY),
        ("unallocated", Outcome.BAD_NUMBER),
        ("rejected", Outcome.REFUSED),
        ("voice", Outcome.NOT_A_FAX),
        ("drop_in_page_1", Outcome.LINE_TROUBLE),
        ("congestion", Outcome.LOCAL_TROUBLE),
    ],
)
def test_exit_codes(environment: dict[str, str], letter: Path, name: str, outcome: Outcome) -> None:
    done = run_fsfax("send", letter, "--to", number_of(name), "--no-json", environment=environment)
    assert done.returncode == exits.OUTCOMES[outcome], done.stdout + done.stderr
    assert outcome.value.replace("_", " ") in done.stdout


def test_ctrl_c_ends_the_call(
    environment: dict[str, str], letter: Path, switch: LiveSoftswitch
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "fsfax", "send", letter, "--to", number_of("no_answer"), "--json"],
        # A week: the stand-in's clock runs fast, and makes ten minutes of it.
        env={**environment, "FSFAX_TIMEOUTS__ANSWER": "604800"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    events = []
    for line in child.stdout:
        events.append(json.loads(line))
        if events[-1]["event"] == "ringing":
            child.send_signal(signal.SIGINT)
    assert child.wait(30) == exits.OUTCOMES[Outcome.CANCELLED]
    assert events[-1]["outcome"] == "cancelled"
    assert events[-1]["doubt"] == "none"
