"""`Settings`: everything that can be configured, in sections."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from fsfax.settings.api import ApiSettings
from fsfax.settings.base import Section
from fsfax.settings.calls import CallTimeouts, EslTimeouts, FaxDefaults, NodeSettings
from fsfax.settings.documents import DocumentSettings, FetchSettings
from fsfax.settings.jobs import InboundSettings, JobsSettings
from fsfax.settings.notify import NotifySettings
from fsfax.settings.smtp import SmtpSettings


class LogSettings(Section):
    """Level and format of the log."""

    level: Literal["debug", "info", "warning", "error"] = "warning"
    format: Literal["console", "json"] = "console"
    requests: bool = Field(
        default=True, description="log each request of the HTTP API, whatever the level"
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
        description="folder of converted documents; fsfax and FreeSWITCH must both reach it",
    )
    inbox: Path = Field(default=Path("inbox"), description="folder of received faxes")
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
        description="URL of the database: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME",
    )
    jobs: JobsSettings = JobsSettings()
    inbound: InboundSettings = InboundSettings()
    api: ApiSettings = ApiSettings()
    notify: NotifySettings = NotifySettings()
    smtp: SmtpSettings = SmtpSettings()
    log: LogSettings = LogSettings()

    if TYPE_CHECKING:
        # What validation accepts and converts: the attributes have the types above.
        def __init__(
            self,
            *,
            nodes: Sequence[NodeSettings | dict[str, Any]] = ...,
            spool: str | PathLike[str] = ...,
            inbox: str | PathLike[str] = ...,
            marks_realm: str = ...,
            esl: EslTimeouts | dict[str, Any] = ...,
            timeouts: CallTimeouts | dict[str, Any] = ...,
            fax: FaxDefaults | dict[str, Any] = ...,
            document: DocumentSettings | dict[str, Any] = ...,
            fetch: FetchSettings | dict[str, Any] = ...,
            database: str | SecretStr = ...,
            jobs: JobsSettings | dict[str, Any] = ...,
            inbound: InboundSettings | dict[str, Any] = ...,
            api: ApiSettings | dict[str, Any] = ...,
            notify: NotifySettings | dict[str, Any] = ...,
            smtp: SmtpSettings | dict[str, Any] = ...,
            log: LogSettings | dict[str, Any] = ...,
        ) -> None: ...

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the constructor's arguments as the only source.

        ``Settings(...)`` in an embedding program has exactly the given values; only `load_settings`
        reads file and environment.
        """
        return (init_settings,)
