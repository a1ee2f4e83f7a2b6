"""No attempt is dialled twice, and none that was settled."""

from __future__ import annotations

from pathlib import Path

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax import (
    AlreadyDialled,
    Closed,
    Engine,
    EslError,
    Fate,
    NotDialled,
    Outcome,
    PageDone,
    new_call_id,
)
from fsfax.engine import marks
from fsfax.engine.plan import call_ids
from fsfax.errors import CommandFailed, InvalidRequest
from fsfax.softswitch import number_of
from fsfax.softswitch.stores import Db, Hash
from tests.engine.conftest import Stage


class Stores:
    """``db`` and ``hash`` as a link shows them."""

    def __init__(self) -> None:
        self._stores = {"db": Db(), "hash": Hash()}

    def api(self, command: str, arg: str = "") -> str:
        if command == "uuid_exists":
            return "false"
        answer = self._stores[command].command(arg) or "-ERR no reply"
        if answer.startswith("-ERR"):
            raise CommandFailed(answer, reply=answer.removeprefix("-ERR ").strip())
        return answer


class WithoutHash(Stores):
    """A FreeSWITCH without mod_hash."""

    def api(self, command: str, arg: str = "") -> str:
        if command == "hash":
            raise CommandFailed("refused", reply="hash Command not found!")
        return super().api(command, arg)


STEPS = ("intend", "settle", "withdraw", "hang up")


@given(st.lists(st.sampled_from(STEPS), max_size=12))
def test_one_process_may_dial_and_none_after_settling(steps: list[str]) -> None:
    """Any number of clients, in any order: each dials only after its own ``intend``."""
    link, owners, settled, ended = Stores(), 0, False, False
    for step in steps:
        match step:
            case "intend":
                may = marks.intend(link, "r", "id")
                assert not (may and settled)
                owners += may
            case "settle":
                done = marks.settle(link, "r", "id")
                assert done == (settled or owners == 0)
                settled |= done
            case "withdraw" if owners and not ended and not settled:
                marks.withdraw(link, "r", "id")
                settled, owners = True, 0
            case "hang up" if owners:
                link.api("hash", marks.variables("r", "id")["api_hangup_hook"].split(" ", 1)[1])
                ended = True
        assert owners <= 1
        assert marks.fate(link, "r", "id") is (Fate.ENDED if ended else Fate.UNKNOWN)
    marks.erase(link, "r", "id")
    # Who meant to dial may wake up at any time: what was settled stays so.
    assert marks.guard(link, "r", "id") == ("settled" if settled and not ended else "")


def test_without_mod_hash_faxes_go_out_but_nothing_is_proved() -> None:
    link = WithoutHash()
    assert marks.intend(link, "r", "id")
    assert marks.intend(link, "r", "id")
    assert not marks.settle(link, "r", "id")


@pytest.mark.parametrize("word", ["", "a/b", "a b", "x" * 65])
def test_guards_hold_nothing_foreign(word: str) -> None:
    for put in (marks.intend, marks.settle):
        with pytest.raises(InvalidRequest):
            put(Stores(), "r", word)
        with pytest.raises(InvalidRequest):
            put(Stores(), word, "id")


def test_an_attempt_is_dialled_once(stage: Stage, engine: Engine, converted: Path) -> None:
    result = engine.send(converted, number_of("fax"), as_is=True, end_page=1, keep_marks=True)
    assert result.success
    assert stage.guard(result.call_id) == "ended", "the hook has replaced the guard"
    with pytest.raises(AlreadyDialled, match=result.call_id):
        engine.send(converted, number_of("fax"), as_is=True, attempt_id=result.call_id)
    assert [call.uuid for call in stage.switch.calls] == [result.call_id]
    engine.forget(result.call_id)
    assert stage.guard(result.call_id) == ""


def test_a_second_try_leaves_the_file_of_the_first(
    stage: Stage, engine: Engine, converted: Path
) -> None:
    first = engine.start(converted, number_of("fax"), as_is=True, attempt_id=new_call_id())
    for seen in first.progress():
        if isinstance(seen, PageDone) and seen.number == 1:
            with pytest.raises(AlreadyDialled):
                engine.send(converted, number_of("fax"), as_is=True, attempt_id=first.id)
            assert (stage.root / "out" / f"{first.id}.tif").exists()
    assert first.result(30).success
    assert len(stage.switch.calls) == 1


def test_an_erased_call_leaves_no_guard(stage: Stage, engine: Engine, converted: Path) -> None:
    for number in ("busy", "fax"):
        result = engine.send(converted, number_of(number), as_is=True, end_page=1)
        assert stage.guard(result.call_id) == "", number


