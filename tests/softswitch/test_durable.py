"""A softswitch with its own folder stores there what survives a restart of FreeSWITCH."""

from __future__ import annotations

import json
from pathlib import Path

from fsfax.softswitch import number_of
from fsfax.testing import SoftswitchFactory


def test_the_database_outlives_the_process(
    fsfax_softswitch_factory: SoftswitchFactory, tmp_path: Path
) -> None:
    first = fsfax_softswitch_factory(root=tmp_path)
    first.api("db", "insert/fsfax/one/success")
    first.api("db", "insert/fsfax/two/failure")
    first.api("db", "delete/fsfax/two")
    first.api("hash", "insert/fsfax/one/ended")
    # The next one reads what the first one left, as if that had been killed.
    second = fsfax_softswitch_factory(root=tmp_path)
    assert second.api("db", "select/fsfax/one") == "success"
    assert "-ERR" in second.api("db", "select/fsfax/two")
    assert "-ERR" in second.api("hash", "select/fsfax/one")


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
