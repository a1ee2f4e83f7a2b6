"""The errors: one family, each with a class to catch and a message to act on."""

from __future__ import annotations

import ast
import copy
import pickle
import re
from pathlib import Path

import pytest

import fsfax
from fsfax import errors

PACKAGE = Path(errors.__file__).parent
CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, errors.FsfaxError)
]
CODES = {
    errors.DocumentError: "document",
    errors.DocumentNotFound: "not_found",
    errors.DocumentEmpty: "empty",
    errors.DocumentEncrypted: "encrypted",
    errors.DocumentDamaged: "damaged",
    errors.DocumentTooLarge: "too_large",
    errors.DocumentUnsupported: "unsupported",
    errors.ConversionFailed: "conversion_failed",
}


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
class TestEach:
    def test_is_public_and_explained(self, error: type[errors.FsfaxError]) -> None:
        assert error.__doc__
        assert getattr(fsfax, error.__name__) is error
        assert error.__name__ in fsfax.__all__

    def test_is_its_message(self, error: type[errors.FsfaxError]) -> None:
        """The words alone are shown to people: nothing is put around them."""
        assert str(error("the line is down: plug it in")) == "the line is down: plug it in"

    def test_survives_the_way_between_processes(self, error: type[errors.FsfaxError]) -> None:
        """A document's error is raised in a worker process and caught in ours."""
        first = error("what happened")
        first.add_note("where")
        for second in (pickle.loads(pickle.dumps(first)), copy.copy(first)):  # noqa: S301
            assert type(second) is error
            assert second.args == first.args
            assert vars(second) == vars(first)

    def test_has_a_remedy_in_the_tree(self, error: type[errors.FsfaxError]) -> None:
        (line,) = re.findall(rf"^.*\b{error.__name__}\b(.*)$", errors.__doc__ or "", re.M)[:1]
        assert line.strip() or error is errors.FsfaxError

    def test_is_used(self, error: type[errors.FsfaxError]) -> None:
        """A documented class that fsfax never raises misleads those who catch it."""
        if error in (errors.FsfaxError, errors.DocumentError, errors.EslError, errors.JobError):
            return  # for catching: what is raised is more precise
        name = re.compile(rf"\b{error.__name__}\b")
        files = [path for path in PACKAGE.rglob("*.py") if path.name != "errors.py"]
        files = [path for path in files if path != PACKAGE / "__init__.py"]
        assert any(name.search(path.read_text()) for path in files)


def test_what_is_carried_beside_the_message() -> None:
    def travelled(error: BaseException) -> BaseException:
        return pickle.loads(pickle.dumps(error))  # type: ignore[no-any-return]  # noqa: S301

    failed = travelled(errors.CommandFailed("FreeSWITCH refused", reply="USER_BUSY"))
    assert isinstance(failed, errors.CommandFailed)
    assert failed.reply == "USER_BUSY"
    assert errors.CommandFailed("x").reply == ""
    document = travelled(errors.DocumentTooLarge("501 pages", code="too_many_pages"))
    assert isinstance(document, errors.DocumentTooLarge)
    assert document.code == "too_many_pages"
    fax = travelled(errors.FaxFailed("not delivered", result={"pages_sent": 2}))
    assert isinstance(fax, errors.FaxFailed)
    assert fax.result == {"pages_sent": 2}


def test_the_codes_of_documents_stay() -> None:
    """Programs compare them: a changed word is a changed interface."""
    assert {cls: cls("x").code for cls in CLASSES if issubclass(cls, errors.DocumentError)} == CODES
    assert len(set(CODES.values())) == len(CODES)
    own = errors.DocumentError("x", code="own")
    assert own.code == "own"
    assert errors.DocumentError.code == "document", "the class keeps its own"


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (errors.InvalidNumber, ValueError),
        (errors.InvalidCommand, ValueError),
        (errors.AuthenticationError, errors.ConnectError),
        (errors.NoNode, errors.NoCapacity),
        (errors.SpandspMissing, errors.SoftswitchError),
    ],
)
def test_who_catches_the_wide_one_gets_the_narrow(
    narrow: type[errors.FsfaxError], wide: type[Exception]
) -> None:
    with pytest.raises(wide):
        raise narrow("x")


def test_a_timeout_is_not_a_lost_connection() -> None:
    """After both the command may have been carried out, but only after one is the link gone."""
    assert not issubclass(errors.EslTimeout, errors.Disconnected)
    assert not issubclass(errors.Disconnected, errors.ConnectError)


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_nothing_raises_an_error_that_says_nothing(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Raise) or node.exc is None:
            continue
        call = node.exc if isinstance(node.exc, ast.Call) else None
        name = getattr(call.func if call else node.exc, "id", "")
        where = f"{path.name}:{node.lineno}"
        assert name not in {"Exception", "BaseException", "RuntimeError", "AssertionError"}, where
        if hasattr(errors, name):
            assert call is not None, f"{where}: {name} without a message"
            assert call.args, f"{where}: {name} without a message"
