"""Values of a dial string, as FreeSWITCH itself understood them."""

from __future__ import annotations

import pytest

from fsfax import EslTimeouts, new_call_id
from fsfax.esl.dialstring import Gateway, Originate
from fsfax.esl.link import Link
from fsfax.esl.wire import Event
from fsfax.values.numbers import dialable
from tests.e2e.rig import Rig

VALUES = [
    "plain",
    "two words",
    " blanks at both ends ",
    "comma, and; semicolon",
    "it's 'quoted' and \"double\"",
    "back\\slash \\n \\s \\' at the end \\",
    "equals=sign a=b",
    "[brackets] (parens) <angles>",
    "^^:caret",
    "dollar $x $$ 100%",
    "pipe | amp & hash # star *",
    "Grüße, 日本 €",
    ",,,'''",
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_arrives_as_it_is(rig: Rig, value: str) -> None:
    call_id = new_call_id()
    command = Originate(
        Gateway(rig.sender.gateways[0].name, dialable(rig.numbers["unallocated"])),
        {"origination_uuid": call_id, "fsfax_value": value, "fsfax_last": "x"},
        "park",
    )
    with Link(rig.sender, EslTimeouts()) as link, link.watch(call_id) as watch:
        link.subscribe("CHANNEL_CREATE", "BACKGROUND_JOB")
        link.bgapi("originate", command.render(), job_id=call_id)
        seen: dict[str, Event] = {}
        while "BACKGROUND_JOB" not in seen:
            item = watch.get(timeout=10)
            if isinstance(item, Event):
                seen[item.name] = item
    assert seen["CHANNEL_CREATE"].variable("fsfax_value") == value
    assert seen["CHANNEL_CREATE"].variable("fsfax_last") == "x"
    assert seen["BACKGROUND_JOB"].body.strip() == b"-ERR UNALLOCATED_NUMBER"
