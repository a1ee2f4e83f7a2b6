"""One typed settings object, read from one place after another.

Order of precedence, weakest first: the defaults below, a TOML file (``fsfax.toml`` in the
working folder, or the file named by ``FSFAX_CONFIG``), environment variables ``FSFAX_*`` (a
double underscore steps inside: ``FSFAX_TIMEOUTS__ANSWER=90``; lists are JSON), command-line
flags. `load` also tells where each value came from, for ``fsfax config``.

Secrets are `pydantic.SecretStr`: printing or logging a settings object never shows them.
"""

from __future__ import annotations

import difflib
import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from fsfax.errors import ConfigurationError
from fsfax.settings_base import Seconds, WebLimits
from fsfax.settings_base import Section as _Section
from fsfax.settings_notify import NotifySettings
from fsfax.settings_smtp import SmtpSettings


class PathMapping(_Section):
    """One folder under the two names it has: ours, and FreeSWITCH's.

    A container or a network share often shows the spool under another path on the
    FreeSWITCH side. The longest matching prefix wins.
    """

    local: Path
    remote: str


class GatewaySettings(_Section):
    """A sofia gateway of a node: a way out to the telephone network."""

    name: str = Field(min_length=1)
    capacity: int = Field(default=0, ge=0, description="calls at once; 0 = only the node's limit")


class NodeSettings(_Section):
    """One FreeSWITCH: where its event socket is, and what it can carry."""

    name: str = "freeswitch"
    host: str = "127.0.0.1"
    port: int = Field(default=8021, ge=1, le=65535)
    password: SecretStr = SecretStr("ClueCon")
    capacity: int = Field(default=0, ge=0, description="calls at once; 0 = no limit of ours")
    gateways: tuple[GatewaySettings, ...] = ()
    spool: tuple[PathMapping, ...] = Field(
        default=(), description="folders that this FreeSWITCH sees under another path"
    )


class EslTimeouts(_Section):
    """How long to wait for the event socket, each wait named."""

    connect: Seconds = Field(default=5.0, description="TCP connection")
    authenticate: Seconds = Field(default=5.0, description="auth/request and the reply to auth")
    command: Seconds = Field(default=10.0, description="the reply to one command")
    heartbeat: Seconds = Field(
        default=20.0, description="silence after which a probe is sent to see if the link lives"
    )
    backoff_first: Seconds = Field(default=0.2, description="first pause before reconnecting")
    backoff_max: Seconds = Field(default=15.0, description="longest pause before reconnecting")


class CallTimeouts(_Section):
    """The watchdogs of a fax call.

    FreeSWITCH itself never gives up on some of these (a peer that stops sending UDPTL keeps
    the channel up to 600 s; a profile without a timer waits for ever).
    """

    answer: Seconds = Field(default=60.0, description="from originate to the answer")
    negotiation: Seconds = Field(
        default=90.0,
        description="from the answer to phase B; SpanDSP gives up by itself after 60 s (T.30 T1)",
    )
    page: Seconds = Field(default=600.0, description="from one page's confirmation to the next")
    linger: Seconds = Field(
        default=15.0, description="from the fax result to the hangup, then uuid_kill"
    )
    link_lost: Seconds = Field(
        default=120.0,
        description="how long a call whose ESL connection is lost is waited for before it"
        " counts as uncertain",
    )
    result: Seconds = Field(
        default=5.0, description="from the hangup to a late fax result event before marks are asked"
    )


class FaxDefaults(_Section):
    """What a fax is sent with unless the call says otherwise."""

    ident: str = Field(default="", max_length=20, description="our station id (TSI, T.30 5.3.6.2)")
    header: str = Field(default="", max_length=50, description="text in the header line")
    timezone: str = Field(default="", description="POSIX or IANA zone of the header's clock")
    from_number: str = ""
    from_name: str = ""
    t38: Literal["off", "on", "required"] = "on"
    ecm: bool = True
    v17: bool = True
    resolution: Literal["standard", "fine", "superfine"] = "fine"


