"""`Settings`: the constructor of embedding programs, sections, secrets."""

from __future__ import annotations

import ast
import inspect
import textwrap
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

import fsfax.settings
from fsfax.settings import NodeSettings, Section, Settings


@pytest.mark.parametrize("section", [Settings, NodeSettings])
def test_the_annotated_constructor_has_every_field(section: type[BaseModel]) -> None:
    """The constructor that type checkers see is written out by hand."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(section)))
    (written,) = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    )
    assert [each.arg for each in written.args.kwonlyargs] == list(section.model_fields)


def test_values_that_programs_pass() -> None:
    settings = Settings(
        nodes=[{"host": "pbx", "gateways": [{"name": "carrier"}]}],
        spool="/srv/fax",
        database="postgresql://fsfax@db/fsfax",
        timeouts={"answer": 30},
    )
    assert settings.nodes[0].gateways[0].name == "carrier"
    assert settings.spool == Path("/srv/fax")
    assert settings.database.get_secret_value() == "postgresql://fsfax@db/fsfax"


def test_the_environment_is_read_by_load_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSFAX_TIMEOUTS__ANSWER", "7")
    assert Settings().timeouts.answer != 7


def test_secrets_are_never_printed() -> None:
    settings = Settings(nodes=({"password": "hush-hush"},))
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert "hush-hush" not in shown
    assert settings.nodes[0].password.get_secret_value() == "hush-hush"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().timeouts.answer = 1  # type: ignore[misc]


@pytest.mark.parametrize("realm", ["", "a/b", "a b", "ü", "x" * 41])
def test_a_realm_that_is_no_key_of_freeswitch(realm: str) -> None:
    with pytest.raises(ValidationError, match="marks_realm"):
        Settings(marks_realm=realm)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValidationError, match="timeout"):
        Settings(timeout=1)  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="levels"):
        Settings(log={"levels": "info"})


def test_each_field_is_in_the_package() -> None:
    """The sections can be imported from `fsfax.settings`."""
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            assert getattr(fsfax.settings, kind.__name__) is kind, name
