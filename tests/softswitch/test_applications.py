"""Dialplan applications of a channel, run by the dialplan, by sendmsg and by commands."""

from __future__ import annotations

import gevent
import pytest

from fsfax.softswitch.applications import execute
from fsfax.softswitch.channel import SwitchChannel
from fsfax.softswitch.core import Core
from fsfax.softswitch.events import SwitchEvent
from tests.softswitch.calling import until


def test_sendmsg_to_a_parked_channel(link, tiff):
    with link.watch("call") as watch:
        link.api("originate", "{origination_uuid=call}sofia/gateway/softswitch/5550111 &park")
        until(watch, "CHANNEL_PARK")
        link.execute("call", "set", "colour=red")
        until(watch, "CHANNEL_EXECUTE_COMPLETE")
        assert link.api("uuid_getvar", "call colour") == "red"
        link.execute("call", "sleep", "10")
        assert until(watch, "CHANNEL_EXECUTE_COMPLETE")[-1].get("Application") == "sleep"
        headers = [("call-command", "hangup"), ("hangup-cause", "USER_BUSY")]
        link.command("sendmsg call", headers)
        seen = until(watch, "CHANNEL_DESTROY")
    assert seen[0].get("Hangup-Cause") == "USER_BUSY"
    assert "CHANNEL_UNPARK" not in [event.name for event in seen]  # not subscribed to


def test_an_application_that_does_not_exist_ends_the_call(link):
    with link.watch("call") as watch:
        assert link.api(
            "originate", "{origination_uuid=call}sofia/gateway/softswitch/5550111 &nonsense"
        ).startswith("+OK")
        hangup = until(watch, "CHANNEL_HANGUP_COMPLETE")[-1]
    assert hangup.get("Hangup-Cause") == "DESTINATION_OUT_OF_ORDER"


@pytest.fixture
def channel(core: Core) -> SwitchChannel:
    channel = SwitchChannel(
        uuid="a",
        direction="inbound",
        number="5550100",
        caller_number="1",
        caller_name="",
        session_id=1,
    )
    core.add(channel)
    return channel


def test_an_application_is_reported_from_execute_to_complete(
    core: Core, channel: SwitchChannel, published: list[SwitchEvent]
) -> None:
    published.clear()
    assert execute(core, channel, "Set", "colour=red=warm")
    assert channel.get("colour") == "red=warm"
    begun, done = published
    assert (begun.name, done.name) == ("CHANNEL_EXECUTE", "CHANNEL_EXECUTE_COMPLETE")
    for event in published:
        assert (event.get("Application"), event.get("Application-Data")) == (
            "Set",
            "colour=red=warm",
        )
    assert begun.get("Application-UUID") == done.get("Application-UUID")
    assert (begun.get("Application-Response"), done.get("Application-Response")) == (None, "_none_")


def test_applications_that_set_variables(core: Core, channel: SwitchChannel) -> None:
    for application, data in (
        ("set", " one =1"),
        ("export", "nolocal:two=2"),
        ("set", "evil=${uuid}"),
        ("set", "=nothing"),
    ):
        assert execute(core, channel, application, data)
    assert [channel.get(name) for name in ("one", "two", "evil", "")] == ["1", "2", "", ""]


@pytest.mark.parametrize(
    ("application", "data", "cause"),
    [
        ("hangup", "USER_BUSY", "USER_BUSY"),
        ("hangup", "", "NORMAL_CLEARING"),
        ("nonsense", "", "DESTINATION_OUT_OF_ORDER"),
    ],
)
def test_applications_that_end_the_call(
    core: Core, channel: SwitchChannel, application: str, data: str, cause: str
) -> None:
    assert not execute(core, channel, application, data)
    assert channel.cause == cause


def test_answer_answers_once(core: Core, channel: SwitchChannel) -> None:
    assert execute(core, channel, "answer", "")
    at = channel.answered
    assert at
    assert execute(core, channel, "answer", "")
    assert channel.answered == at


@pytest.mark.parametrize(
    ("application", "data"), [("sleep", "600000"), ("playback", "silence"), ("park", "")]
)
def test_a_hangup_ends_an_application_that_waits(
    core: Core, channel: SwitchChannel, application: str, data: str
) -> None:
    core.speed = 1.0
    waiting = gevent.spawn(execute, core, channel, application, data)
    gevent.sleep(0.01)
    assert not waiting.ready()
    core.hang_up(channel)
    assert waiting.get(timeout=5) is False


@pytest.mark.parametrize("data", ["0", "", "nonsense", "-5", "1" * 20])
def test_a_sleep_of_no_valid_length_ends_at_once(
    core: Core, channel: SwitchChannel, data: str
) -> None:
    with gevent.Timeout(5):
        assert execute(core, channel, "sleep", data)


@pytest.mark.parametrize(
    ("application", "data", "response"),
    [
        ("txfax", "", "Cannot send non-existant fax file"),
        ("txfax", "/nix.tif", "Cannot send non-existant fax file"),
        ("txfax", "/a\0b", "Cannot send non-existant fax file"),
        ("rxfax", "/nix/a.tif", "Cannot automatically set fax RX destination file"),
        ("rxfax", "/a\0b", "Cannot automatically set fax RX destination file"),
        ("rxfax", "/tmp/a.tif", "Cannot initialize Fax engine"),  # there is no line
        ("txfax", __file__, "Cannot initialize Fax engine"),  # … and the called side receives
    ],
)
def test_a_fax_that_cannot_begin_says_why(
    core: Core,
    channel: SwitchChannel,
    published: list[SwitchEvent],
    application: str,
    data: str,
    response: str,
) -> None:
    assert execute(core, channel, application, data)
    assert published[-1].get("Application-Response") == response
    assert not channel.is_answered
