"""Messages to webhooks: signed, as JSON or as a form, to allowed addresses."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook as Verifier

from fsfax.accounts.faxboxes import Faxboxes
from fsfax.api import fax_view
from fsfax.db.database import Database
from fsfax.db.schema import outbox
from fsfax.notify.deliveries import Deliveries
from fsfax.notify.fax_context import read_job
from fsfax.notify.send_result import Delivered, Rejected, RetryLater
from fsfax.notify.subscriptions import Webhooks
from fsfax.notify.webhook import WebhookSender, send_test
from fsfax.values.webhook_secret import new_secret
from tests.api.service import until
from tests.jobs.results import TROUBLE
from tests.notify.dispatchers import MAIL, Send, dispatcher, settings, states
from tests.notify.receiver import Answer, Receiver


class TestDispatched:
    def test_a_webhook_gets_a_signed_message_with_the_fax(
        self, database_url: str, receiver: Receiver, sent: Send, database: Database, account: str
    ) -> None:
        hook = Webhooks(database).create(account, receiver.url("/hook?a=b"))
        job_id = sent(fields={"labels": ["x"], "notifications": MAIL})
        with dispatcher(settings(database_url)):
            (call,) = receiver.wait(1)
        assert (call.method, call.path) == ("POST", "/hook?a=b")
        assert call.headers["content-type"] == "application/json"
        body = Verifier(hook.secret).verify(call.body, call.headers)
        assert body["type"] == "fax.out.completed"
        data = body["data"]
        assert (data["account_id"], data["faxbox_id"]) == (account, None)
        assert data["fax"]["id"] == job_id
        assert data["fax"]["tx_result"]["pages_sent"] == 3
        assert data["fax"]["labels"] == ["x"]
        assert "notifications" not in data["fax"]
        place = f"/v2/accounts/{account}/faxes/outbox/{job_id}"
        assert data["links"] == {"fax": place, "attachment": f"{place}/attachment"}
        with database.read() as connection:
            at = connection.execute(select(outbox.c.created_at)).scalar_one()
        assert body["timestamp"] == at.isoformat().replace("+00:00", "Z")

    def test_the_callback_of_a_faxbox_as_a_form(
        self, sqlite: str, receiver: Receiver, sent: Send, boxes: Faxboxes, account: str
    ) -> None:
        secret = new_secret()
        callback = {
            "url": receiver.url(), "method": "put", "type": "www-url-form-encoded", "secret": secret
        }  # fmt: skip
        notify = {"notifications": {"outbound": {"callback": callback}}}
        box = boxes.create(account, {"name": "Clinic", **notify})
        sent(faxbox_id=box.id)
        with dispatcher(settings(sqlite)):
            (call,) = receiver.wait(1)
        assert call.method == "PUT"
        assert call.headers["content-type"] == "application/x-www-form-urlencoded"
        assert f"data.faxbox_id={box.id}".encode() in call.body
        with pytest.raises(json.JSONDecodeError):  # the signature is good; it is no JSON
            Verifier(secret).verify(call.body, call.headers)

    def test_a_receiver_that_is_gone_gets_no_second_request(
        self, database_url: str, receiver: Receiver, sent: Send, database: Database, account: str,
        seen: Deliveries,
    ) -> None:  # fmt: skip
        hook = Webhooks(database).create(account, receiver.url())
        receiver.answer = lambda _: Answer(410, body=b"moved\r\naway")
        sent()
        with dispatcher(settings(database_url)):
            until(lambda: states(seen, account) == {"dead": 1}, "it is given up")
            (dead,) = seen.list(account).deliveries
            assert "410: moved away" in dead.problem
            assert not Webhooks(database).get(hook.id).enabled
            sent()
            until(lambda: not seen.waiting().unexpanded, "the next one has no recipient")
            assert len(seen.list(account).deliveries) == 1
            seen.repeat(dead.id)
            until(lambda: seen.get(dead.id).problem == "the webhook is disabled", "it is not sent")
        assert len(receiver.calls) == 1

    def test_a_redirect_is_not_followed(
        self, sqlite: str, receiver: Receiver, sent: Send, database: Database, account: str,
        seen: Deliveries,
    ) -> None:  # fmt: skip
        Webhooks(database).create(account, receiver.url())
        receiver.answer = lambda _: Answer(302, {"Location": receiver.url("/other")})
        sent()
        with dispatcher(settings(sqlite, webhook={"refusals": 1})):
            until(lambda: states(seen, account) == {"dead": 1}, "it is given up")
        assert [call.path for call in receiver.calls] == ["/hook"]

    def test_private_networks_are_forbidden(
        self, sqlite: str, receiver: Receiver, sent: Send, database: Database, account: str,
        seen: Deliveries,
    ) -> None:  # fmt: skip
        Webhooks(database).create(account, receiver.url())
        sent()
        with dispatcher(settings(sqlite, webhook={"allow_private": False})):
            until(lambda: states(seen, account) == {"dead": 1}, "it is given up")
        assert "notify.webhook.allow_networks" in seen.list(account).deliveries[0].problem
        assert receiver.calls == []

    def test_a_message_about_a_retry_has_reason_and_time(
        self, sqlite: str, receiver: Receiver, sent: Send, database: Database, account: str
    ) -> None:
        Webhooks(database).create(account, receiver.url(), events=["fax.out.retrying"])
        sent(result=TROUBLE, retries=2)
        with dispatcher(settings(sqlite)):
            (call,) = receiver.wait(1)
        data = json.loads(call.body)["data"]
        assert data["reason"]
        assert data["next_attempt_at"]
        assert data["fax"]["status"] == "pending"
        assert set(data["links"]) == {"fax"}
        assert "/outgoing/" in data["links"]["fax"]


def test_a_test_message_is_signed(receiver: Receiver, database: Database, account: str) -> None:
    hook = Webhooks(database).create(account, receiver.url("/x"), enabled=False)
    options = settings("sqlite://")
    assert send_test(hook, options) == Delivered()
    (call,) = receiver.wait(1)
    body = Verifier(hook.secret).verify(call.body, call.headers)
    assert body["type"] == "webhook.test"
    assert body["data"] == {"account_id": account, "webhook_id": hook.id}
    receiver.down = True
    assert send_test(hook, options) == RetryLater("HTTP response 503")


def test_a_test_message_is_sent_to_allowed_addresses_alone(
    receiver: Receiver, database: Database, account: str
) -> None:
    hook = Webhooks(database).create(account, receiver.url())
    result = send_test(hook, settings("sqlite://", webhook={"allow_private": False}))
    assert isinstance(result, Rejected)
    assert "notify.webhook.allow_networks" in result.problem
    assert receiver.calls == []


def test_a_delivery_of_a_removed_webhook_is_rejected(
    database: Database, deliveries: Deliveries, sent: Send, receiver: Receiver, account: str
) -> None:
    hooks = Webhooks(database)
    hook = hooks.create(account, receiver.url())
    job = read_job(database, sent())
    deliveries.expand(50)
    (delivery,) = deliveries.list(account).deliveries
    sender = WebhookSender(
        settings("sqlite://"), hooks, fax_view.shown, lambda function, *args: function(*args)
    )
    hooks.change(hook.id, {"enabled": False})
    assert sender.send(delivery, job) == Rejected("the webhook is disabled")
    hooks.change(hook.id, {"enabled": True})
    assert sender.send(delivery, job) == Delivered()
    hooks.remove(hook.id)
    assert sender.send(delivery, job) == Rejected("the webhook was removed")
    assert [call.headers["webhook-id"] for call in receiver.calls] == [delivery.id]
