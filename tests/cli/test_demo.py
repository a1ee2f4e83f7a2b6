"""``fsfax demo``: a fax from end to end."""

from __future__ import annotations

from pathlib import Path

from tests.forked_command import run_fsfax


def test_the_demo(tmp_path: Path) -> None:
    done = run_fsfax("demo", "--out", tmp_path, "--speed", "0", "--no-json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "page 3 of 3 confirmed" in done.stdout
    assert "pixel-identical: yes" in done.stdout
