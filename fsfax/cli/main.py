"""The ``fsfax`` command: its table of subcommands, common options, and errors as exit codes.

A subcommand's module is imported when that subcommand is called, and settings and logging when
they are read: the imports of all subcommands take a second.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

import fsfax
from fsfax.cli import exits
from fsfax.errors import FsfaxError, InvalidRequest

if TYPE_CHECKING:
    from fsfax.settings import LoadedSettings


class Subcommand(NamedTuple):
    """Where a subcommand is defined, and the line that ``fsfax --help`` prints about it."""

    place: str
    """A module of `fsfax.cli`, or ``module:attribute`` where that is not called ``command``."""
    summary: str
    """The first sentence of the subcommand's own help."""


SECTIONS: Mapping[str, Mapping[str, Subcommand]] = {
    "Sending and receiving": {
        "send": Subcommand("send", "Send FILE as a fax and wait for the result."),
        "receive": Subcommand("receive", "Store inbound faxes in FOLDER until Ctrl-C."),
        "submit": Subcommand("submit", "Store FILES as one durable fax job and print its id."),
        "worker": Subcommand("worker", "Send and receive the faxes of durable jobs."),
        "serve": Subcommand("serve", "Serve the Faxes HTTP API, with a worker beside it."),
        "smtp": Subcommand("smtp", "Accept mails and store their documents as fax jobs."),
    },
    "Jobs": {
        "jobs": Subcommand("jobs", "List jobs, the newest first."),
        "job": Subcommand("jobs:show_one", "Show a job with its attempts, documents and events."),
        "cancel": Subcommand("change:cancel", "Cancel jobs; a running call is ended."),
        "hold": Subcommand("change:hold", "Hold pending jobs: no call until they are released."),
        "release": Subcommand("change:release", "Release held jobs, so that they are called."),
        "resubmit": Subcommand("change:resubmit", "Send finished or received faxes once more."),
        "destination": Subcommand("destination", "Show or set how a number is called, and why."),
    },
    "Accounts and faxboxes": {
        "account": Subcommand("account", "Create, change and list accounts."),
        "token": Subcommand("token", "Create, list and revoke tokens of the HTTP API."),
        "faxbox": Subcommand("faxbox", "Create, show, change and remove faxboxes."),
    },
    "Notifications": {
        "webhook": Subcommand("webhook", "Create, show, change, test and remove webhooks."),
        "notifications": Subcommand("notifications", "Show deliveries, and repeat failed ones."),
    },
    "Documents": {
        "convert": Subcommand("convert", "Convert SOURCE to a fax file, or a fax file back."),
        "inspect": Subcommand("inspect", "Show kind, pages, problems and time on the line."),
    },
    "FreeSWITCH and setup": {
        "doctor": Subcommand("doctor", "Check FreeSWITCH, database and mail relay."),
        "config": Subcommand("config", "Show the settings in force and where each comes from."),
        "db": Subcommand("db", "Create or upgrade the tables of the database."),
        "softswitch": Subcommand("softswitch", "Run a stand-in for FreeSWITCH."),
        "demo": Subcommand("demo", "Send a sample letter through the built-in softswitch."),
    },
}
"""All subcommands, in the order in which ``fsfax --help`` lists them."""

_SUBCOMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


class Commands(click.Group):
    """A group that imports a subcommand's module only when that subcommand is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of all subcommands, section by section."""
        return list(_SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the subcommand of that name, None if there is none."""
        if cmd_name not in _SUBCOMMANDS:
            return None
        module, _, attribute = _SUBCOMMANDS[cmd_name].place.partition(":")
        command: click.Command = getattr(
            import_module(f"fsfax.cli.{module}"), attribute or "command"
        )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the sections of subcommands from the table; no module is imported for that."""
        width = max(map(len, _SUBCOMMANDS))
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(name.ljust(width), each.summary) for name, each in section.items()]
                )


@click.group(
    cls=Commands, epilog=exits.TABLE, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(fsfax.__version__, prog_name="fsfax")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Settings file (default: $FSFAX_CONFIG, else ./fsfax.toml).",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="Lowest level that is logged (default: the setting log.level, warning).",
)
@click.pass_context
def group(ctx: click.Context, config: Path | None, log_level: str | None) -> None:
    """Send and receive faxes through FreeSWITCH.

    `fsfax COMMAND --help` explains a command.
    """
    ctx.obj = Common(config, {"log": {"level": log_level}} if log_level else {})


class Common:
    """The values of the common options; `load` reads the settings."""

    def __init__(self, config: Path | None, overrides: dict[str, Any]) -> None:
        self._config = config
        self._overrides = overrides

    def load(self, esl: str | None = None, gateway: str | None = None) -> LoadedSettings:
        """Return the settings, and configure logging as they say.

        ``esl`` ([password@]host:port) and ``gateway`` override the first node of the settings.

        Raises:
            ConfigurationError: a setting is wrong.
            InvalidRequest: ``esl`` is not of that form.
        """
        from fsfax import log  # noqa: PLC0415  # not imported for --help
        from fsfax.settings import load_settings, load_with_origins  # noqa: PLC0415

        overrides = dict(self._overrides)
        if esl or gateway:
            base = load_settings(self._config, overrides).nodes[0]
            node = base.model_dump(mode="python")
            node["password"] = base.password.get_secret_value()
            if esl:
                node.update(_address(esl))
            if gateway and gateway not in [g["name"] for g in node["gateways"]]:
                node["gateways"] = [{"name": gateway}, *node["gateways"]]
            overrides["nodes"] = [node]
        loaded = load_with_origins(self._config, overrides)
        settings = loaded.settings.log
        log.configure(settings.level, settings.format, requests=settings.requests)
        return loaded


def _address(esl: str) -> dict[str, Any]:
    password, at, place = esl.rpartition("@")
    host, colon, port = place.rpartition(":")
    if not (host and colon and port.isdigit()):
        raise InvalidRequest(f"--esl {place!r} is not [password@]host:port, such as 127.0.0.1:8021")
    found: dict[str, Any] = {"host": host, "port": int(port)}
    return {**found, "password": password} if at else found


def main() -> None:
    """Run the command; print an error of fsfax on one line and exit with its code."""
    try:
        code = group.main(standalone_mode=False, prog_name="fsfax")
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except FsfaxError as error:
        click.echo(f"fsfax: {error}", err=True)
        sys.exit(exits.code_of(error))
    sys.exit(code if isinstance(code, int) else 0)
