"""Recipients of notifications: which addresses, numbers and callbacks are accepted."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from fsfax.accounts.config_model import STORED
from fsfax.accounts.notification_config import (
    MAX_RECIPIENTS,
    Callback,
    DirectionNotifications,
    FaxboxNotifications,
    MailTargets,
    Notifications,
    SmsTargets,
)
from fsfax.values.webhook_secret import new_secret, signing_key

SECRET = new_secret()
URL = "https://a.example/hook"


class TestMailTargets:
    @pytest.mark.parametrize(
        ("send_to", "listed"),
        [
            (None, []),
            ("a@b.example", ["a@b.example"]),
            (["b@b.example", "a@b.example"], ["b@b.example", "a@b.example"]),
            ([], []),
        ],
    )
    def test_one_address_or_several(self, send_to: Any, listed: list[str]) -> None:
        assert MailTargets(send_to=send_to).listed() == listed

    @pytest.mark.parametrize(
        "address", ["x@y", "o'neil+fax@clinic.example", "a.b@c-d.example", f"{'x' * 64}@y.example"]
    )
    def test_valid_addresses(self, address: str) -> None:
        assert MailTargets.model_validate({"send_to": address}).listed() == [address]

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "a b@c.example",
            "a@",
            "@b.example",
            "a@b..example",
            "a@-b.example",
            "a@b.example\r\nBcc: x@y.example",
            "Ann <a@b.example>",
            f"{'x' * 65}@y.example",  # RFC 5321 4.5.3.1.1
            f"a@{'x' * 63}.{'y' * 63}.{'z' * 63}.{'w' * 63}",  # longer than a path
        ],
    )
    def test_invalid_addresses(self, address: str) -> None:
        for send_to in (address, [address]):
            with pytest.raises(ValidationError):
                MailTargets.model_validate({"send_to": send_to})


class TestSmsTargets:
    @pytest.mark.parametrize("number", ["+353 1 555-0100", "5550100", "00353(1)555/01.00"])
    def test_valid_numbers(self, number: str) -> None:
        assert SmsTargets(send_to=number).listed() == [number]

    @pytest.mark.parametrize("number", ["", "+", "1", "(1) 555", "1 555 0100 x2", "1" * 33])
    def test_invalid_numbers(self, number: str) -> None:
        for send_to in (number, [number]):
            with pytest.raises(ValidationError):
                SmsTargets.model_validate({"send_to": send_to})


@pytest.mark.parametrize("cls", [MailTargets, SmsTargets])
def test_a_list_has_a_greatest_length(cls: type[MailTargets | SmsTargets]) -> None:
    recipient = "a@b.example" if cls is MailTargets else "5550100"
    most = [recipient] * MAX_RECIPIENTS
    assert cls.model_validate({"send_to": most}).listed() == most
    with pytest.raises(ValidationError, match="at most 50"):
        cls.model_validate({"send_to": [*most, recipient]})


class TestNotifications:
    def test_recipients_of_both_channels(self) -> None:
        found = Notifications.model_validate(
            {"email": {"send_to": "a@b.example"}, "sms": {"send_to": ["22"]}}
        )
        assert found.mail_addresses() == ["a@b.example"]
        assert found.phone_numbers() == ["22"]

    def test_without_a_field(self) -> None:
        assert Notifications().mail_addresses() == []
        assert Notifications().phone_numbers() == []
        assert FaxboxNotifications().as_dict() == {}

    @pytest.mark.parametrize("language", ["en", "de-AT", "zh-Hant"])
    def test_languages(self, language: str) -> None:
        assert Notifications(language=language).language == language

    @pytest.mark.parametrize("language", ["", "English", "../en", "e"])
    def test_invalid_languages(self, language: str) -> None:
        with pytest.raises(ValidationError):
            DirectionNotifications(language=language)


class TestCallback:
    def test_a_new_one_gets_a_secret_and_a_normal_url(self) -> None:
        one, other = (Callback.model_validate({"url": "https://A.example"}) for _ in range(2))
        assert one.url == "https://a.example/"
        assert (one.method, one.type) == ("post", "json")
        assert one.secret
        assert other.secret
        assert one.secret != other.secret
        assert len(signing_key(one.secret)) == 32

    @pytest.mark.parametrize("empty", [None, ""])
    def test_an_empty_secret_is_replaced(self, empty: str | None) -> None:
        found = Callback.model_validate({"url": URL, "secret": empty})
        assert found.secret
        assert found.secret.startswith("whsec_")

    def test_a_given_secret_stays(self) -> None:
        assert Callback.model_validate({"url": URL, "secret": SECRET}).secret == SECRET

    @pytest.mark.parametrize(
        "fields",
        [
            {"url": "ftp://a.example/"},
            {"url": "a.example"},
            {"url": URL, "method": "get"},
            {"url": URL, "type": "xml"},
            {"secret": SECRET},  # no URL
        ],
    )
    def test_invalid_fields(self, fields: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            Callback.model_validate(fields)

    @pytest.mark.parametrize("secret", ["whsec_", "x" * 32, "whsec_AAAA", "whsec_" + "!" * 40])
    def test_an_invalid_secret_is_refused_and_not_shown(self, secret: str) -> None:
        with pytest.raises(ValidationError) as caught:
            Callback.model_validate({"url": URL, "secret": secret})
        (error,) = caught.value.errors(include_input=False)
        assert "whsec_ and the base64 of 24 to 64 bytes" in error["msg"]
        assert secret not in error["msg"].replace("whsec_ and", "")

    def test_a_stored_one_is_not_given_a_secret(self) -> None:
        """Its receiver would not know it."""
        found = Callback.model_validate({"url": URL}, context=STORED)
        assert found.secret is None

    def test_a_stored_one_with_an_invalid_secret_is_not_called(self) -> None:
        stored = {"callback": {"url": URL, "secret": "whsec_AAAA"}, "language": "de"}
        assert DirectionNotifications.from_stored(stored).as_dict() == {"language": "de"}
        good = {"callback": {"url": URL, "secret": SECRET}}
        assert DirectionNotifications.from_stored(good).as_dict() == good
