"""Outcome marks and guards in FreeSWITCH: who may dial, and what became of a call."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.engine import marks
from fsfax.engine.verdict import Fate
from fsfax.errors import CommandFailed, InvalidRequest
from fsfax.softswitch.stores import DbStore, HashStore
from tests.engine.recorded_link import RecordedLink


class Stores:
    """A link to the ``db`` and ``hash`` of a FreeSWITCH."""

    def __init__(self) -> None:
        self._stores = {"db": DbStore(), "hash": HashStore()}

    def api(self, command: str, arg: str = "") -> str:
        if command == "uuid_exists":
            return "false"
        answer = self._stores[command].command(arg) or "-ERR no reply"
        if answer.startswith("-ERR"):
            raise CommandFailed(answer, reply=answer.removeprefix("-ERR ").strip())
        return answer


class WithoutHash(Stores):
    """A FreeSWITCH without mod_hash."""

    def api(self, command: str, arg: str = "") -> str:
        if command == "hash":
            raise CommandFailed("refused", reply="hash Command not found!")
        return super().api(command, arg)


STEPS = ("intend", "settle", "withdraw", "hang up")


@given(st.lists(st.sampled_from(STEPS), max_size=12))
def test_one_process_may_dial_and_none_after_settling(steps: list[str]) -> None:
    """Any number of clients, in any order: each dials only after its own ``intend``."""
    link, owners, settled, ended = Stores(), 0, False, False
    for step in steps:
        match step:
            case "intend":
                may = marks.intend(link, "r", "id")
                assert not (may and settled)
                owners += may
            case "settle":
                done = marks.settle(link, "r", "id")
                assert done == (settled or owners == 0)
                settled |= done
            case "withdraw" if owners and not ended and not settled:
                marks.withdraw(link, "r", "id")
                settled, owners = True, 0
            case "hang up" if owners:
                link.api("hash", marks.variables("r", "id")["api_hangup_hook"].split(" ", 1)[1])
                ended = True
        assert owners <= 1
        assert marks.fate(link, "r", "id") is (Fate.ENDED if ended else Fate.UNKNOWN)
    marks.erase(link, "r", "id")
    # A process that was about to dial may continue at any time: what was settled stays so.
    assert marks.guard(link, "r", "id") == ("settled" if settled and not ended else "")


def test_without_mod_hash_faxes_go_out_but_nothing_is_proved() -> None:
    link = WithoutHash()
    assert marks.intend(link, "r", "id")
    assert marks.intend(link, "r", "id")
    assert not marks.settle(link, "r", "id")


@pytest.mark.parametrize("word", ["", "a/b", "a b", "x" * 65])
def test_a_guard_with_other_characters_is_refused(word: str) -> None:
    for put in (marks.intend, marks.settle):
        with pytest.raises(InvalidRequest):
            put(Stores(), "r", word)
        with pytest.raises(InvalidRequest):
            put(Stores(), word, "id")


@given(st.lists(st.integers(0, 3), max_size=20))
def test_one_engine_takes_a_call_over(turns: list[int]) -> None:
    """Of all engines that see one of them fail to answer, one replaces it."""
    link, seen, takers = Stores(), dict.fromkeys(range(4), ""), []
    for engine in turns:
        if engine in takers:
            continue
        before = marks.guard(link, "r", "id")
        seen[engine] = marks.mark_taken(link, "r", "id", instead_of=seen[engine])
        if not seen[engine]:
            takers.append(engine)
            assert marks.guard(link, "r", "id") != before, "each taker has a mark of its own"
        else:
            assert seen[engine] == before, (
                "the one that has it stays, unless its mark was seen before"
            )


@pytest.mark.parametrize(
    ("answers", "fate"),
    [
        ({"uuid_exists": "true", "db": "success"}, Fate.UP),
        ({"uuid_exists": "false", "db": "success", "hash": "ended"}, Fate.SUCCEEDED),
        ({"uuid_exists": "false", "db": "failure", "hash": "ended"}, Fate.FAILED),
        ({"uuid_exists": "false", "hash": "ended"}, Fate.ENDED),
        ({"uuid_exists": "false"}, Fate.UNKNOWN),
    ],
)
def test_the_fate_of_a_call(answers: dict[str, str], fate: Fate) -> None:
    assert marks.fate(RecordedLink(**answers), "fsfax", "id") is fate


def test_marks_are_erased() -> None:
    switch = RecordedLink(db="+OK")
    marks.erase(switch, "fsfax", "id")
    assert switch.asked == [
        "db delete/fsfax/id",
        "hash select/fsfax/id",
        "hash delete/fsfax/id",
    ]


@pytest.mark.parametrize("word", ["", "a b", "a/b", "${x}", "x" * 65])
def test_a_mark_with_other_characters_is_refused(word: str) -> None:
    with pytest.raises(InvalidRequest):
        marks.variables("fsfax", word)
    with pytest.raises(InvalidRequest):
        marks.variables(word, "id")


def test_the_numbers_that_the_dialplan_recorded() -> None:
    link = Stores()
    assert marks.numbers(link, "r", "id") == ("", "")
    link.api("db", "insert/r_caller/id/15550143")
    assert marks.numbers(link, "r", "id") == ("15550143", "")
    link.api("db", "insert/r_called/id/5550100")
    link.api("db", "insert/r_called/other/5550199")
    assert marks.numbers(link, "r", "id") == ("15550143", "5550100")
    marks.erase_numbers(link, "r", "id")
    assert marks.numbers(link, "r", "id") == ("", "")
    assert marks.numbers(link, "r", "other") == ("", "5550199")
    with pytest.raises(InvalidRequest):
        marks.numbers(link, "r", "a/b")
