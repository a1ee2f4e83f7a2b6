"""`fsfax`: the table of subcommands, `--help`, common options, errors as exit codes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from fsfax.cli import exits
from fsfax.cli import main as cli
from fsfax.cli.main import SECTIONS, Commands, group
from fsfax.errors import InvalidRequest
from tests.cli.commands import Run

ENTRIES = {name: entry for section in SECTIONS.values() for name, entry in section.items()}
LONGEST = 62


def loaded(name: str) -> click.Command:
    command = group.get_command(click.Context(group), name)
    assert command
    return command


def walk(command: click.Command, path: str = "fsfax") -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, Commands):
        for name in ENTRIES:
            yield from walk(loaded(name), f"{path} {name}")
    elif isinstance(command, click.Group):
        for name, sub in command.commands.items():
            yield from walk(sub, f"{path} {name}")


COMMANDS = dict(walk(group))


@pytest.mark.parametrize("name", ENTRIES)
def test_the_table_repeats_each_help(name: str) -> None:
    assert ENTRIES[name].summary == loaded(name).get_short_help_str(1000)


@pytest.mark.parametrize("path", COMMANDS)
def test_short_helps_are_whole_sentences(path: str) -> None:
    summary = COMMANDS[path].get_short_help_str(1000)
    assert summary.endswith(".")
    assert len(summary) <= LONGEST, summary


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_is_explained(path: str) -> None:
    for parameter in COMMANDS[path].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{path} {parameter.opts[0]}"


def test_help_lists_the_sections() -> None:
    with click.Context(group, info_name="fsfax") as context:
        text = group.get_help(context)
    assert "…" not in text.replace("faxbox, …", "")
    assert "..." not in text.replace("[ARGS]...", "")
    for title, section in SECTIONS.items():
        assert f"\n{title}:\n" in text
        for name, entry in section.items():
            assert any(line.split() == [name, *entry.summary.split()] for line in text.splitlines())


def test_an_unknown_command() -> None:
    assert group.get_command(click.Context(group), "no-such") is None


HEAVY = ("gevent", "sqlalchemy", "pydantic", "rich", "numpy", "structlog", "falcon")
SCRIPT = f"""
import sys
from fsfax.cli.main import main
try:
    main()
except SystemExit as end:
    code = end.code
names = [name for name in {HEAVY!r} if name in sys.modules]
commands = [name for name in sys.modules if name.startswith("fsfax.cli.")]
print(code, names, sorted(commands), file=sys.stderr)
"""


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_start_imports_no_subcommand(option: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, option], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "0 [] ['fsfax.cli.exits', 'fsfax.cli.main']"


def test_help_of_one_subcommand_imports_that_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "softswitch", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "fsfax.cli.softswitch" in done.stderr
    others = {f"'fsfax.cli.{entry.place.partition(':')[0]}'" for entry in ENTRIES.values()}
    assert not [name for name in others - {"'fsfax.cli.softswitch'"} if name in done.stderr]
    assert cli.__name__ in done.stderr


class TestCommon:
    @pytest.fixture(autouse=True)
    def _settings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "fsfax.toml").write_text(
            '[[nodes]]\nhost = "pbx"\npassword = "hush"\ngateways = [{name = "one"}]\n'
        )

    def test_an_address_overrides_the_first_node(self) -> None:
        node = cli.Common(None, {}).load("127.0.0.1:8022").settings.nodes[0]
        assert (node.host, node.port) == ("127.0.0.1", 8022)
        assert node.password.get_secret_value() == "hush"
        node = cli.Common(None, {}).load("s@cr@[::1]:8022").settings.nodes[0]
        assert (node.host, node.password.get_secret_value()) == ("[::1]", "s@cr")

    def test_a_gateway_comes_first(self) -> None:
        node = cli.Common(None, {}).load(gateway="two").settings.nodes[0]
        assert [gateway.name for gateway in node.gateways] == ["two", "one"]
        node = cli.Common(None, {}).load(gateway="one").settings.nodes[0]
        assert [gateway.name for gateway in node.gateways] == ["one"]

    @pytest.mark.parametrize("esl", ["pbx", "pbx:", ":8021", "pbx:x", "secret@pbx"])
    def test_an_address_without_host_or_port(self, esl: str) -> None:
        with pytest.raises(InvalidRequest, match="host:port") as caught:
            cli.Common(None, {}).load(esl)
        assert "secret" not in str(caught.value)


def test_an_error_is_one_line_and_an_exit_code(run: Run) -> None:
    done = run("job", "x", code=exits.JOB)
    assert done.stdout == ""
    assert done.stderr.startswith("fsfax: ")
    assert done.stderr.count("\n") == 1


def test_wrong_usage(run: Run) -> None:
    assert "No such command 'nonsense'" in run("nonsense", code=exits.USAGE).stderr
    assert "No such option '--nonsense'" in run(
        "jobs", "--nonsense", code=exits.USAGE
    ).stderr.replace(": --nonsense", " '--nonsense'")