def test_asked_between_the_guard_and_the_originate(
    stage: Stage, engine: Engine, converted: Path
) -> None:
    attempt_id = new_call_id()
    seen: list[tuple[str, int]] = []

    def look() -> bool:
        seen.append((stage.guard(attempt_id), len(stage.switch.calls)))
        return True

    result = engine.send(
        converted, number_of("fax"), as_is=True, attempt_id=attempt_id, may_dial=look, end_page=1
    )
    assert result.success
    assert seen == [("intended", 0)]


def test_nothing_is_dialled_if_may_dial_returns_false(
    stage: Stage, engine: Engine, converted: Path
) -> None:
    attempt_id = new_call_id()
    with pytest.raises(NotDialled):
        engine.send(
            converted, number_of("fax"), as_is=True, attempt_id=attempt_id, may_dial=lambda: False
        )
    assert stage.guard(attempt_id) == "settled", "nobody else dials this id, and that is proved"
    with pytest.raises(AlreadyDialled):
        engine.send(converted, number_of("fax"), as_is=True, attempt_id=attempt_id)
    assert stage.switch.calls == []
    assert engine.nodes()[0].busy == 0


def test_a_failing_may_dial_counts_as_false(stage: Stage, engine: Engine, converted: Path) -> None:
    attempt_id = new_call_id()

    def fail() -> bool:
        raise LookupError("the database is away")

    with pytest.raises(LookupError):
        engine.send(converted, number_of("fax"), as_is=True, attempt_id=attempt_id, may_dial=fail)
    assert stage.guard(attempt_id) == "settled"
    assert stage.switch.calls == []


def test_a_guard_that_was_lost_with_its_freeswitch(
    stage: Stage, engine: Engine, converted: Path
) -> None:
    """Restarted between guard and originate: the guard is lost."""
    attempt_id, core = new_call_id(), stage.core
    (node,) = engine._pool.nodes

    def restart() -> bool:
        stage.switch.restart()
        with gevent.Timeout(20):
            while node.link.core in ("", core):
                gevent.sleep(0.01)
        return True

    with pytest.raises(EslError, match="guard"):
        engine.send(
            converted, number_of("fax"), as_is=True, attempt_id=attempt_id, may_dial=restart
        )
    assert stage.switch.calls == []
    assert stage.guard(attempt_id) == "settled"


def test_no_further_gateway_once_we_may_not(stage: Stage, engine: Engine, converted: Path) -> None:
    """The call over the first gateway failed for certain, and that is the result."""
    answers = iter([True, False])
    result = engine.send(
        converted,
        number_of("fax"),
        as_is=True,
        gateways=("down", "softswitch"),
        may_dial=lambda: next(answers),
        keep_marks=True,
    )
    assert (result.result_cause, result.outcome) == ("GATEWAY_DOWN", Outcome.LOCAL_TROUBLE)
    assert result.failed_gateways == ()
    first, second = call_ids(result.call_id, 2)
    assert stage.guard(second) == "settled"
    engine.forget(first, gateways=2)
    assert stage.guard(first) == ""
    assert stage.guard(second) == "settled"


def test_a_poisoned_second_gateway(stage: Stage, engine: Engine, converted: Path) -> None:
    first, second = call_ids(new_call_id(), 2)
    stage.switch.api("hash", f"insert_ifempty/fsfax/{second}/settled")
    result = engine.send(
        converted,
        number_of("fax"),
        as_is=True,
        attempt_id=first,
        gateways=("down", "softswitch"),
    )
    assert result.result_cause == "GATEWAY_DOWN"
    assert not [call for call in stage.switch.calls if call.uuid == second]


def test_a_call_that_is_left_goes_on(stage: Stage, engine: Engine, converted: Path) -> None:
    call = engine.start(converted, number_of("fax"), as_is=True)
    for seen in call.progress():
        if isinstance(seen, PageDone) and seen.number == 1:
            call.leave()
    with pytest.raises(Closed):
        call.result(10)
    stage.switch.wait_idle(30)
    (record,) = stage.switch.calls
    assert (record.uuid, record.pages, record.code) == (call.id, 3, 0)
    assert engine.fate(call.id) is Fate.SUCCEEDED
    assert (stage.root / "out" / f"{call.id}.tif").exists(), "FreeSWITCH was reading it"
    assert engine.nodes()[0].busy == 0
    call.leave()


def test_a_fax_that_is_left_before_it_began(stage: Stage, engine: Engine, letter: Path) -> None:
    call = engine.start(letter, number_of("fax"))
    call.leave()
    with pytest.raises(Closed):
        call.result(10)
    assert list(call.progress()) == []
    assert stage.switch.calls == []
    assert not list((stage.root / "out").glob("*.tif"))
