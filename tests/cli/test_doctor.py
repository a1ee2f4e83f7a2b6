"""``fsfax doctor``: what it checks, its output and exit codes."""

from __future__ import annotations

from pathlib import Path

from fsfax.cli import exits
from tests.cli.commands import lines
from tests.forked_command import run_fsfax


def test_checks_output_and_exit_codes(environment: dict[str, str], letter: Path) -> None:
    done = run_fsfax("doctor", "--json", environment=environment)
    checks = {check["name"]: check for check in lines(done)}
    assert done.returncode == 0, checks
    assert checks["connection"]["verdict"] == "ok"
    assert {"mod_spandsp", "spool/out", "outcome marks in db", "T.38"} <= set(checks)
    broken = run_fsfax("doctor", "--gateway", "nowhere", "--no-json", environment=environment)
    assert broken.returncode == exits.UNREACHABLE
    assert "→" in broken.stdout
    environment["FSFAX_DATABASE"] = f"sqlite:///{letter}"
    broken = run_fsfax("doctor", "--no-json", environment=environment)
    assert broken.returncode == exits.STORE
    assert "not a database" in broken.stdout
