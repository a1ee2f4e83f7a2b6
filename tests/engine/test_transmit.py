"""Guard, dial, follow and settle: no attempt is dialled twice, and none that was settled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gevent
import pytest

from fsfax import (
    AlreadyDialled,
    CallTimeouts,
    Doubt,
    Engine,
    EslError,
    NotDialled,
    Observation,
    Outcome,
    Status,
    new_call_id,
)
from fsfax.engine.plan import call_ids
from fsfax.engine.transmit import lacks_t38
from fsfax.softswitch import number_of
from tests.engine.observed import ANSWERED, NEGOTIATED, page, seen
from tests.engine.stage import Stage


def test_an_attempt_is_dialled_once(stage: Stage, engine: Engine, converted: Path) -> None:
    result = engine.send(converted, number_of("fax"), as_is=True, end_page=1, keep_marks=True)
    assert result.success
    assert stage.guard(result.call_id) == "ended", "the hook has replaced the guard"
    with pytest.raises(AlreadyDialled, match=result.call_id):
        engine.send(converted, number_of("fax"), as_is=True, attempt_id=result.call_id)
    assert [call.uuid for call in stage.switch.calls] == [result.call_id]
    engine.forget(result.call_id)
    assert stage.guard(result.call_id) == ""


def test_may_dial_is_called_between_the_guard_and_the_originate(
    stage: Stage, engine: Engine, converted: Path
) -> None:
    attempt_id = new_call_id()
    found: list[tuple[str, int]] = []

    def look() -> bool:
        found.append((stage.guard(attempt_id), len(stage.switch.calls)))
        return True

    result = engine.send(
        converted, number_of("fax"), as_is=True, attempt_id=attempt_id, may_dial=look, end_page=1
    )
    assert result.success
    assert found == [("intended", 0)]


def test_nothing_is_dialled_if_may_dial_returns_false(
    stage: Stage, engine: Engine, converted: Path
) -> None:
    attempt_id = new_call_id()
    with pytest.raises(NotDialled):
        engine.send(
            converted, number_of("fax"), as_is=True, attempt_id=attempt_id, may_dial=lambda: False
        )
    assert stage.guard(attempt_id) == "settled", "no process dials this id, and that is proved"
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


def test_no_further_gateway_once_may_dial_returns_false(
    stage: Stage, engine: Engine, converted: Path
) -> None:
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


def test_a_second_gateway_whose_id_is_settled(
    stage: Stage, engine: Engine, converted: Path
) -> None:
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


def test_a_fax_without_progress_is_ended(engine: Engine, letter: Path) -> None:
    result = engine.send(
        letter, number_of("stall_in_page_2"), timeouts=CallTimeouts(page=2, linger=1)
    )
    assert (result.status, result.outcome) == (Status.FAILED, Outcome.LINE_TROUBLE), result
    assert "made no progress" in result.error_message
    assert result.pages_sent == 1
    assert result.first_unconfirmed_page == 2
    assert result.doubt is Doubt.LAST_PAGE


def test_no_other_gateway_for_a_call_that_got_through(
    stage: Stage, engine: Engine, letter: Path
) -> None:
    for name in ("busy", "rejected", "unallocated", "hangs_up"):
        result = engine.send(letter, number_of(name), gateways=("softswitch", "down"))
        assert result.failed_gateways == (), name
    assert len(stage.switch.calls) == 4


AUDIO = replace(NEGOTIATED, t38_status="refused")


@pytest.mark.parametrize(
    ("wanted", "before", "observation", "lacks"),
    [
        ("required", (), AUDIO, True),
        ("required", (), NEGOTIATED, False),
        ("required", (), ANSWERED, False),
        ("required", (page(1),), AUDIO, False),  # a page is confirmed: the call goes on
        ("on", (), AUDIO, False),
        ("off", (), replace(AUDIO, t38_status="off"), False),
    ],
)
def test_a_call_that_requires_t38_and_negotiates_audio(
    wanted: str, before: tuple[Observation, ...], observation: Observation, lacks: bool
) -> None:
    transcript = seen(ANSWERED, *before, observation)
    assert lacks_t38(wanted, observation, transcript) is lacks