class DocumentSettings(_Section):
    """Limits of the document pipeline, and how many processes share the work."""

    workers: int = Field(default=0, ge=0, description="worker processes; 0 = one per core")
    max_bytes: int = Field(default=100 * 1024 * 1024, gt=0)
    max_pages: int = Field(default=500, gt=0)
    max_pixels: int = Field(default=200_000_000, gt=0, description="pixels of one source image")
    memory: int = Field(default=1024 * 1024 * 1024, gt=0, description="bytes one worker may use")
    timeout: Seconds = Field(default=120.0, description="for one document")
    office: bool = Field(
        default=True, description="take office documents, where LibreOffice is installed"
    )


class FetchSettings(WebLimits):
    """How documents are fetched from URLs, and from where they may come."""

    section: ClassVar[str] = "fetch"
    refusal: ClassVar[str] = "documents are not fetched from"

    max_bytes: int = Field(
        default=100 * 1024 * 1024, gt=0, description="size of the document, uncompressed"
    )
    max_redirects: int = Field(default=5, ge=0, le=50)


class RetryRule(_Section):
    """Whether and when a fax is tried again after one class of ending.

    The first try with this ending is followed by a pause of ``delay``, each further one in a row
    by one that is ``factor`` times as long, up to ``max_delay``; all of them give or take the
    fraction ``jitter``.
    """

    retry: bool = True
    delay: Seconds = 300.0
    factor: float = Field(default=1.0, ge=1, le=10)
    max_delay: Seconds = 3600.0
    jitter: float = Field(
        default=0.2, ge=0, le=1, description="keeps faxes that failed together from coming together"
    )
    max_tries: int | None = Field(
        default=None, ge=1, description="give up after so many in a row, whatever `retries` says"
    )
    counts: bool = Field(default=True, description="a try with this ending uses up a try")


_NEVER = RetryRule(retry=False)

RETRIES: Mapping[str, RetryRule] = MappingProxyType(
    {
        "delivered": _NEVER,
        # Somebody is faxing or talking: a page takes a minute, a call some.
        "busy": RetryRule(delay=90, factor=2, max_delay=900),
        # Switched off, out of paper or a person who is away: minutes change nothing.
        "no_answer": RetryRule(delay=600, factor=2, max_delay=3600),
        # A person answered: the second call may meet the machine, a third one is a nuisance.
        "not_a_fax": RetryRule(delay=300, factor=2, max_delay=3600, max_tries=2),
        # The next call is made in another way; the far machine needs a moment to reset.
        "line_trouble": RetryRule(delay=60, factor=2, max_delay=900),
        "incompatible": RetryRule(delay=60),
        "bad_document": _NEVER,
        "refused": _NEVER,
        "bad_number": _NEVER,
        # A gateway is down or full: the called party had no part in it, so it uses up no try.
        # The pauses add up to four hours and a half.
        "local_trouble": RetryRule(delay=15, factor=2, max_delay=900, max_tries=24, counts=False),
        "cancelled": _NEVER,
        # Only where `jobs.uncertain` says so.
        "unknown": RetryRule(delay=300, factor=2, max_delay=3600),
    }
)
"""The rule for each class of ending (`fsfax.engine.outcome.Outcome`) unless `jobs.retry` has it."""


