"""Webhooks and notifications as models. Pure."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from fsfax.api.webhook_models import (
    NotificationAction,
    NotificationQuery,
    WebhookAction,
    WebhookBody,
    WebhookChange,
    WebhookEvent,
)
from fsfax.notify.events import EVENTS
from fsfax.values.webhook_secret import new_secret

URL = "https://example.org/hook"


def test_every_event_can_be_chosen() -> None:
    assert [event.value for event in WebhookEvent] == list(EVENTS)
    assert WebhookBody(url=URL, events=list(EVENTS)).events == list(EVENTS)  # type: ignore[arg-type]


def test_the_defaults_of_a_new_webhook() -> None:
    body = WebhookBody(url=URL)
    assert (body.form, body.events, body.enabled, body.secret) == ("json", [], True, None)


@pytest.mark.parametrize(
    "change",
    [
        {"url": "ftp://example.org"},
        {"url": "https://example.org/\r\nX: y"},
        {"form": "xml"},
        {"events": ["fax.in.nonsense"]},
        {"events": [EVENTS[0]] * (len(EVENTS) + 1)},
        {"secret": "short"},
        {"other": 1},
    ],
)
@pytest.mark.parametrize("model", [WebhookBody, WebhookChange])
def test_values_that_are_refused(model: type[Any], change: dict[str, Any]) -> None:
    model.model_validate({"url": URL, "secret": new_secret()})
    with pytest.raises(ValidationError):
        model.model_validate({"url": URL, **change})


def test_a_change_contains_the_given_fields_alone() -> None:
    change = WebhookChange.model_validate({"secret": None, "enabled": False})
    assert change.model_dump(exclude_unset=True) == {"secret": None, "enabled": False}


def test_actions_and_states() -> None:
    assert WebhookAction.model_validate({"action": "test"}).action == "test"
    assert NotificationAction.model_validate({"action": "repeat"}).action == "repeat"
    for model, values in (
        (WebhookAction, {"action": "repeat"}),
        (NotificationAction, {}),
        (NotificationQuery, {"state": "lost"}),
    ):
        with pytest.raises(ValidationError):
            model.model_validate(values)
