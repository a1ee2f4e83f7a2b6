"""Faxes that come in, all real but the telephone network; and processes that are killed."""

from __future__ import annotations

import logging
import shutil
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import delete, select

from fsfax.accounts.accounts import Account, Accounts
from fsfax.accounts.faxboxes import Faxbox, Faxboxes
from fsfax.api import fax_view
from fsfax.cli.main import main
from fsfax.db.records import Job
from fsfax.db.schema import outbox, workers
from fsfax.db.states import Direction, JobState
from fsfax.document import compare
from fsfax.jobs.store import JobStore
from fsfax.jobs.worker import Worker
from fsfax.settings import JobsSettings, Settings
from fsfax.testing import LiveSoftswitch, SoftswitchFactory
from tests.jobs.inbound_process import POINTS
from tests.jobs.waiting import over, until

pytestmark = pytest.mark.spandsp

PROGRAM = Path(__file__).with_name("inbound_process.py")


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """What differs between the databases is tested elsewhere."""
    shutil.copy(sqlite_template, tmp_path / "fsfax.db")
    return f"sqlite:///{tmp_path}/fsfax.db"


@pytest.fixture
def live(database_url: str) -> Iterator[JobStore]:
    with JobStore(database_url) as store:
        yield store


@pytest.fixture
def mine(live: JobStore) -> Account:
    return Accounts(live.database).create("mine")


@pytest.fixture
def switch(fsfax_softswitch_factory: SoftswitchFactory, tmp_path: Path) -> LiveSoftswitch:
    return fsfax_softswitch_factory(speed=60, root=tmp_path / "switch")


@pytest.fixture
def settings(database_url: str, switch: LiveSoftswitch) -> Settings:
    return Settings(
        nodes=(switch.node_settings(),),
        spool=switch.root,
        database=SecretStr(database_url),
        jobs=JobsSettings(poll=0.05),
    )


def box(live: JobStore, mine: Account, number: str, **more: object) -> Faxbox:
    return Faxboxes(live.database).create(mine.id, {"name": "Desk", "numbers": [number], **more})


def came_in(live: JobStore, call_id: str) -> Job:
    """Wait for the job of a call to be over."""

    def mine() -> list[Job]:
        return [job for job in live.list(direction=Direction.IN).jobs if job.call_id == call_id]

    until(mine, "the fax is seen")
    return over(live, mine()[0])


class TestCalls:
    @pytest.mark.parametrize("name", ["fax", "takeover"])
    def test_a_blocked_caller(
        self,
        settings: Settings,
        live: JobStore,
        mine: Account,
        switch: LiveSoftswitch,
        fsfax_sample_tiff: Path,
        name: str,
    ) -> None:
        desk = box(live, mine, switch.number(name), callers={"block": ["+1 555 06*"]})
        with Worker(settings) as worker:
            worker.engine.wait_up()
            calls = [
                switch.call_in(switch.number(name), fsfax_sample_tiff, caller_number=caller)
                for caller in ("+15550666", "+15550777")
            ]
            refused, taken = (came_in(live, call.uuid) for call in calls)
        assert (taken.state, taken.faxbox_id) == (JobState.COMPLETED, desk.id)
        assert (refused.state, refused.faxbox_id) == (JobState.FAILED, desk.id)
        assert refused.result is not None
        assert (refused.result.result_text, refused.result.blocked) == ("blocked", True)
        assert refused.from_number == "+15550666"
        assert live.documents(refused.id) == ()
        assert calls[0].cause == "CALL_REJECTED"
        assert not list((settings.spool / "in").iterdir())
        with live.database.read() as connection:
            notified = connection.execute(select(outbox.c.job_id)).scalars().all()
        assert notified == [taken.id]

    def test_a_fax_is_forwarded(
        self,
        settings: Settings,
        live: JobStore,
        mine: Account,
        switch: LiveSoftswitch,
        fsfax_sample_tiff: Path,
    ) -> None:
        target = switch.number("no_ecm")
        desk = box(live, mine, "5550100", forward_to=target, caller_id="+1 555 0177")
        with Worker(settings) as worker:
            worker.engine.wait_up()
            call = switch.call_in("5550100", fsfax_sample_tiff)
            came = came_in(live, call.uuid)
            (sent,) = live.list(direction=Direction.OUT, faxbox_id=desk.id).jobs
            sent = over(live, sent)
            # The switch's far end is received here, too: for a number without an owner.
            until(lambda: len(live.list(direction=Direction.IN).jobs) == 2, "the far end")
        assert came.state is JobState.COMPLETED
        assert (sent.state, sent.pages_confirmed, sent.resubmit_of) == (
            JobState.COMPLETED,
            3,
            came.id,
        )
        assert sent.from_number == "+1 555 0177"
        assert [each.number for each in switch.calls] == ["5550100", target]

    def test_what_broke_off_is_in_the_inbox_with_its_pages(
        self,
        settings: Settings,
        live: JobStore,
        mine: Account,
        switch: LiveSoftswitch,
        fsfax_sample_tiff: Path,
    ) -> None:
        number = switch.number("drop_in_page_3")
        box(live, mine, number)
        with Worker(settings) as worker:
            worker.engine.wait_up()
            job = came_in(live, switch.call_in(number, fsfax_sample_tiff).uuid)
        assert (job.state, job.pages_confirmed) == (JobState.FAILED, 2)
        shown = fax_view.received(job)
        result = shown["rx_result"]
        assert (result["success"], result["partial"]) == (False, True)
        assert result["pages_received"] == result["transferred_pages"] == 2
        assert result["error_message"]
        (listed,) = live.list(mine.id, direction=Direction.IN, with_pages=True).jobs
        assert listed.id == job.id
        assert [document.pages for document in live.documents(job.id)] == [2]