class JobsSettings(_Section):
    """How the durable jobs are worked on."""

    lease: Seconds = Field(
        default=30.0, description="silence after which a worker's jobs are taken over"
    )
    poll: Seconds = Field(
        default=1.0, description="how often SQLite is looked at for work of other processes"
    )
    drain: Seconds = Field(
        default=60.0, description="time for running calls at a stop before they are handed over"
    )
    calls: int = Field(default=0, ge=0, description="calls at once of one worker; 0 = no limit")
    account_calls: int = Field(
        default=10, ge=0, description="calls at once of one account; 0 = no limit"
    )
    prepare: int = Field(default=2, ge=1, description="documents fetched and converted at once")
    receive: bool = Field(default=True, description="look after incoming faxes as well")
    uncertain: Literal["hold", "retry"] = Field(
        default="hold", description="what to do when the fate of a call cannot be proved"
    )
    uncertain_after: Seconds = Field(
        default=600.0, description="how long a fate that cannot be learnt is asked for"
    )
    memory_half_life: float = Field(
        default=30.0, gt=0, le=3650, description="days after which experience counts half"
    )
    retry: Mapping[str, RetryRule] = Field(
        default_factory=dict,
        validate_default=True,
        description="what to do after each class of ending; what a rule leaves out stays as it is",
    )

    @field_validator("retry", mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        """Lay the given rules over the defaults, so that ``retry.busy.delay`` alone can be set."""
        if not isinstance(given, Mapping):
            return given
        if unknown := ", ".join(sorted(map(str, given.keys() - RETRIES.keys()))):
            raise ValueError(f"no class of ending: {unknown}; there are {', '.join(RETRIES)}")
        rules: dict[str, Any] = dict(RETRIES)
        for name, rule in given.items():
            partial = isinstance(rule, Mapping)
            rules[str(name)] = RETRIES[name].model_dump() | dict(rule) if partial else rule
        return rules

    @field_validator("retry")
    @classmethod
    def _ends(cls, rules: Mapping[str, RetryRule]) -> Mapping[str, RetryRule]:
        """Refuse a table by which a fax would be dialled for ever, or after it arrived."""
        for name in ("delivered", "cancelled"):
            if rules[name].retry:
                raise ValueError(f"a fax that was {name} is never tried again: {name}.retry")
        for name, rule in rules.items():
            if rule.counts:
                continue
            # Two classes in turn would begin to count anew for ever.
            if name != "local_trouble":
                raise ValueError(f"only local_trouble may use up no try, not {name}")
            if rule.max_tries is None:
                raise ValueError(f"{name}: what uses up no try needs max_tries, or it never ends")
        return rules


class InboundSettings(_Section):
    """Whose the faxes are that come to a number which is nobody's."""

    account: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{32}$",
        description="account that gets them; without one the default account",
    )
    faxbox: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{32}$",
        description="faxbox that gets them; where it is gone, the account above",
    )


class ApiSettings(_Section):
    """The HTTP API."""

    host: str = Field(default="127.0.0.1", description="address that is listened on")
    port: int = Field(default=8000, ge=0, le=65535)
    certificate: Path | None = Field(
        default=None, description="PEM file of a certificate; without one plain HTTP is spoken"
    )
    key: Path | None = Field(default=None, description="its key, if that is a file of its own")
    max_upload: int = Field(
        default=50 * 1024 * 1024, gt=0, description="bytes of a request that makes a fax"
    )
    body_timeout: Seconds = Field(default=300.0, description="the whole body of a request")
    idle_timeout: Seconds = Field(
        default=60.0, description="a request's head, and any single read or write"
    )
    connections: int = Field(default=1000, ge=1, description="at once; further ones wait")
    streams: int = Field(default=200, ge=0, description="clients that follow faxes at once")
    threads: int = Field(default=8, ge=1, le=100, description="database transactions at once")
    rate: float = Field(
        default=50.0, ge=0, description="requests a second of one token; 0 = no limit"
    )
    burst: int = Field(default=200, ge=1, description="requests of one token at once")
    drain: Seconds = Field(default=15.0, description="time for running requests at a stop")


