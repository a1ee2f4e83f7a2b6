"""A worker that calls on a `ModelSwitch`; database, claims, settlement and `Dialler` are real."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fsfax.db.database import Database
from fsfax.jobs.claims import Claim, NodeCapacity
from fsfax.jobs.dial import Dialler
from fsfax.settings import Settings
from fsfax.values.outcome import Outcome
from fsfax.values.results import FaxResult
from tests.job_fixtures import Clock, Hand
from tests.jobs.switch_model import ModelEngine, ModelSwitch

Script = Callable[[int, int], tuple[Outcome, int]]


def delivered(first: int, last: int) -> tuple[Outcome, int]:
    """Return the script of a call that delivers every page."""
    return Outcome.DELIVERED, last - first + 1


class ModelWorker:
    """One worker.

    before: called before each use of the database with the function and its arguments, which is
        what the worker runs in a thread; it may raise in place of the database.
    results: what `Dialler` reported, in order.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        switch: ModelSwitch,
        script: Script = delivered,
    ) -> None:
        self.switch = switch
        self.hand = Hand(database, settings, clock)
        self.may_dial = True
        self.results: list[FaxResult] = []
        self.before: Callable[..., None] = lambda _, *__: None
        self.engine = ModelEngine(switch, script, lambda: None)
        self.dialler = Dialler(
            self.engine,  # type: ignore[arg-type]
            database,
            self.hand.settlement,
            settings,
            in_thread=self._in_thread,
            may_dial=lambda: self.may_dial,
            on_result=self.results.append,
        )

    def claim(self) -> Claim:
        """Claim the one job that is due."""
        node = NodeCapacity(node="a", core=self.switch.core, capacity=0, gateways={"gw": 0})
        (claim,) = self.hand.claims.claim([node])
        return claim

    def take_over(self) -> Claim:
        """Take over the one job that lost its worker."""
        (claim,) = self.hand.claims.take_over()
        return claim

    def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self.before(function, *arguments)
        return function(*arguments)
