"""Logging: structured events over the standard library's ``logging``.

A library must not decide where a program's log lines go. Events are therefore ordinary log
records of the loggers ``fsfax.*``: the message is the event and its fields in logfmt, and
``record.fields`` has the fields as a dict, for formatters such as that for JSON. Nothing below
WARNING is shown unless the program sets another level.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, cast

import structlog

from fsfax.runtime.sanitize import escaped

_logfmt = structlog.processors.LogfmtRenderer(bool_as_flag=False)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the structured logger of a module: ``_log.info("call_settled", pages=3)``."""
    return cast(
        structlog.stdlib.BoundLogger,
        structlog.wrap_logger(
            logging.getLogger(name),
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.processors.format_exc_info,
                _to_record,
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
            cache_logger_on_first_use=True,
        ),
    )


def _to_record(
    logger: Any, name: str, event: MutableMapping[str, Any]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    words = str(event.pop("event", ""))
    fields = {key: _loggable(value) for key, value in event.items()}
    # "%" is safe: logging formats a message only when it has arguments.
    message = f"{words} {_logfmt(logger, name, dict(fields))}".rstrip()
    return (message,), {"extra": {"event": words, "fields": fields}}


def _loggable(value: Any) -> Any:
    """Return numbers as they are, anything else as one line: it may be foreign text."""
    return value if value is None or isinstance(value, bool | int | float) else escaped(value)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": getattr(record, "event", record.getMessage()),
            **getattr(record, "fields", {}),
        }
        return json.dumps(fields, default=str, ensure_ascii=False)


REQUESTS = "fsfax.requests"
"""The logger of the HTTP API's requests: one line each, at INFO."""


def configure(
    level: Literal["debug", "info", "warning", "error"],
    style: Literal["console", "json"],
    *,
    requests: bool = False,
) -> None:
    """Send fsfax's log lines to standard error; for the command, not for embedding programs.

    Args:
        level: the lowest level that is shown.
        style: "console" for people, "json" for programs.
        requests: also show the requests of the HTTP API.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Json() if style == "json" else logging.Formatter("%(asctime)s %(levelname)-7s %(message)s")
    )
    logger = logging.getLogger("fsfax")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False
    logging.getLogger(REQUESTS).setLevel(logging.INFO if requests else logging.WARNING)
