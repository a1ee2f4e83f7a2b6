"""Log lines: events with fields, as one line of logfmt or JSON, over the standard library."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator

import pytest

from fsfax import log

LOGGER = "fsfax.tests.test_log"


@pytest.fixture(autouse=True)
def fsfax_logger() -> Iterator[logging.Logger]:
    """Return the logger of fsfax as an embedding program has it; restore it after the test."""
    logger, requests = logging.getLogger("fsfax"), logging.getLogger(log.REQUESTS)
    before = logger.handlers[:], logger.level, logger.propagate, requests.level
    logger.handlers[:], logger.propagate = [], True
    yield logger
    logger.handlers[:], logger.level, logger.propagate, requests.level = before


def record(caplog: pytest.LogCaptureFixture, event: str, **fields: object) -> logging.LogRecord:
    """Log one event at INFO and return its record."""
    with caplog.at_level(logging.INFO, LOGGER):
        log.get_logger(LOGGER).info(event, **fields)
    return caplog.records[-1]


def test_an_event_is_an_ordinary_record_with_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    made = record(caplog, "call_settled", pages=3, success=True, cause=None, node="a b")
    assert made.name == LOGGER
    assert made.levelno == logging.INFO
    assert made.getMessage() == 'call_settled pages=3 success=true cause= node="a b"'
    assert vars(made)["event"] == "call_settled"
    assert vars(made)["fields"] == {"pages": 3, "success": True, "cause": None, "node": "a b"}


def test_an_event_without_fields(caplog: pytest.LogCaptureFixture) -> None:
    assert record(caplog, "started").getMessage() == "started"


def test_foreign_text_stays_one_line(caplog: pytest.LogCaptureFixture) -> None:
    made = record(caplog, "created", name="x\nfsfax forged=1\x1b[31m\u202e", rest="100 % %s")
    assert vars(made)["fields"]["name"] == "x fsfax forged=1\\x1b[31m\\u202e"
    assert made.getMessage().isprintable()
    assert made.getMessage().endswith('rest="100 % %s"')


def test_an_exception_is_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, LOGGER):
        log.get_logger(LOGGER).error("failed", exc_info=LookupError("no\nsuch row"))
    made = caplog.records[-1]
    assert made.levelno == logging.ERROR
    assert "LookupError: no such row" in vars(made)["fields"]["exception"]
    assert "\n" not in made.getMessage()


def test_nothing_below_the_level_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, LOGGER):
        log.get_logger(LOGGER).info("call_settled")
        log.get_logger(LOGGER).warning("guard_left")
    assert [each.getMessage() for each in caplog.records] == ["guard_left"]


def test_the_console_has_time_level_and_message(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("info", "console")
    log.get_logger(LOGGER).info("call_settled", pages=3)
    log.get_logger(LOGGER).debug("mark_unanswered")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\d [\d:,]+ INFO    call_settled pages=3\n", captured.err)


def test_json_has_the_fields_beside_time_level_and_logger(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("debug", "json")
    log.get_logger(LOGGER).warning("call_settled", pages=3, name="Grüße", node=object)
    logging.getLogger("fsfax.other").info("a plain %s", "record")
    lines = capsys.readouterr().err.splitlines()
    assert "Grüße" in lines[0]
    first, second = map(json.loads, lines)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+[+-]\d{4}", first.pop("time"))
    assert first == {
        "level": "warning",
        "logger": LOGGER,
        "event": "call_settled",
        "pages": 3,
        "name": "Grüße",
        "node": "<class 'object'>",
    }
    assert (second["logger"], second["event"]) == ("fsfax.other", "a plain record")


@pytest.mark.parametrize("requests", [True, False])
def test_requests_are_shown_only_if_asked_for(
    capsys: pytest.CaptureFixture[str], requests: bool
) -> None:
    log.configure("warning", "console", requests=requests)
    logging.getLogger(log.REQUESTS).info("GET /faxes 200")
    logging.getLogger(LOGGER).info("call_settled")
    assert ("GET /faxes 200" in capsys.readouterr().err) is requests


def test_a_second_configuration_replaces_the_first(
    fsfax_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure("info", "json")
    log.configure("info", "console")
    log.get_logger(LOGGER).info("call_settled")
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not fsfax_logger.propagate, "the root logger does not show the line again"
