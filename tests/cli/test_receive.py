"""``fsfax receive``: store inbound faxes in a folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fsfax.cli import exits
from fsfax.testing import LiveSoftswitch
from tests.forked_command import run_fsfax


def test_a_fax_is_stored(
    environment: dict[str, str], letter: Path, tmp_path: Path, switch: LiveSoftswitch
) -> None:
    # Faxes of earlier tests may be in the spool: no command stored them.
    assert run_fsfax("receive", "--timeout", "1", environment=environment).returncode == 6
    listening = subprocess.Popen(
        [sys.executable, "-m", "fsfax", "receive", tmp_path / "in", "--count", "1", "--no-json"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert listening.stdout
    assert "waiting" in listening.stdout.readline()
    done = run_fsfax(
        "send", letter, "--to", "5550100", "--ident", "+1 555 0142", environment=environment
    )
    assert done.returncode == 0
    out, _ = listening.communicate(timeout=30)
    assert listening.returncode == 0
    assert "received: 2 pages" in out
    assert len(list((tmp_path / "in").glob("*.tif"))) == 1


def test_no_fax_within_the_timeout(environment: dict[str, str], tmp_path: Path) -> None:
    done = run_fsfax("receive", tmp_path / "other", "--timeout", "0.2", environment=environment)
    assert done.returncode == exits.NO_FAX
