"""The fax of a call: T.38 or audio, identifications, its end, and no SpanDSP."""

from __future__ import annotations

from pathlib import Path

import gevent
import pytest

from fsfax.document import tiff_f
from fsfax.softswitch import spandsp
from fsfax.softswitch.channel import SwitchChannel
from fsfax.softswitch.fax import decoded, terminal
from fsfax.softswitch.terminal import Terminal
from tests.softswitch.calling import dial, named, send, until
from tests.softswitch.client import PATIENCE


def test_t38_that_no_end_requests(link, switch, tiff, tmp_path):
    """Both ends could, but neither sends the re-INVITE: the fax goes in audio."""
    settings = "origination_uuid=call,fax_enable_t38=true"
    with link.watch_all(["CHANNEL_PARK"]) as parks, link.watch("call") as watch:
        line = f"{{{settings}}}sofia/gateway/softswitch/{named('takeover')} &txfax({tiff})"
        link.bgapi("originate", line, job_id="call")
        call_id = parks.get(timeout=PATIENCE).uuid
        link.api("uuid_setvar", f"{call_id} fax_enable_t38 true")
        link.execute(call_id, "answer")
        link.execute(call_id, "rxfax", str(tmp_path / "x.tif"))
        result = until(watch, "spandsp::txfaxresult")[-1]
        assert (result.get("fax-success"), result.get("fax-t38-status")) == ("1", "off")
        link.api("hupall")
        until(watch, "CHANNEL_DESTROY")
    switch.wait_idle(5)


def test_without_spandsp(link, switch, tiff, monkeypatch):
    monkeypatch.setattr(spandsp, "SONAME", "libspandsp-nix.so.2")
    monkeypatch.setattr(spandsp, "_loaded", None)
    assert "apt-get install libspandsp2" in link.api("status")
    seen = until(dial(link, "call", named("fax"), tiff), "CHANNEL_DESTROY")
    assert seen[-1].get("Hangup-Cause") == "NORMAL_TEMPORARY_FAILURE"
    switch.wait_idle(5)
    assert "libspandsp2" in switch.calls[0].reason
    until(dial(link, "busy", named("busy"), tiff), "CHANNEL_DESTROY")


@pytest.mark.parametrize(
    ("value", "meaning"),
    [("%00", ""), ("a%20b", "a b"), ("a%00b", "a"), ("%2B49", "+49"), ("%", "%"), ("", "")],
)
def test_idents_are_decoded_up_to_the_first_nul(value, meaning):
    assert decoded(value) == meaning


def test_both_ends_hang_up_at_once(link, switch, tiff):
    """hupall in the middle of a fax leaves no channel behind."""
    with dial(link, "call", named("stall_in_page_1"), tiff) as watch:
        until(watch, "spandsp::txfaxnegociateresult")
        gevent.sleep(0)
        link.api("hupall")
        until(watch, "CHANNEL_DESTROY")
    switch.wait_idle(5)
    assert link.api("show", "channels as json") == '{"row_count": 0}'


def test_t38_is_not_requested_before_the_fax(link, switch, tiff):
    seen = until(dial(link, "call", named("hangs_up"), tiff), "CHANNEL_DESTROY")
    (result,) = (event for event in seen if event.subclass == "spandsp::txfaxresult")
    assert (result.get("fax-t38-status"), result.get("fax-result-code")) == ("off", "49")


@pytest.mark.parametrize(
    ("name", "options", "rate", "ecm", "t38"),
    [
        ("fax", {}, 14400, True, "negotiated"),
        ("no_ecm", {}, 14400, False, "negotiated"),
        ("no_v17", {}, 9600, True, "negotiated"),
        ("t38_refused", {}, 14400, True, "refused"),
        ("fax", {"t38": "off"}, 14400, True, "off"),
        ("fax", {"ecm": False}, 14400, False, "negotiated"),
        ("fax", {"v17": False}, 9600, True, "negotiated"),
    ],
)
def test_speed_ecm_and_t38_are_negotiated(link, tiff, name, options, rate, ecm, t38):
    result = send(link, tiff, named(name), ident="+49 30 1", **options)
    assert (result.fax_speed, result.fax_error_correction, result.t38_status) == (rate, ecm, t38)
    assert result.remote_station_id == "fsfax softswitch"


def test_a_part_of_the_document(link, tiff, switch):
    assert send(link, tiff, named("fax"), start_page=2, end_page=3).pages_sent == 2
    switch.wait_idle(5)
    assert len(tiff_f.read(switch.calls[0].file.read_bytes()).pages) == 2


def channel(**variables: str) -> SwitchChannel:
    return SwitchChannel(
        uuid="a",
        direction="outbound",
        number="5550100",
        caller_number="1",
        caller_name="",
        session_id=1,
        variables=variables,
    )


def test_the_terminal_of_a_channel_without_variables() -> None:
    file = Path("/spool/a.tif")
    assert terminal(channel(), sends=file) == Terminal(
        ident="SpanDSP Fax Ident", header="SpanDSP Fax Header", tx_file=file
    )
    assert terminal(channel(), stores=file) == Terminal(
        ident="fsfax softswitch", header="SpanDSP Fax Header", rx_file=file
    )


def test_the_terminal_that_variables_describe() -> None:
    described = channel(
        fax_ident="%2B49%2030%201" + "9" * 30,
        fax_header="To%3A%20you%00never",
        fax_timezone="CET-1CEST",
        fax_use_ecm="false",
        fax_disable_v17="true",
        fax_start_page="1",
        fax_end_page="2",
    )
    file = Path("/spool/a.tif")
    assert terminal(described, sends=file) == Terminal(
        ident="+49 30 1" + "9" * 12,
        header="To: you",
        timezone="CET-1CEST",
        ecm=False,
        v17=False,
        tx_file=file,
        start_page=1,
        end_page=2,
    )
    assert terminal(described, stores=file).start_page == -1


@pytest.mark.parametrize("page", ["-1", "1x", "999999", "\N{ARABIC-INDIC DIGIT FIVE}", ""])
def test_a_page_that_is_no_number_is_no_bound(page: str) -> None:
    assert terminal(channel(fax_start_page=page), sends=Path("/a.tif")).start_page == -1
