"""One attempt: its file in the spool, its line, another node, its marks."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax import (
    AlreadyDialled,
    CallTimeouts,
    DocumentError,
    Engine,
    InvalidNumber,
    NoCapacity,
    NoNode,
    PageDone,
    Prepared,
    new_call_id,
)
from fsfax.errors import InvalidRequest
from fsfax.settings import GatewaySettings, NodeSettings
from fsfax.softswitch import number_of
from tests.engine.stage import Stage


def test_a_tiff_f_is_sent_as_it_is(stage: Stage, engine: Engine, converted: Path) -> None:
    """It is not converted, only the chosen pages are sent, and the source stays."""
    seen: list[object] = []
    result = engine.send(
        converted,
        number_of("fax"),
        as_is=True,
        resolution="superfine",
        start_page=2,
        on_progress=seen.append,
    )
    assert result.success, result
    assert result.pages_sent == 2
    (prepared,) = [each for each in seen if isinstance(each, Prepared)]
    assert (prepared.pages, prepared.bytes) == (3, converted.stat().st_size)
    pages = [each.page for each in seen if isinstance(each, PageDone)]
    assert [page.y_resolution < 4000 for page in pages] == [True, True]
    assert converted.exists()
    assert not list((stage.root / "out").glob("*.tif"))


def test_a_document_that_is_not_tiff_f_is_not_dialled_as_it_is(
    stage: Stage, engine: Engine, letter: Path
) -> None:
    with pytest.raises(DocumentError):
        engine.send(letter, number_of("fax"), as_is=True)
    assert stage.switch.calls == []


def test_a_second_try_leaves_the_file_of_the_first(
    stage: Stage, engine: Engine, converted: Path
) -> None:
    first = engine.start(converted, number_of("fax"), as_is=True, attempt_id=new_call_id())
    for seen in first.progress():
        if isinstance(seen, PageDone) and seen.number == 1:
            with pytest.raises(AlreadyDialled):
                engine.send(converted, number_of("fax"), as_is=True, attempt_id=first.id)
            assert (stage.root / "out" / f"{first.id}.tif").exists()
    assert first.result(30).success
    assert len(stage.switch.calls) == 1


def test_the_guard_is_erased_after_the_call(stage: Stage, engine: Engine, converted: Path) -> None:
    for number in ("busy", "fax"):
        result = engine.send(converted, number_of(number), as_is=True, end_page=1)
        assert stage.guard(result.call_id) == "", number


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"ident": "x" * 30}, InvalidRequest),
        ({"start_page": 9}, InvalidRequest),
        ({"from_name": "a\nb"}, InvalidRequest),
        ({"from_number": "alice"}, InvalidNumber),
        ({"timezone": "Nowhere/Land"}, InvalidRequest),
        ({"resolution": "4k"}, InvalidRequest),
        ({"node": "nowhere"}, InvalidRequest),
        ({"gateways": ("a b",)}, InvalidRequest),
    ],
)
def test_wrong_requests_dial_nothing(
    stage: Stage, engine: Engine, letter: Path, options: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        engine.send(letter, number_of("fax"), **options)  # type: ignore[arg-type]
    assert stage.switch.calls == []
    assert not list((stage.root / "out").glob("*.tif")), "the spool is clean"


def test_a_full_node_and_a_draining_node(stage: Stage, letter: Path) -> None:
    node = stage.node.model_copy(update={"capacity": 1})
    with Engine(stage.settings(nodes=(node,)), hub="own") as engine:
        engine.wait_up()
        first = engine.start(letter, number_of("no_answer"), timeouts=CallTimeouts(answer=3600))
        for seen in first.progress():
            if type(seen).__name__ == "Ringing":
                break
        with pytest.raises(NoCapacity):
            engine.send(letter, number_of("fax"))
        waiting = engine.start(letter, number_of("fax"), wait=60)
        first.cancel()
        assert waiting.result(60).success
        engine.drain(node.name)
        with pytest.raises(NoCapacity):
            engine.send(letter, number_of("fax"))
        engine.undrain(node.name)
        assert engine.send(letter, number_of("fax"), end_page=1).success


def test_another_node_when_one_is_down(stage: Stage, letter: Path) -> None:
    down = NodeSettings(name="down", port=1, gateways=(GatewaySettings(name="softswitch"),))
    with Engine(stage.settings(nodes=(down, stage.node)), hub="own") as engine:
        engine.wait_up()
        result = engine.send(letter, number_of("fax"), end_page=1)
        assert result.success
        assert result.node == stage.node.name
        states = {status.name: status for status in engine.nodes()}
        assert states["down"].problem
    with Engine(stage.settings(nodes=(down,)), hub="own") as engine, pytest.raises(NoNode):
        engine.send(letter, "1")


def test_a_call_counts_on_the_gateway_that_it_uses(
    stage: Stage, engine: Engine, letter: Path
) -> None:
    (node,) = engine._pool.nodes
    call = engine.start(
        letter,
        number_of("no_answer"),
        gateways=("down", "softswitch"),
        timeouts=CallTimeouts(answer=3600),
    )
    for seen in call.progress():
        if type(seen).__name__ == "Ringing":
            break
    assert (node.busy_on("down"), node.busy_on("softswitch")) == (0, 1)
    call.cancel()
    assert [t.cause for t in call.result(10).failed_gateways] == ["GATEWAY_DOWN"]
