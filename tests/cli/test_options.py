"""Options that several commands share. Pure."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from fsfax.cli import options


@click.command()
@options.esl
@options.gateway
@options.resolution
@options.as_json
def command(**given: object) -> None:
    click.echo(repr(given))


def given(*words: str) -> str:
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.output
    return done.output.strip()


def test_no_option_has_a_value_by_default() -> None:
    none = {"esl": None, "gateway": None, "resolution": None, "as_json": None}
    assert eval(given()) == none  # noqa: S307 - the output of the command above


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("--json",), "'as_json': True"),
        (("--no-json",), "'as_json': False"),
        (("--esl", "pbx:8021"), "'esl': 'pbx:8021'"),
        (("--gateway", "carrier"), "'gateway': 'carrier'"),
        (("--resolution", "superfine"), "'resolution': 'superfine'"),
    ],
)
def test_options(words: tuple[str, ...], value: str) -> None:
    assert value in given(*words)


def test_an_unknown_resolution() -> None:
    done = CliRunner().invoke(command, ["--resolution", "coarse"])
    assert done.exit_code == 2
    assert "'standard', 'fine', 'superfine'" in done.output
