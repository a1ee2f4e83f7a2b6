"""Short messages: sent by HTTP with escaped templates, or logged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.errors import ConfigurationError
from fsfax.notify.send_result import Delivered, RetryLater
from fsfax.notify.sms import HttpGateway, LogGateway, gateway_of
from fsfax.settings.notify import SmsSettings
from tests.notify.receiver import Answer, Receiver


@given(st.text(max_size=60), st.text(max_size=60))
def test_short_messages_are_escaped_for_their_place(to: str, text: str) -> None:
    from urllib.parse import parse_qs, urlsplit

    gateway = HttpGateway(
        SmsSettings(
            url="https://sms.example/{{ to }}?t={{ text }}&k={{ token }}",
            headers={"Authorization": "Bearer {{ token }}", "X-Text": "{{ text }}"},
            token="s3cret/+",  # type: ignore[arg-type]
        )
    )
    request = gateway.request(to, text, "msg_1")
    replaced = text.encode("utf-8", "replace").decode()
    query = parse_qs(urlsplit(request.url).query, keep_blank_values=True)
    assert query["k"] == ["s3cret/+"]
    assert query["t"] == [replaced]
    assert urlsplit(request.url).path.count("/") == 1
    assert set(json.loads(request.body)) == {"to", "from", "text"}
    assert json.loads(request.body)["text"] == text
    assert request.headers["Authorization"] == "Bearer s3cret/+"
    assert request.headers["X-Text"].isprintable()
    assert request.headers["X-Text"].isascii()


@given(st.text(max_size=60))
def test_short_messages_are_escaped_in_a_form(text: str) -> None:
    from urllib.parse import parse_qsl

    gateway = HttpGateway(
        SmsSettings(
            url="https://sms.example/",
            content_type="application/x-www-form-urlencoded",
            body="to={{ to }}&text={{ text }}&end=1",
        )
    )
    body = gateway.request("+1", text, "msg_1").body.decode()
    replaced = text.encode("utf-8", "replace").decode()
    assert parse_qsl(body, keep_blank_values=True) == [
        ("to", "+1"),
        ("text", replaced),
        ("end", "1"),
    ]


class TestShortMessages:
    def test_a_short_message_is_sent_to_the_provider(self, receiver: Receiver) -> None:
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

    def test_the_log_gateway_logs_the_message(self, caplog: pytest.LogCaptureFixture) -> None:
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
    def test_invalid_settings_of_a_gateway_are_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ConfigurationError):
            gateway_of(SmsSettings(**{"gateway": "http", "url": "https://a.org", **wrong}))

    def test_a_template_with_an_unknown_value_is_retried(self, receiver: Receiver) -> None:
        gateway = HttpGateway(SmsSettings(url=receiver.url(), body="{{ password }}"))
        result = gateway.send("1", "x", "msg_1")
        assert isinstance(result, RetryLater)
        assert "password" in result.problem
