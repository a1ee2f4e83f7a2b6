"""What the tests of commands have in common: their output, and jobs that a command stored."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.forked_command import run_fsfax

_ID = re.compile(r"\d{6}-[0-9a-f]{32}\Z")


class Done(NamedTuple):
    """The output of a command that ran in the test's process."""

    stdout: str
    stderr: str


Run = Callable[..., Done]


def lines(done: Done | subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Return the JSON objects that a command printed, one a line."""
    return [json.loads(line) for line in done.stdout.splitlines()]


def submit(environment: dict[str, str], *words: object) -> str:
    """Run ``fsfax submit`` in a process; return the id of the job."""
    done = run_fsfax("submit", *words, "--no-json", environment=environment)
    assert done.returncode == 0, done.stderr
    id = done.stdout.strip()
    assert _ID.match(id), "nothing but the id is printed, for scripts"
    return id


def job(environment: dict[str, str], id: str) -> dict[str, Any]:
    """Return what ``fsfax job`` prints about a job."""
    done = run_fsfax("job", id, "--json", environment=environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
