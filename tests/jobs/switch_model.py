"""A model of FreeSWITCH and of the engine on top of it, for tests of the jobs' life.

It dials nothing, but keeps the rules that matter: a call lives on when its client dies, marks
outlive a restart, channels and the memory of guard marks do not, and every call is logged.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fsfax.engine.observations import Answered, Dialling, Observation, PageDone
from fsfax.errors import ConnectError, NotDialled
from fsfax.values.outcome import Outcome
from fsfax.values.results import PageRecord, TxResult
from tests.jobs.results import result


@dataclass
class ModelCall:
    """One call: ``script`` is how it ends, ``pages`` how many get confirmed before."""

    id: str
    number: str
    first: int
    last: int
    outcome: Outcome
    pages: int
    confirmed: int = 0
    answered: bool = False
    up: bool = True
    mark: str = ""
    ended_known: bool = False
    cut: bool = False  # off by a restart, at an unknown page
    proved: bool = False  # the success was recorded; what a restart cut off was not

    def advance(self) -> Observation | None:
        """Take one step; the observation of it, None when it is over."""
        if not self.up:
            return None
        answers = self.outcome in (Outcome.DELIVERED, Outcome.LINE_TROUBLE, Outcome.NOT_A_FAX)
        if answers and not self.answered:
            self.answered = True
            return Answered(at=1.0)
        if self.confirmed < self.pages:
            self.confirmed += 1
            return _page(self.confirmed)
        self.up = False
        self.ended_known = True
        if self.answered:
            self.proved = self.outcome is Outcome.DELIVERED
            self.mark = "success" if self.proved else "failure"
        return None

    def result(self) -> TxResult:
        return result(self.outcome, first=self.first, confirmed=self.confirmed, call_id=self.id)


@dataclass
class ModelSwitch:
    """FreeSWITCH: a core that changes at a restart, calls, and what is remembered of them."""

    core: str = "core-0"
    down: bool = False
    calls: dict[str, ModelCall] = field(default_factory=dict)
    guards: set[str] = field(default_factory=set)
    log: list[ModelCall] = field(default_factory=list)
    cores: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def restart(self) -> None:
        self.core = f"core-{next(self.cores)}"
        self.guards.clear()
        for call in self.calls.values():
            if call.up:
                call.up = False
                call.cut = True
            call.ended_known = False  # kept in memory alone

    def advance_all(self) -> None:
        for call in self.calls.values():
            while call.advance():
                pass


class ModelSend:
    """What the engine hands out for a call."""

    def __init__(self, call: ModelCall, error: Exception | None = None) -> None:
        self._call = call
        self._error = error
        self._cancelled = False

    def progress(self) -> Iterator[Observation]:
        if self._error:
            return
        yield Dialling(at=0.0, node="a", gateway="gw", call_id=self._call.id)
        while seen := self._call.advance():
            yield seen

    def result(self) -> TxResult:
        if self._error:
            raise self._error
        if not (self._call.ended_known or self._call.mark):
            return result(Outcome.UNKNOWN, first=self._call.first, confirmed=self._call.confirmed)
        return self._call.result()

    def cancel(self) -> None:
        if self._call.up:
            self._call.outcome, self._call.pages = Outcome.CANCELLED, 0
            self._call.answered = False

    def leave(self) -> None:
        pass


class ModelEngine:
    """The engine's promises to the jobs, on a `ModelSwitch`.

    ``script`` is asked for the outcome and the confirmed pages of each call. ``step`` is called
    where a real process could die.
    """

    def __init__(
        self,
        switch: ModelSwitch,
        script: Callable[[int, int], tuple[Outcome, int]],
        step: Callable[[], None],
    ) -> None:
        self._switch = switch
        self._script = script
        self._step = step

    def start(self, file: Path, to: str, **options: Any) -> ModelSend:
        switch, id = self._switch, options["attempt_id"]
        first, last = options["start_page"], options["end_page"]
        self._step()
        if switch.down:
            raise ConnectError("the node is down")
        assert id not in switch.guards, "an attempt was dialled twice"
        switch.guards.add(id)
        self._step()
        if not options["may_dial"]():
            raise NotDialled("the lease ran out")
        outcome, pages = self._script(first, last)
        call = ModelCall(id, to, first, last, outcome, pages)
        switch.calls[id] = call
        switch.log.append(call)
        self._step()
        return ModelSend(call)

    def adopt(self, attempt_id: str, *, core: str, **options: Any) -> ModelSend:
        switch = self._switch
        if switch.down:
            raise ConnectError("the node is down")
        call = switch.calls.get(attempt_id)
        blank = ModelCall(
            attempt_id, "", options["first_page"], options["last_page"], Outcome.UNKNOWN, 0
        )
        if call and call.up:
            return ModelSend(call)
        if call and (call.mark or call.ended_known):
            seen = ModelCall(**{**vars(call)})
            if not call.ended_known and call.mark == "failure":
                seen.confirmed = 0  # the pages were lost with the restart
            return ModelSend(seen)
        intended = attempt_id in switch.guards
        switch.guards.add(attempt_id)
        if not intended and core == switch.core:
            return ModelSend(blank, NotDialled("provably never dialled"))
        blank.up = False
        return ModelSend(blank)

    def forget(self, attempt_id: str, *, gateways: int = 1) -> None:
        self._step()
        call = self._switch.calls.get(attempt_id)
        if call and not call.up:
            call.mark, call.ended_known = "", False


def _page(number: int) -> PageDone:
    values: dict[str, Any] = dict.fromkeys(
        ("image_bytes", "width", "rows", "x_resolution", "y_resolution"), 1
    )
    return PageDone(
        at=1.0,
        page=PageRecord(number=number, bad_rows=0, longest_bad_row_run=0, encoding="T.6", **values),
        total=0,
    )
