"""Section ``notify``: mails, short messages, webhooks."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fsfax.settings import NotifySettings, RelaySettings, SmsSettings, WebhookSettings


def test_secrets_are_not_shown() -> None:
    settings = NotifySettings.model_validate(
        {"relay": {"password": "hush-hush"}, "sms": {"token": "hush-hush"}}
    )
    assert "hush-hush" not in repr(settings) + settings.model_dump_json()
    assert settings.relay.password.get_secret_value() == "hush-hush"


@pytest.mark.parametrize("language", ["en", "de-AT", "pt-BR"])
def test_languages(language: str) -> None:
    assert NotifySettings(language=language).language == language


@pytest.mark.parametrize("language", ["", "../x", "EN", "de_AT", "english"])
def test_languages_that_are_refused(language: str) -> None:
    """The language is part of the path of a template."""
    with pytest.raises(ValidationError, match="language"):
        NotifySettings(language=language)


@pytest.mark.parametrize("sender", ["fax", "a@b\r\nBcc: c@d", "a b@c", "@b", "a@"])
def test_a_sender_that_is_no_address(sender: str) -> None:
    with pytest.raises(ValidationError, match="sender"):
        RelaySettings(sender=sender)


def test_a_webhook_may_not_reach_private_networks_and_a_gateway_may() -> None:
    assert not WebhookSettings().allow_private
    assert SmsSettings().allow_private
    assert (WebhookSettings.section, SmsSettings.section) == ("notify.webhook", "notify.sms")


def test_the_attempts_of_a_delivery_take_three_days() -> None:
    notify = NotifySettings()
    pauses = [
        min(notify.delay * notify.factor**n, notify.max_delay) for n in range(notify.max_tries - 1)
    ]
    assert 2.9 < sum(pauses) / 86400 < 3.2
