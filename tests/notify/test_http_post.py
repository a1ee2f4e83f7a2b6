"""HTTP requests to receivers, and what their answers mean; short messages by HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest

from fsfax.errors import ConfigurationError
from fsfax.notify import http_post
from fsfax.notify.send_result import Delivered, Rejected, Result, RetryLater
from fsfax.notify.sms import HttpGateway, LogGateway, gateway_of
from fsfax.settings.notify import SmsSettings, WebhookSettings
from tests.notify.receiver import Answer, Receiver

NOW = 1_700_000_000.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def send(url: str, method: str = "POST", **limits: Any) -> Result:
    settings = WebhookSettings(**{"allow_private": True, "total": 5.0, **limits})
    request = http_post.PostRequest(method, url, {"X-Own": "1"}, b"body")
    return http_post.send(request, settings, refusals=3, now=lambda: NOW)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_accepted(receiver: Receiver, status: int) -> None:
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
def test_not_accepted(receiver: Receiver, status: int, result: Result) -> None:
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
def test_retry_after(receiver: Receiver, header: str, seconds: float | None) -> None:
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


def test_a_password_in_the_url(receiver: Receiver) -> None:
    assert send(receiver.url().replace("//", "//me:s3cret@")) == Delivered()
    assert receiver.wait_calls(1)[0].headers["authorization"] == "Basic bWU6czNjcmV0"
    receiver.down = True
    assert "s3cret" not in str(send(receiver.url().replace("//", "//me:s3cret@")))


def test_no_server() -> None:
    with Receiver() as receiver:
        url = receiver.url()
    result = send(url)
    assert isinstance(result, RetryLater)
    assert "was refused" in result.problem


def test_forbidden_addresses(receiver: Receiver) -> None:
    result = send(receiver.url(), allow_private=False)
    assert isinstance(result, Rejected)
    assert "nothing is sent to loopback addresses" in result.problem
    assert "notify.webhook.allow_networks" in result.problem
    assert receiver.calls == []


def test_a_silent_server(receiver: Receiver) -> None:
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


class TestShortMessages:
    def test_by_a_provider(self, receiver: Receiver) -> None:
        gateway = gateway_of(
            SmsSettings(
                gateway="http",
                url=receiver.url("/send?id={{ id }}"),
                headers={"Authorization": "Bearer {{ token }}"},
                token="s3cret",  # type: ignore[arg-type]
                sender="Clinic",
            )
        )
        assert gateway.send("+353155501", 'Fax "1" & 2', "msg_1") == Delivered()
        (call,) = receiver.wait_calls(1)
        assert call.path == "/send?id=msg_1"
        assert call.headers["authorization"] == "Bearer s3cret"
        assert call.headers["content-type"] == "application/json"
        assert call.body == b'{"to": "+353155501", "from": "Clinic", "text": "Fax \\"1\\" & 2"}'
        receiver.answer = lambda _: Answer(500)
        assert gateway.send("1", "x", "msg_2") == RetryLater("HTTP response 500")

    def test_into_the_log(self, caplog: pytest.LogCaptureFixture) -> None:
        assert isinstance(gateway_of(SmsSettings()), LogGateway)
        assert gateway_of(SmsSettings()).send("1", "hello", "msg_1") == Delivered()
        assert "hello" in caplog.text

    @pytest.mark.parametrize(
        "wrong",
        [
            {"url": ""},
            {"body": "{{ to"},
            {"headers": {"X": "{% if %}"}},
        ],
    )
    def test_wrong_settings(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ConfigurationError):
            gateway_of(SmsSettings(**{"gateway": "http", "url": "https://a.org", **wrong}))

    def test_a_template_that_knows_too_much(self, receiver: Receiver) -> None:
        gateway = HttpGateway(SmsSettings(url=receiver.url(), body="{{ password }}"))
        result = gateway.send("1", "x", "msg_1")
        assert isinstance(result, RetryLater)
        assert "password" in result.problem
