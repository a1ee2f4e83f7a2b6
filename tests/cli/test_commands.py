"""Wrong input to commands, and a database that cannot be reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax.cli import exits
from tests.forked_command import run_fsfax


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["send", "missing.pdf", "--to", "1"], 3, "missing.pdf"),
        (["send", "letter.pdf", "--to", "12x"], 2, "dialled"),
        (["send", "letter.pdf", "--to", "1", "--pages", "x"], 2, "--pages"),
        (["send", "letter.pdf", "--to", "1", "--esl", "nowhere"], 2, "host:port"),
        (["send", "letter.pdf", "--to", "1", "--esl", "127.0.0.1:1"], 4, "FreeSWITCH"),
        (["--config", "missing.toml", "config"], 2, "missing.toml"),
        (["convert", "letter.pdf", "out.doc"], 2, ".doc"),
        (["doctor", "--esl", "127.0.0.1:1"], 4, "connection"),
    ],
)
def test_wrong_input_says_what_to_do(
    environment: dict[str, str], letter: Path, words: list[str], code: int, text: str
) -> None:
    done = run_fsfax(*words, environment=environment, cwd=letter.parent)
    assert done.returncode == code, done.stdout + done.stderr
    assert text in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["submit", "{letter}", "--to", "nobody"], exits.USAGE, "nobody"),
        (["submit", "{letter}", "--to", "1", "--retries", "9"], exits.USAGE, "0 to 4"),
        (["submit", "--to", "1"], exits.USAGE, "needs a document"),
        (["submit", "--to", "1", "--url", "file:///etc/passwd"], exits.USAGE, "http"),
        (["submit", "{letter}", "--to", "1", "--not-before", "soon"], exits.USAGE, "ISO 8601"),
        (["submit", "missing.pdf", "--to", "1"], exits.DOCUMENT, "missing.pdf"),
        (["job", "x"], exits.JOB, "no job x"),
        (["destination", "x"], exits.USAGE, "x"),
    ],
)
def test_wrong_input_about_jobs_says_what_to_do(
    environment: dict[str, str], letter: Path, words: list[str], code: int, says: str
) -> None:
    done = run_fsfax(*(word.format(letter=letter) for word in words), environment=environment)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_away_and_its_password(environment: dict[str, str]) -> None:
    away = environment | {"FSFAX_DATABASE": "postgresql://u:s3cret@127.0.0.1:1/x"}
    for words in (["jobs"], ["worker"], ["db", "upgrade"], ["config"]):
        done = run_fsfax(*words, environment=away)
        assert done.returncode == (0 if words == ["config"] else exits.STORE), done.stderr
        assert "s3cret" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
