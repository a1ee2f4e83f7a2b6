"""The examples of the documentation, run against the stand-in softswitch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fsfax.softswitch import number_of

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize("example", ["threaded_worker", "gevent_worker", "durable_jobs"])
def test_examples(environment: dict[str, str], letter: Path, example: str) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{example}.py", letter, "5550100", number_of("busy")],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "5550100 delivered" in done.stdout
    assert f"{number_of('busy')} busy" in done.stdout
