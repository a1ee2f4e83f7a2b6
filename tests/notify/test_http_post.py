"""HTTP requests to receivers, and what their answers mean."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import pytest

from fsfax.notify import http_post
from fsfax.notify.send_result import Delivered, Rejected, Result, RetryLater
from fsfax.settings.notify import WebhookSettings
from tests.notify.receiver import Answer, Receiver

NOW = 1_700_000_000.0


def send(url: str, method: str = "POST", **limits: Any) -> Result:
    settings = WebhookSettings(**{"allow_private": True, "total": 5.0, **limits})
    request = http_post.PostRequest(method, url, {"X-Own": "1"}, b"body")
    return http_post.send(request, settings, refusals=3, now=lambda: NOW)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_delivered(receiver: Receiver, status: int) -> None:
    receiver.answer = lambda _: Answer(status)
    assert send(receiver.url("/a?b=c")) == Delivered()
    (call,) = receiver.wait_calls(1)
    assert (call.method, call.path, call.body) == ("POST", "/a?b=c", b"body")
    assert call.headers["x-own"] == "1"
    assert call.headers["content-length"] == "4"


def test_get_has_no_body(receiver: Receiver) -> None:
    assert send(receiver.url(), "GET") == Delivered()
    (call,) = receiver.wait_calls(1)
    assert (call.method, call.body) == ("GET", b"")
    assert "content-length" not in call.headers


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (301, RetryLater("HTTP response 301", tries=3)),
        (400, RetryLater("HTTP response 400", tries=3)),
        (404, RetryLater("HTTP response 404", tries=3)),
        (408, RetryLater("HTTP response 408")),
        (410, Rejected("HTTP response 410", gone=True)),
        (425, RetryLater("HTTP response 425")),
        (429, RetryLater("HTTP response 429")),
        (500, RetryLater("HTTP response 500")),
        (503, RetryLater("HTTP response 503")),
    ],
)
def test_other_answers_are_rejected_or_retried(
    receiver: Receiver, status: int, result: Result
) -> None:
    receiver.answer = lambda _: Answer(status)
    assert send(receiver.url()) == result


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("999999999999", 3600.0),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW - 90, usegmt=True), 0.0),
        ("soon", None),
        ("-5", None),
        ("\u0661", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms(
    receiver: Receiver, header: str, seconds: float | None
) -> None:
    receiver.answer = lambda _: Answer(503, {"Retry-After": header.encode().decode("latin-1")})
    result = send(receiver.url())
    assert isinstance(result, RetryLater)
    assert result.after == seconds


def test_the_reason_is_one_short_line(receiver: Receiver) -> None:
    receiver.answer = lambda _: Answer(400, body=b"\x1b[31m a\r\nb \xff" + b"x" * 100_000)
    result = send(receiver.url())
    assert isinstance(result, RetryLater)
    assert result.problem.startswith("HTTP response 400: [31m a b")
    assert result.problem.isprintable()
    assert len(result.problem) < 250


def test_a_password_in_the_url_is_sent_as_a_header_and_not_shown(receiver: Receiver) -> None:
    assert send(receiver.url().replace("//", "//me:s3cret@")) == Delivered()
    assert receiver.wait_calls(1)[0].headers["authorization"] == "Basic bWU6czNjcmV0"
    receiver.down = True
    assert "s3cret" not in str(send(receiver.url().replace("//", "//me:s3cret@")))


def test_a_refused_connection_is_retried() -> None:
    with Receiver() as receiver:
        url = receiver.url()
    result = send(url)
    assert isinstance(result, RetryLater)
    assert "was refused" in result.problem


def test_a_loopback_address_is_rejected(receiver: Receiver) -> None:
    result = send(receiver.url(), allow_private=False)
    assert isinstance(result, Rejected)
    assert "nothing is sent to loopback addresses" in result.problem
    assert "notify.webhook.allow_networks" in result.problem
    assert receiver.calls == []


def test_a_silent_server_is_timed_out(receiver: Receiver) -> None:
    import threading

    let_go = threading.Event()

    def answer(_: Any) -> Answer:
        let_go.wait(30)
        return Answer()

    receiver.answer = answer
    for limit, name in (({"total": 0.2}, "total"), ({"read": 0.2}, "read")):
        result = send(receiver.url(), **limit)
        assert isinstance(result, RetryLater)
        assert f"notify.webhook.{name}" in result.problem
    let_go.set()
