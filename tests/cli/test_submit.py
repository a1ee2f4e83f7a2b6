"""``fsfax submit``: store a durable job."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax.cli import exits
from fsfax.db.database import Database
from fsfax.jobs.store import JobStore
from tests.cli.commands import Run, lines


def test_an_option_is_a_field_of_the_job(run: Run, url: str, letter: Path, account: str) -> None:
    (accepted,) = lines(
        run(
            *("submit", str(letter), "--to", "+1 555 0100", "--account", account),
            *("--from", "15550101", "--name", "Clinic", "--to-name", "Ward", "--retries", "4"),
            *("--priority", "-7", "--not-before", "2099-01-01T01:00:00+01:00"),
            *("--gateway", "a", "--gateway", "b", "--ident", "+1 555", "--t38", "required"),
            *("--no-ecm", "--resolution", "superfine"),
        )
    )
    assert accepted["event"] == "accepted"
    with JobStore(Database(url)) as store:
        job = store.get(accepted["id"])
    assert (job.to_number, job.to_name, job.account_id) == ("+1 555 0100", "Ward", account)
    assert (job.from_number, job.from_name) == ("15550101", "Clinic")
    assert (job.retries, job.priority, list(job.gateways)) == (4, -7, ["a", "b"])
    assert job.due_at.isoformat() == "2099-01-01T00:00:00+00:00"
    assert job.preferences.as_dict() == {
        "ident": "+1 555",
        "t38": "required",
        "ecm": False,
        "resolution": "superfine",
    }


def test_the_id_alone_is_printed(run: Run, letter: Path) -> None:
    done = run("submit", str(letter), str(letter), "--to", "5550100", "--no-json")
    (job,) = lines(run("jobs"))
    assert done.stdout == f"{job['id']}\n"


def test_the_same_key_creates_one_job(run: Run, letter: Path) -> None:
    words = ("submit", str(letter), "--to", "5550100", "--key", "once", "--no-json")
    assert run(*words).stdout == run(*words).stdout
    assert len(lines(run("jobs"))) == 1


def test_a_url_in_place_of_files(run: Run) -> None:
    (accepted,) = lines(
        run("submit", "--url", "https://example.org/a.pdf", "--method", "post", "--to", "1")
    )
    assert accepted["source"] == {"url": "https://example.org/a.pdf", "method": "post"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--to", "1", "--account", "f" * 32), "there is no account"),
        (("--to", "1", "--not-before", "2099-01-01"), "time zone"),
    ],
)
def test_nothing_is_stored_after_an_error(
    run: Run, letter: Path, words: tuple[str, ...], message: str
) -> None:
    code = exits.JOB if "--account" in words else exits.USAGE
    assert message in run("submit", str(letter), *words, code=code).stderr
    assert lines(run("jobs")) == []
