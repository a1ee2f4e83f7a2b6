"""The core: calls logged, hooks run, channels hung up and reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fsfax.softswitch import number_of
from fsfax.softswitch.channel import Direction, SwitchChannel
from fsfax.softswitch.core import Core
from fsfax.softswitch.events import SwitchEvent
from fsfax.testing import SoftswitchFactory
from tests.softswitch.calling import HOOKS, dial, named, until


def test_the_call_log_is_a_file(
    fsfax_softswitch_factory: SoftswitchFactory, tmp_path: Path
) -> None:
    switch = fsfax_softswitch_factory(root=tmp_path)
    switch.api(
        "originate",
        "{origination_uuid=11111111-2222-3333-4444-555555555555}"
        f"sofia/gateway/softswitch/{number_of('busy')} &park()",
    )
    lines = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    assert [line["uuid"] for line in lines] == ["11111111-2222-3333-4444-555555555555"] * 2
    assert [line["ended"] is None for line in lines] == [True, False]
    assert lines[-1]["cause"] == "USER_BUSY"


def test_without_a_folder_nothing_is_stored(
    fsfax_softswitch_factory: SoftswitchFactory,
) -> None:
    switch = fsfax_softswitch_factory()
    switch.api("db", "insert/fsfax/one/success")
    assert not (switch.root / "db.json").exists()


@pytest.mark.parametrize(
    ("name", "db", "hash_"),
    [
        ("fax", "success", "ended"),
        ("drop_in_page_2", "failure", "ended"),
        ("voice", "failure", "ended"),
        ("busy", "-ERR no reply\n", "ended"),
        ("no_answer", "-ERR no reply\n", "ended"),
    ],
)
def test_marks_of_the_caller(link, switch, tiff, name, db, hash_):
    until(dial(link, "call", named(name), tiff, HOOKS), "CHANNEL_DESTROY")
    assert switch.api("db", "select/r/call") == db
    assert switch.api("hash", "select/r/call") == hash_


def test_other_hooks_are_not_run(link, switch, tiff, tmp_path):
    evil = tmp_path / "evil"
    hook = rf"api_hangup_hook=system\\stouch\\s{evil}"
    until(dial(link, "call", named("busy"), tiff, hook), "CHANNEL_DESTROY")
    assert not evil.exists()


def channel(core: Core, uuid: str, direction: Direction = "outbound") -> SwitchChannel:
    made = SwitchChannel(
        uuid=uuid,
        direction=direction,
        number="5550100",
        caller_number="1",
        caller_name="",
        session_id=core.next_session(),
    )
    core.add(made)
    return made


def names(published: list[SwitchEvent]) -> list[str]:
    return [
        f"{event.name} {event.get('Channel-State')}"
        if event.name == "CHANNEL_STATE"
        else event.name
        for event in published
    ]


def test_the_first_events_of_a_channel(core: Core, published: list[SwitchEvent]) -> None:
    channel(core, "a")
    assert names(published) == [
        "CHANNEL_OUTGOING",
        "CHANNEL_STATE CS_INIT",
        "CHANNEL_CREATE",
        "CHANNEL_ORIGINATE",
        "CHANNEL_STATE CS_ROUTING",
        "CHANNEL_STATE CS_CONSUME_MEDIA",
    ]
    published.clear()
    channel(core, "b", "inbound")
    assert names(published) == ["CHANNEL_STATE CS_NEW", "CHANNEL_STATE CS_INIT", "CHANNEL_CREATE"]
    assert (core.sessions, core.peak, sorted(core.channels)) == (2, 2, ["a", "b"])


def test_an_answer_of_the_called_leg_answers_the_calling_one(
    core: Core, published: list[SwitchEvent]
) -> None:
    calling, called = channel(core, "a"), channel(core, "b", "inbound")
    calling.peer, called.peer = called, calling
    published.clear()
    core.answer(called)
    core.answer(called)
    assert [(event.name, event.get("Unique-ID")) for event in published] == [
        ("CHANNEL_ANSWER", "b"),
        ("CHANNEL_CALLSTATE", "b"),
        ("CHANNEL_ANSWER", "a"),
        ("CHANNEL_CALLSTATE", "a"),
    ]


@pytest.mark.parametrize(
    ("answered", "far_cause"), [(True, "NORMAL_CLEARING"), (False, "ORIGINATOR_CANCEL")]
)
def test_a_hangup_reaches_the_other_leg(core: Core, answered: bool, far_cause: str) -> None:
    calling, called = channel(core, "a"), channel(core, "b", "inbound")
    calling.peer, called.peer = called, calling
    if answered:
        core.answer(called)
    core.hang_up(calling, "USER_BUSY")
    core.hang_up(calling, "NO_ANSWER")  # the first cause remains
    assert (calling.cause, called.cause) == ("USER_BUSY", far_cause)
    assert calling.hung_up.is_set()
    assert called.hung_up.is_set()


def test_a_channel_that_ended_is_reported_once(core: Core, published: list[SwitchEvent]) -> None:
    ended = channel(core, "a")
    ended.set("api_hangup_hook", "hash insert/r/a/ended")
    core.hang_up(ended)
    published.clear()
    core.finish(ended)
    core.finish(ended)
    assert names(published) == [
        "CHANNEL_STATE CS_HANGUP",
        "CHANNEL_CALLSTATE",
        "CHANNEL_STATE CS_REPORTING",
        "CHANNEL_HANGUP_COMPLETE",
        "CHANNEL_DESTROY",
        "CHANNEL_STATE CS_DESTROY",
    ]
    assert core.channels == {}
    assert core.hash.command("select/r/a") == "ended"


def test_a_restart_fires_no_events_and_stores_nothing(
    core: Core, published: list[SwitchEvent]
) -> None:
    lost = channel(core, "a")
    lost.set("api_hangup_hook", "db insert/r/a/ended")
    core.hash.command("insert/r/k/v")
    core.db.command("insert/r/k/v")
    before = core.globals["core_uuid"]
    published.clear()
    core.reset()
    assert (lost.cause, lost.hung_up.is_set()) == ("SYSTEM_SHUTDOWN", True)
    core.fire(lost, "CHANNEL_ANSWER")
    core.finish(lost)
    core.run_hook(lost, "api_hangup_hook")
    assert published == []
    assert core.hash.command("select/r/k") == ""
    assert core.db.command("select/r/k") == "v"
    assert core.db.command("select/r/a") == ""
    assert core.globals["core_uuid"] != before
    assert core.next_session() == 1


@pytest.mark.parametrize(("speed", "seconds"), [(0, 0.6), (1, 60), (20, 3)])
def test_waits_are_as_long_as_the_speed_says(core: Core, speed: float, seconds: float) -> None:
    core.speed = speed
    assert core.pace(60) == pytest.approx(seconds)


def test_a_background_job_has_its_command_and_answer(
    core: Core, published: list[SwitchEvent]
) -> None:
    core.fire_job("id", "echo", "a b", "ü\n")
    (event,) = published
    assert event.name == "BACKGROUND_JOB"
    assert [event.get(f"Job-{name}") for name in ("UUID", "Command", "Command-Arg")] == [
        "id",
        "echo",
        "a b",
    ]
    assert event.body == "ü\n".encode()