class LogSettings(_Section):
    """What is logged and how."""

    level: Literal["debug", "info", "warning", "error"] = "warning"
    format: Literal["console", "json"] = "console"
    requests: bool = Field(
        default=True, description="a line for each request of the HTTP API, whatever the level"
    )


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(
        env_prefix="FSFAX_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    nodes: tuple[NodeSettings, ...] = (NodeSettings(),)
    spool: Path = Field(
        default=Path(tempfile.gettempdir()) / "fsfax",
        description="where converted documents wait for FreeSWITCH; both must reach it",
    )
    inbox: Path = Field(default=Path("inbox"), description="where received faxes are stored")
    marks_realm: str = Field(
        default="fsfax",
        pattern=r"^[A-Za-z0-9_-]{1,40}$",
        description="realm of the outcome marks in FreeSWITCH's db and hash",
    )
    esl: EslTimeouts = EslTimeouts()
    timeouts: CallTimeouts = CallTimeouts()
    fax: FaxDefaults = FaxDefaults()
    document: DocumentSettings = DocumentSettings()
    fetch: FetchSettings = FetchSettings()
    database: SecretStr = Field(
        default=SecretStr("sqlite:///fsfax.db"),
        description="where the jobs are: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME",
    )
    jobs: JobsSettings = JobsSettings()
    inbound: InboundSettings = InboundSettings()
    api: ApiSettings = ApiSettings()
    notify: NotifySettings = NotifySettings()
    smtp: SmtpSettings = SmtpSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what the caller passes.

        An embedding program that builds ``Settings(...)`` gets exactly that; `load` is the
        one place where file and environment are read.
        """
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where each value that is not a default came from.

    ``origins`` maps a dotted name (``timeouts.answer``) to ``file PATH``, ``environment`` or
    ``command line``.
    """

    settings: Settings
    origins: Mapping[str, str]


def load(file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Loaded:
    """Read settings from file, environment and ``overrides`` (nested like the model).

    ``file`` defaults to ``$FSFAX_CONFIG``, then to ``fsfax.toml`` in the working folder, where
    a missing file is no error unless it was named.

    Raises:
        ConfigurationError: the file is missing or is not TOML, or a value is wrong; the
            message names the setting and where the value came from.
    """
    path = file or (Path(named) if (named := os.environ.get("FSFAX_CONFIG")) else None)
    layers: list[tuple[str, Mapping[str, Any]]] = []
    if path is None and Path("fsfax.toml").is_file():
        path = Path("fsfax.toml")
    if path is not None:
        layers.append((f"file {path}", _read_toml(path)))
    _require_known_variables()
    try:
        layers.append(("environment", EnvSettingsSource(Settings)()))
    except SettingsError as error:
        raise ConfigurationError(
            f"a FSFAX_* environment variable cannot be read: {error}; lists and tables are JSON"
        ) from error
    layers.append(("command line", overrides or {}))

    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, layer in layers:
        merged = _merge(merged, layer)
        origins.update(dict.fromkeys(_leaves(layer), origin))
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        raise ConfigurationError(_explain(error, origins)) from error
    return Loaded(settings, origins)


def _require_known_variables() -> None:
    """Refuse a misspelt variable: pydantic-settings passes over names that it does not know."""
    known = {f"FSFAX_{name.upper()}" for name in Settings.model_fields}
    for variable in os.environ:
        first = variable.upper().partition("__")[0]
        if not first.startswith("FSFAX_") or first in known or first == "FSFAX_CONFIG":
            continue
        if first.startswith("FSFAX_TEST_"):  # of the project's own tests
            continue
        near = difflib.get_close_matches(first, known, 1, cutoff=0.75)
        hint = f"; did you mean {near[0]}?" if near else "; `fsfax config` lists the settings"
        raise ConfigurationError(f"{variable} is no setting{hint}")


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from error


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = (
            _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def _leaves(layer: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in layer.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _explain(error: ValidationError, origins: Mapping[str, str]) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"])
        origin = next(
            (where for leaf, where in origins.items() if f"{name}.".startswith(f"{leaf}.")), None
        )
        lines.append(f"{name}: {problem['msg']}" + (f" ({origin})" if origin else ""))
    return "wrong settings: " + "; ".join(lines)
