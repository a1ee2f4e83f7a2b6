"""Dialplan applications of a channel, run by the dialplan, by sendmsg and by commands."""

from __future__ import annotations

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
