"""The core: calls logged, hooks run, channels hung up and reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fsfax.softswitch import number_of
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
