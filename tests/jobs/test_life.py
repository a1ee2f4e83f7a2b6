"""The whole life of jobs as a state machine, with crashes at every write, on both databases.

The database, the claims, the settlement, `Dialler` and `reconcile` are the real ones; FreeSWITCH
and the engine are `switch_model`'s. A crash is an exception before or after any commit, or at
any step between the guard mark and the originate; after it that worker never comes back, and the
next one finds what it left open.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, select

from fsfax.db.database import Database
from fsfax.db.records import NewFax
from fsfax.db.schema import attempts, documents, jobs
from fsfax.db.states import AttemptState, Hold, JobState
from fsfax.errors import IllegalMove, LeaseLost
from fsfax.jobs.claims import NodeCapacity
from fsfax.jobs.dial import Dialler
from fsfax.jobs.reconcile import reconcile
from fsfax.jobs.store import JobStore
from fsfax.settings import JobsSettings, Settings
from fsfax.values.outcome import Outcome
from tests.job_fixtures import Clock, Hand
from tests.jobs.switch_model import ModelEngine, ModelSwitch
from tests.postgresql import Server

NUMBERS = ["+3531", "+3532", "+3533"]
FAILURES = [Outcome.BUSY, Outcome.NO_ANSWER, Outcome.LINE_TROUBLE, Outcome.NOT_A_FAX]


class Crash(BaseException):
    """The process is gone."""


class Fragile(Database):
    """A database whose writer dies at the n-th commit from now, before or after it."""

    steps = 0
    after = False

    def step(self) -> None:
        if self.steps:
            self.steps -= 1
            if not self.steps:
                raise Crash

    @contextmanager
    def write(self) -> Iterator[Connection]:
        dies = self.steps == 1
        if dies and not self.after:
            self.step()
        with super().write() as connection:
            yield connection
        if dies or self.steps:
            self.step()


class Life(RuleBasedStateMachine):
    """Jobs, workers and a FreeSWITCH, in any order of events."""

    made = Bundle("made")
    url: str
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        # In memory where there is such a folder: a disk that really syncs makes this slow.
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix="fsfax-life-", dir=memory))
        self.url = self.fresh()
        # Ids decide where times are equal: the same example has to have the same ids again.
        ids = random.Random(0)
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=ids.getrandbits(128), version=4))
        self.clock = Clock()
        self.settings = Settings(
            jobs=JobsSettings(uncertain_after=0.001), spool=self.folder / "spool"
        )
        (self.folder / "spool" / "work").mkdir(parents=True)
        self.database = Fragile(self.url)
        self.store = JobStore(Database(self.url), clock=self.clock)
        self.switch = ModelSwitch()
        self.script: list[tuple[Outcome, int]] = []
        self.released: Counter[str] = Counter()
        self.pdf = self.folder / "a.pdf"
        self.pdf.write_bytes(b"%PDF-1.4 x")

    def fresh(self) -> str:
        raise AssertionError("see the subclasses")

    def teardown(self) -> None:
        try:
            self.run_to_the_end()
        finally:
            self.patch.undo()
            self.store.close()
            self.database.close()
            shutil.rmtree(self.folder)

    # --- what people do ---------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.new_worker()
        for number in NUMBERS[:2]:
            self.accept(number, retries=2, priority=0)
        # Documents are ready, and no call was made yet.
        self.switch.down = True
        self.turn_of(None, steps=0)
        self.switch.down = False

    @rule(
        target=made,
        number=st.sampled_from(NUMBERS),
        retries=st.integers(0, 2),
        priority=st.integers(-1, 1),
    )
    def accept(self, number: str, retries: int, priority: int) -> str:
        fax = NewFax(to_number=number, documents=[self.pdf], retries=retries, priority=priority)
        return self.store.accept(fax).id

    @rule(id=made, what=st.sampled_from(["cancel", "hold", "release", "remove_documents"]))
    def ask(self, id: str, what: str) -> None:
        with suppress(IllegalMove):
            getattr(self.store, what)(id)
            self.released[id] += what == "release"

    @rule(target=made, id=made)
    def resubmit(self, id: str) -> str:
        job = self.store.get(id)
        if not job.state.is_final or not any(
            d.removed_at is None for d in self.store.documents(id)
        ):
            return id
        return self.store.resubmit(id).id

    # --- what happens -----------------------------------------------------------------------

    @rule(
        what=st.sampled_from(
            ["a second", "a lease", "an hour", "calls go on", "restart", "down", "new worker"]
        )
    )
    def something_happens(self, what: str) -> None:
        match what:
            case "a second" | "a lease" | "an hour":
                self.clock.move({"a second": 1, "a lease": 40, "an hour": 3600}[what])
            case "calls go on":
                self.switch.advance_all()
            case "restart" | "down":
                self.switch.restart()
                self.switch.down = what == "down"
            case "new worker":
                self.new_worker()

    @precondition(lambda self: self.switch.down)
    @rule()
    def freeswitch_comes_back(self) -> None:
        self.switch.down = False

    def new_worker(self) -> None:
        """Another worker comes; the one before is gone, or silent for ever."""
        self.hand = Hand(self.database, self.settings, self.clock)
        self.engine = ModelEngine(self.switch, self.next_script, self.database.step)
        self.dialler = Dialler(
            self.engine,  # type: ignore[arg-type]
            self.database,
            self.hand.settlement,
            self.settings,
            in_thread=lambda function, *arguments: function(*arguments),
            may_dial=lambda: True,
        )

    @rule(data=st.data(), steps=st.integers(0, 18), after=st.booleans())
    def work(self, data: st.DataObject, steps: int, after: bool) -> None:
        """One turn of a worker, which may die anywhere in it."""
        self.turn_of(data, steps, after)

    @rule(data=st.data(), steps=st.integers(4, 14), after=st.booleans())
    def work_and_die(self, data: st.DataObject, steps: int, after: bool) -> None:
        """The same, dying where it hurts; FreeSWITCH is restarted before the next worker starts."""
        self.turn_of(data, steps, after)
        self.switch.restart()

    def turn_of(self, data: st.DataObject | None, steps: int, after: bool = False) -> None:
        self.data, self.database.steps, self.database.after = data, steps, after
        try:
            self.turn()
        except Crash:
            self.database.steps = 0
            self.new_worker()
        finally:
            self.database.steps = 0

    def turn(self) -> None:
        hand = self.hand
        try:
            hand.leases.heartbeat()
        except LeaseLost:
            self.new_worker()
            hand = self.hand
        for claim in hand.claims.take_over():
            reconcile(self.dialler, claim)
        for preparation in hand.claims.claim_unprepared(2):
            hand.settlement.prepared(preparation, self.pdf, 3)
        if not self.switch.down:
            node = NodeCapacity(node="a", core=self.switch.core, capacity=2, gateways={"gw": 0})
            for claim in hand.claims.claim([node], 2):
                if not self.dialler.dial(claim):
                    reconcile(self.dialler, claim)

    def next_script(self, first: int, last: int) -> tuple[Outcome, int]:
        if self.data is None:
            return Outcome.DELIVERED, last - first + 1
        outcome = self.data.draw(st.sampled_from([Outcome.DELIVERED, *FAILURES]), label="ends")
        if outcome is Outcome.DELIVERED:
            return outcome, last - first + 1
        if outcome is Outcome.LINE_TROUBLE:
            return outcome, self.data.draw(st.integers(0, last - first), label="pages")
        return outcome, 0

    # --- what must hold at any time ---------------------------------------------------------

    @invariant()
    def never_two_calls_at_once(self) -> None:
        live = [call for call in self.switch.log if call.up]
        assert max(Counter(call.number for call in live).values(), default=0) <= 1
        owners = self.owners()
        assert max(Counter(owners[call.id] for call in live).values(), default=0) <= 1

    @invariant()
    def never_again_once_confirmed(self) -> None:
        owners = self.owners()
        done: set[str] = set()
        for call in self.switch.log:
            job = owners[call.id]
            assert job not in done, "a fax that had arrived was dialled again"
            if call.proved:
                done.add(job)

    @invariant()
    def what_is_not_known_is_said_to_be_not_known(self) -> None:
        with self.store.database.read() as connection:
            query = select(attempts.c.id, attempts.c.state)
            rows = connection.execute(query.where(attempts.c.ended_at.is_not(None)))
            ended = {row.id: row.state for row in rows}
        for call in self.switch.log:
            if call.cut and call.id in ended:
                assert ended[call.id] == AttemptState.UNCERTAIN

    @invariant()
    def rows_make_sense(self) -> None:
        with self.store.database.read() as connection:
            rows = connection.execute(select(jobs)).all()
            opened = Counter(
                connection.execute(
                    select(attempts.c.job_id).where(attempts.c.ended_at.is_(None))
                ).scalars()
            )
            kept = Counter(
                connection.execute(
                    select(documents.c.job_id).where(documents.c.kind == "original")
                ).scalars()
            )
        for row in rows:
            state = JobState(row.state)
            assert opened[row.id] == (1 if state is JobState.PROCESSING else 0)
            # Releasing a fax after its last try asks for one more.
            assert row.attempts <= row.retries + 1 + self.released[row.id]
            assert kept[row.id] == 1
            assert 0 <= row.pages_confirmed <= max(row.pages_total, 0)
            if state.is_final:
                assert row.worker_id is None
                assert row.finished_at
                assert not row.blocked
            if row.hold:
                assert state in (JobState.PENDING, JobState.ATTACHING_FILES)

    def owners(self) -> dict[str, str]:
        with self.store.database.read() as connection:
            rows = connection.execute(select(attempts.c.id, attempts.c.job_id))
            return {row.id: row.job_id for row in rows}

    # --- and in the end ---------------------------------------------------------------------

    def run_to_the_end(self) -> None:
        """With a running worker every job becomes final, or is held for an operator."""
        self.data: Any = None
        self.database.steps = 0
        self.switch.down = False
        for _ in range(60):
            self.clock.move(24 * 3600)
            self.turn()
            left = [job for job in self.store.list(limit=1000).jobs if not job.state.is_final]
            if all(job.hold for job in left):
                break
        owners = self.owners()
        for job in self.store.list(limit=1000).jobs:
            assert job.state.is_final or job.hold, f"{job.id} is stuck: {job.state}"
            for attempt in self.store.attempts(job.id):
                assert attempt.state.is_final
            if any(call.proved and owners[call.id] == job.id for call in self.switch.log):
                assert job.state is JobState.COMPLETED, "a fax that arrived was not reported so"
            if job.hold is Hold.UNCERTAIN:
                assert any(a.state is AttemptState.UNCERTAIN for a in self.store.attempts(job.id))
            if job.state in (JobState.COMPLETED, JobState.FAILED):
                assert job.result is not None
                assert job.result.success == (job.state is JobState.COMPLETED)
        self.rows_make_sense()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_life(kind: str, request: pytest.FixtureRequest, sqlite_template: Path) -> None:
    server: Server | None = None
    if kind == "postgresql":
        server = request.getfixturevalue("postgresql_server")

    class Here(Life):
        def fresh(self) -> str:
            if server:
                return server.database()
            shutil.copy(sqlite_template, self.folder / "fsfax.db")
            return f"sqlite:///{self.folder}/fsfax.db"

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Here,
        settings=settings(
            max_examples=12 if server else 30,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
