"""One channel followed: kills that come too early, catching up, giving up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fsfax.engine.channel import Channel
from fsfax.engine.verdict import Fate, Interruption
from fsfax.errors import CommandFailed, Disconnected
from fsfax.esl.watch import Gap, Lost, Watch
from fsfax.esl.wire import Event
from fsfax.settings import CallTimeouts
from tests.engine import captured

ID = "40e2b99d-0678-49b2-95d7-942f0744e265"
SOON = CallTimeouts(
    answer=0.01, negotiation=0.01, page=0.01, linger=0.01, result=0.01, link_lost=0.01
)


class Switch:
    """A link with scripted answers that records the commands."""

    def __init__(self, **answers: Callable[[], str]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def api(self, command: str, arg: str = "") -> str:
        self.asked.append(command)
        return self.answers.get(command, lambda: "+OK")()

    def times(self, command: str) -> int:
        return self.asked.count(command)


def fails(reply: str = "No such channel!") -> Callable[[], str]:
    def answer() -> str:
        raise CommandFailed(reply, reply=reply)

    return answer


def gone() -> str:
    raise Disconnected("gone")


def channel(switch: Switch, timeouts: CallTimeouts | None = None) -> tuple[Channel, Watch]:
    watch = Watch(100, lambda _: None)
    made = Channel(
        switch,  # type: ignore[arg-type]  # api() is all that a channel uses
        watch,
        ID,
        timeouts=timeouts or CallTimeouts(),
        realm="fsfax",
        on_observation=lambda _o, _t: None,
    )
    return made, watch


def events(name: str, until: str = "") -> list[Event]:
    found = []
    for event in captured.events(name):
        if until and until in (event.name, event.subclass):
            break
        found.append(event)
    return found


def test_a_kill_that_came_before_the_channel_is_repeated() -> None:
    answers = iter([fails(), lambda: "+OK"])
    switch = Switch()
    switch.answers["uuid_kill"] = lambda: next(answers)()  # noqa: PLW0108  # one after another
    made, watch = channel(switch)
    made.interrupt(Interruption.CANCELLED)
    for event in captured.events("noanswer"):
        watch.put(event)
    assert made.follow() is Fate.UNKNOWN
    assert switch.times("uuid_kill") == 2
    assert made.interruption is Interruption.CANCELLED


def test_the_first_reason_counts_and_none_after_the_result() -> None:
    made, watch = channel(Switch())
    made.interrupt(Interruption.CANCELLED)
    made.interrupt(Interruption.PAGE_TIMEOUT)
    assert made.interruption is Interruption.CANCELLED
    late, watch = channel(Switch())
    for event in captured.events("t38-ok"):
        watch.put(event)
    late.follow()
    late.interrupt(Interruption.CANCELLED)
    assert late.interruption is None


@pytest.mark.parametrize(
    ("until", "interruption"),
    [
        ("CHANNEL_ANSWER", None),  # DIALLING has five seconds more than the limit
        ("spandsp::txfaxnegociateresult", Interruption.NEGOTIATION_TIMEOUT),
        ("spandsp::txfaxpageresult", Interruption.PAGE_TIMEOUT),
    ],
)
def test_each_stage_has_its_limit(until: str, interruption: Interruption | None) -> None:
    switch = Switch(uuid_exists=lambda: "false", db=lambda: "failure")
    made, watch = channel(switch, SOON)
    for event in events("t38-ok", until):
        watch.put(event)
    rest = events("t38-ok")[len(events("t38-ok", until)) :]
    switch.answers["uuid_kill"] = lambda: [watch.put(event) for event in rest] and "+OK"
    if interruption is None:
        made.interrupt(Interruption.CANCELLED)
        interruption = Interruption.CANCELLED
    made.follow()
    assert made.interruption is interruption
    assert switch.times("uuid_kill") == 1


def test_a_lingering_channel_is_killed_without_a_reason() -> None:
    switch = Switch()
    made, watch = channel(switch, SOON)
    all_events = events("t38-ok")
    last = [event for event in all_events if event.name == "CHANNEL_HANGUP_COMPLETE"]
    for event in events("t38-ok", "CHANNEL_HANGUP_COMPLETE"):
        watch.put(event)
    switch.answers["uuid_kill"] = lambda: [watch.put(event) for event in last] and "+OK"
    assert made.follow() is Fate.UNKNOWN
    assert made.interruption is None
    assert made.transcript.result
    assert made.transcript.result.success


def test_a_call_that_ended_while_the_link_was_away() -> None:
    switch = Switch(uuid_exists=lambda: "false", db=lambda: "success")
    made, watch = channel(switch)
    for event in events("t38-ok", "spandsp::txfaxpageresult"):
        watch.put(event)
    watch.put(Lost("gone"))
    watch.put(Gap("back"))
    assert made.follow() is Fate.SUCCEEDED
    assert made.transcript.missed


def test_a_call_that_is_still_up_is_caught_up_with() -> None:
    dump = (
        b"Event-Name: CHANNEL_DATA\nAnswer-State: answered\nCall-Direction: outbound\n"
        b"variable_current_application: txfax\nvariable_fax_transfer_rate: 9600\n"
        b"variable_fax_t38_status: negotiated\nvariable_fax_remote_station_id: far%20end\n"
        b"variable_fax_document_transferred_pages: 1\nvariable_fax_image_pixel_size: 1728x1078\n"
    )
    switch = Switch(uuid_exists=lambda: "true", uuid_dump=dump.decode)
    made, watch = channel(switch)
    assert made.catch_up() is None
    pages = [seen.page for seen in made.transcript.pages]
    assert [(page.number, page.width, page.rows) for page in pages] == [(1, 1728, 1078)]
    for event in captured.events("t38-ok"):
        watch.put(event)
    assert made.follow() is Fate.UNKNOWN
    assert made.transcript.negotiated
    assert made.transcript.result
    assert switch.times("uuid_dump") == 1


def test_a_channel_that_has_just_hung_up_has_no_mark_yet() -> None:
    """From the hangup on FreeSWITCH does not find it, and its marks are set a moment later."""
    answers = iter([fails("no reply"), fails("no reply"), lambda: "success"])
    switch = Switch(uuid_exists=lambda: "false", hash=lambda: "intended")
    switch.answers["db"] = lambda: next(answers)()  # noqa: PLW0108  # one after another
    made, watch = channel(switch)
    watch.put(Gap("back"))
    assert made.follow() is Fate.SUCCEEDED


def test_a_call_ends_between_uuid_exists_and_uuid_dump() -> None:
    switch = Switch(uuid_exists=lambda: "true", uuid_dump=fails())
    made, watch = channel(switch)
    watch.put(Gap("back"))
    for event in captured.events("busy"):
        watch.put(event)
    assert made.follow() is Fate.UNKNOWN
    assert made.transcript.hung_up


def test_the_connection_does_not_come_back() -> None:
    made, watch = channel(Switch(), SOON)
    for event in events("t38-ok", "spandsp::txfaxpageresult"):
        watch.put(event)
    watch.put(Lost("gone"))
    assert made.follow() is Fate.UNKNOWN


def test_freeswitch_cannot_be_asked_any_more() -> None:
    switch = Switch(uuid_exists=gone, uuid_kill=gone)
    made, watch = channel(switch, SOON)
    for event in events("midhang"):
        if "result" not in event.subclass:
            watch.put(event)
    # The hangup event repeats the result in its variables; without them nothing is known.
    made.follow()
    assert made.transcript.result
    watch.put(Gap("back"))
    assert made.catch_up() is None


def test_an_answered_call_that_ended_without_a_result_is_asked_about() -> None:
    switch = Switch(uuid_exists=lambda: "false", db=fails("no reply"), hash=lambda: "ended")
    made, watch = channel(switch, SOON)
    for event in events("nofile"):
        if event.name != "CHANNEL_EXECUTE_COMPLETE":
            watch.put(event)
    assert made.follow() is Fate.ENDED


def test_a_channel_that_cannot_be_ended() -> None:
    import fsfax.engine.channel as module

    wait, module._KILL_WAIT = module._KILL_WAIT, 0.01
    try:
        switch = Switch(uuid_exists=lambda: "true")
        made, watch = channel(switch, SOON)
        for event in events("t38-ok", "spandsp::txfaxnegociateresult"):
            watch.put(event)
        assert made.follow() is Fate.UP
        assert switch.times("uuid_kill") == 3
    finally:
        module._KILL_WAIT = wait
