"""Calls during which events, FreeSWITCH or the connection are lost, and many calls at once."""

from __future__ import annotations

from pathlib import Path

from fsfax import CallTimeouts, Doubt, Engine, Negotiated, Observation, Outcome, PageDone, Status
from fsfax.softswitch import number_of
from tests.engine.stage import Stage


def test_the_result_event_is_lost(stage: Stage, engine: Engine, letter: Path) -> None:
    """The hangup event repeats the result in its variables."""

    def lose(seen: Observation) -> None:
        if isinstance(seen, PageDone) and seen.number == 3:
            stage.switch.lose_events(2)

    result = engine.send(letter, number_of("fax"), on_progress=lose)
    assert result.success, result


def test_freeswitch_is_restarted_during_a_call(stage: Stage, engine: Engine, letter: Path) -> None:
    """All channels are gone and no outcome was recorded: the result is uncertain."""

    def restart(seen: Observation) -> None:
        if isinstance(seen, PageDone) and seen.number == 1:
            stage.switch.restart()

    result = engine.send(
        letter, number_of("fax"), on_progress=restart, timeouts=CallTimeouts(link_lost=5)
    )
    assert not result.success
    assert result.pages_sent <= 1
    assert (result.status is Status.UNCERTAIN) == (result.outcome is Outcome.UNKNOWN)


def test_the_connection_does_not_come_back(stage: Stage, letter: Path) -> None:
    with Engine(stage.settings(), hub="own") as engine:
        engine.wait_up()

        def unplug(seen: Observation) -> None:
            if isinstance(seen, Negotiated):
                stage.switch.stall(60.0)
                stage.switch.drop_connections()

        result = engine.send(
            letter,
            number_of("stall_in_page_2"),
            on_progress=unplug,
            timeouts=CallTimeouts(link_lost=0.5, page=30),
        )
    assert (result.status, result.outcome) == (Status.UNCERTAIN, Outcome.UNKNOWN), result
    assert result.doubt is Doubt.ANY
    # Its file stays: the call may still be up and read it.
    assert list((stage.root / "out").glob("*.tif"))


def test_many_faxes_at_once_and_none_is_dialled_twice(
    stage: Stage, engine: Engine, letter: Path
) -> None:
    calls = [engine.start(letter, number_of("fax")) for _ in range(30)]
    results = [call.result(60) for call in calls]
    assert all(result.success for result in results)
    log = [record for record in stage.switch.calls if record.uuid in {call.id for call in calls}]
    assert len(log) == 30
    assert engine.nodes()[0].busy == 0