# Control characters, line ends, escapes, overrides, ways out of a folder, length, markup.
HOSTILE = (
    "\x00\x07\x1b[31mred\x1b[0m",
    "a\r\nContent-Type: text/html\r\n\r\n<script>",
    "%0AEvent-Name: EVIL%0D%0A",
    "\u202egnp.exe\u2066\u200b\ufeff",
    "../../../../etc/passwd",
    "${system(touch /tmp/x)}",
    "<img src=x onerror=alert(1)>[red]x[/red]",
    "A" * 5000,
    "\x9b2J\x9d0;title\x9c",
)


def words_in(value: object) -> list[str]:
    """Every word of a JSON value: how JSON writes them may hide what they are."""
    match value:
        case str():
            return [value]
        case dict():
            return words_in([*value, *value.values()])
        case list():
            return [word for each in value for word in words_in(each)]
        case _:
            return []


class TestHostileWords:
    @pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
    def test_control_characters_of_a_caller_are_harmless_everywhere(
        self,
        settings: Settings,
        live: JobStore,
        switch: LiveSoftswitch,
        fsfax_sample_tiff: Path,
        word: str,
        caplog: pytest.LogCaptureFixture,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        caplog.set_level(logging.DEBUG, logger="fsfax")
        with Worker(settings) as worker:
            worker.engine.wait_up()
            call = switch.call_in(
                "5550100",
                fsfax_sample_tiff,
                caller_number=word,
                caller_name=word,
                # T.30 has 20 octets for it, and C ends at the first NUL.
                ident=word.replace("\x00", "").encode()[:20].decode("utf-8", "ignore"),
            )
            job = came_in(live, call.uuid)
        assert job.state is JobState.COMPLETED, job.result
        (document,) = live.documents(job.id)
        shown = [caplog.text, document.name]
        shown += words_in([job.as_dict(), fax_view.full_row(job)])
        shown += words_in([event.as_dict() for event in live.events(job.id)])
        monkeypatch.setenv("FSFAX_DATABASE", settings.database.get_secret_value())
        saved = tmp_path / "saved"
        for words in (
            ("jobs", "--no-json"),
            ("jobs", "--json"),
            ("job", job.id, "--no-json", "--save", str(saved)),
            ("job", job.id, "--json"),
        ):
            monkeypatch.setattr(sys, "argv", ["fsfax", *words])
            with pytest.raises(SystemExit):
                main()
            shown.append("".join(capsys.readouterr()))
        assert [path.name for path in saved.iterdir()] == [f"{job.id}-received-0.tif"]
        for text in shown:
            bad = {c for c in text if unicodedata.category(c).startswith("C")} - {"\n"}
            assert not bad, text
        # A line is a line: nothing that was said makes one of its own.
        assert not [line for text in shown for line in text.splitlines() if line[:5] == "Event"]
        assert all(len(value) <= 64 for value in (job.from_number, job.from_name))
        assert not list((settings.spool / "in").iterdir())


@contextmanager
def process(settings: Settings, kills: Path) -> Iterator[subprocess.Popen[bytes]]:
    (node,) = settings.nodes
    words = [settings.database.get_secret_value(), str(node.port), str(settings.spool), str(kills)]
    with subprocess.Popen([sys.executable, str(PROGRAM), *words], stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdout.readline() == b"ready\n"
        try:
            yield child
        finally:
            child.kill()


def test_a_service_that_is_killed_at_every_point(
    settings: Settings,
    live: JobStore,
    mine: Account,
    fsfax_softswitch_factory: SoftswitchFactory,
    fsfax_sample_tiff: Path,
    tmp_path: Path,
) -> None:
    """Each process dies at its point; the next one finds what is left, and receives another fax."""
    switch = fsfax_softswitch_factory(speed=200, root=tmp_path / "spool")
    settings = settings.model_copy(
        update={"nodes": (switch.node_settings(),), "spool": switch.root}
    )
    desk = box(live, mine, "5550100", forward_to="+15550111")
    kills = tmp_path / "kills"
    kills.mkdir()
    calls: list[str] = []
    for point in POINTS:
        with process(settings, kills) as child:
            record = switch.call_in("5550100", fsfax_sample_tiff)
            (kills / record.uuid).write_text(point)
            calls.append(record.uuid)
            assert child.wait(60) == -signal.SIGKILL, point
        with live.database.write() as connection:
            connection.execute(delete(workers))  # its lease need not be waited for
    with process(settings, kills):
        ends = [came_in(live, call_id) for call_id in calls]
        received = settings.spool / "received"
        until(lambda: not list(received.iterdir()), "the files are removed")
    assert list(kills.iterdir()) == [], "every point was reached"
    assert len(live.list(direction=Direction.IN).jobs) == len(POINTS), "each fax once"
    with live.database.read() as connection:
        query = select(outbox.c.job_id).where(outbox.c.kind == "fax_in_completed")
        notified = sorted(connection.execute(query).scalars())
    assert notified == sorted(job.id for job in ends), "and notified once"
    forwarded = live.list(direction=Direction.OUT, faxbox_id=desk.id).jobs
    assert sorted(filter(None, (job.resubmit_of for job in forwarded))) == notified, (
        "and forwarded once"
    )
    for job, point in zip(ends, POINTS, strict=True):
        assert (job.state, job.pages_confirmed, job.faxbox_id) == (
            JobState.COMPLETED,
            3,
            desk.id,
        ), point
        (document,) = live.documents(job.id)
        copy = tmp_path / f"{job.id}.tif"
        live.save(document, copy)
        assert compare(fsfax_sample_tiff, copy).identical, point
    assert not list((settings.spool / "in").iterdir())
