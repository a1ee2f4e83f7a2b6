"""``fsfax smtp``: the mail server as a process."""

from __future__ import annotations

import re
import signal
import smtplib
from pathlib import Path

import pytest

from fsfax.cli import exits
from fsfax.cli.smtp import with_address
from fsfax.settings import Settings
from tests.api.service import until
from tests.cli.commands import Run
from tests.forked_command import start_fsfax


def test_the_options_override_the_address() -> None:
    settings = Settings(smtp={"host": "10.0.0.1", "port": 25, "sessions": 7})
    changed = with_address(settings, None, 0).smtp
    assert (changed.host, changed.port, changed.sessions) == ("10.0.0.1", 0, 7)
    assert with_address(settings, "::1", None).smtp.host == "::1"
    assert with_address(settings, None, None) == settings


def test_it_serves_until_sigterm(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSFAX_DATABASE", url)
    log = tmp_path / "log"
    with log.open("wb") as stream:
        process = start_fsfax("smtp", "--port", "0", stdout=2, stderr=stream.fileno())
    try:
        found = until(
            lambda: re.search(r"accepting mails at (\S+):(\d+)", log.read_text()), "it listens"
        )
        with smtplib.SMTP(found[1], int(found[2]), timeout=20) as client:
            assert client.ehlo()[0] == 250
            client.mail("a@example.org")
            assert client.rcpt("15550100@unknown.example.org")[0] == 550
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
    assert code == exits.OK, log.read_text()


def test_a_wrong_port(run: Run) -> None:
    assert "65536" in run("smtp", "--port", "65536", code=exits.USAGE).stderr
