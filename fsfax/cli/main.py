"""The ``fsfax`` command: options common to all, and the errors that end it."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

import fsfax
from fsfax import log
from fsfax.cli import exits
from fsfax.errors import FsfaxError, InvalidRequest
from fsfax.settings import LoadedSettings, load_settings, load_with_origins

_COMMANDS = {
    "send": "send",
    "receive": "receive",
    "submit": "submit",
    "serve": "serve",
    "smtp": "smtp",
    "worker": "worker",
    "jobs": "jobs",
    "job": "jobs:one",
    "cancel": "change:cancel",
    "resubmit": "change:resubmit",
    "hold": "change:hold",
    "release": "change:release",
    "destination": "destination",
    "account": "account",
    "token": "token",
    "faxbox": "faxbox",
    "webhook": "webhook",
    "notifications": "notifications",
    "db": "db",
    "convert": "convert",
    "inspect": "inspect",
    "doctor": "doctor",
    "config": "config",
    "softswitch": "softswitch",
    "demo": "demo",
}


class Commands(click.Group):
    """Loads a command's module when it is called: ``--help`` need not wait for all of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order in which a newcomer needs them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command of that name."""
        if cmd_name not in _COMMANDS:
            return None
        name, _, attribute = _COMMANDS[cmd_name].partition(":")
        module = import_module(f"fsfax.cli.{name}")
        command: click.Command = getattr(module, attribute or "command")
        return command


@click.group(
    cls=Commands, epilog=exits.TABLE, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(fsfax.__version__, prog_name="fsfax")
@click.option(
    "--config", type=click.Path(path_type=Path), help="Settings file (default: ./fsfax.toml)."
)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]))
@click.pass_context
def group(ctx: click.Context, config: Path | None, log_level: str | None) -> None:
    """Send and receive faxes through FreeSWITCH."""
    ctx.obj = Common(config, {"log": {"level": log_level}} if log_level else {})


class Common:
    """What the common options say; settings are read when a command asks for them."""

    def __init__(self, config: Path | None, overrides: dict[str, Any]) -> None:
        self._config = config
        self._overrides = overrides

    def load(self, esl: str | None = None, gateway: str | None = None) -> LoadedSettings:
        """Read the settings; ``esl`` ([password@]host:port) and ``gateway`` go above all.

        Raises:
            ConfigurationError: a setting is wrong.
            InvalidRequest: ``esl`` is not of that form.
        """
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
        wanted = loaded.settings.log
        log.configure(wanted.level, wanted.format, requests=wanted.requests)
        return loaded


def _address(esl: str) -> dict[str, Any]:
    password, at, place = esl.rpartition("@")
    host, colon, port = place.rpartition(":")
    if not (host and colon and port.isdigit()):
        raise InvalidRequest(f"--esl {place!r} is not [password@]host:port, such as 127.0.0.1:8021")
    found: dict[str, Any] = {"host": host, "port": int(port)}
    return {**found, "password": password} if at else found


def main() -> None:
    """Run the command; every error of fsfax ends in one line and its exit code."""
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
