"""SpanDSP's library: loaded once, with its prototypes, or an error that says how to get it."""

from __future__ import annotations

import pytest

from fsfax.errors import SpandspMissing
from fsfax.softswitch import spandsp
from fsfax.softswitch.line import Line, Terminal
from tests.softswitch.line_calls import Recorder, fax

pytestmark = pytest.mark.spandsp


@pytest.mark.parametrize(
    "error",
    [
        OSError("libspandsp.so.2: cannot open shared object file"),
        AttributeError("undefined symbol: t38_terminal_init"),
    ],
)
def test_the_error_for_a_missing_library_names_its_package(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(name: str) -> None:
        raise error

    monkeypatch.setattr(spandsp, "_loaded", None)
    monkeypatch.setattr(spandsp, "_open", fail)
    with pytest.raises(SpandspMissing, match="apt-get install libspandsp2"):
        fax(Line(Terminal(), Terminal(), Recorder()))


def test_the_library_is_loaded_once() -> None:
    assert spandsp.load() is spandsp.load()


def test_every_prototype_is_declared() -> None:
    library = spandsp.load()
    for name, (result, arguments) in spandsp._PROTOTYPES.items():
        function = getattr(library, name)
        assert (function.restype, tuple(function.argtypes)) == (result, arguments), name


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "OK"),
        (2, "Timed out waiting for initial communication"),
        (49, "The call dropped prematurely"),
        (-1, "???"),
        (9999, "???"),
    ],
)
def test_completion_codes_in_words(code: int, text: str) -> None:
    assert spandsp.completion_text(code) == text
