"""Webhooks and notifications over HTTP, and their deliveries, in a running service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from fsfax.api.webhook_models import WebhookMessage
from fsfax.values.webhook_secret import new_secret
from tests.api.conftest import ServiceFactory
from tests.api.service import Service, until
from tests.notify.mailbox import Mailbox, parts
from tests.notify.receiver import Answer, Receiver


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        yield mailbox


@pytest.fixture(scope="module")
def service(new_service: ServiceFactory, mailbox: Mailbox) -> Service:
    notify = {
        "relay": {"host": "127.0.0.1", "port": mailbox.port},
        "webhook": {"allow_private": True, "total": 2},
        "delay": 0.1,
        "max_delay": 0.1,
        "lease": 2,
        "sms": {"gateway": "log"},
    }
    service = new_service(notify=json.dumps(notify))
    service.accounts.change(service.account, numbers=["15550123"])
    return service


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def make(service: Service, code: int = 201, **data: Any) -> Any:
    answer = service.client.put("/webhooks", json={"data": data})
    assert answer.status_code == code, answer.text
    return answer.json()["data"]


class TestWebhooks:
    def test_created_tested_changed_and_removed(self, service: Service, receiver: Receiver) -> None:
        made = make(service, url=receiver.url(), events=["fax.in.completed"])
        place, secret = f"/webhooks/{made['id']}", made["secret"]
        assert made == {
            "id": made["id"], "url": receiver.url(), "form": "json", "enabled": True,
            "events": ["fax.in.completed"], "created": made["created"], "secret": secret,
        }  # fmt: skip
        del made["secret"]
        assert service.get(place) == made, "the secret is shown once"
        assert made in service.get("/webhooks")

        tried = service.client.put(place, json={"action": "test"}).json()["data"]
        assert tried == {"delivered": True, "problem": ""}
        (call,) = receiver.wait(1)
        assert Verifier(secret).verify(call.body, call.headers)["type"] == "webhook.test"
        receiver.answer = lambda _: Answer(500, body=b"broken")
        tried = service.client.put(place, json={"action": "test"}).json()["data"]
        assert tried == {"delivered": False, "problem": "HTTP response 500: broken"}

        change = {"enabled": False, "form": "form", "secret": None}
        changed = service.client.patch(place, json={"data": change}).json()["data"]
        assert changed.pop("secret") not in ("", secret, None)
        assert changed == made | {"enabled": False, "form": "form"}
        assert service.client.delete(place).status_code == 200
        for method in ("GET", "DELETE", "PATCH", "PUT"):
            body = {"data": {}, "action": "test"}
            assert service.client.request(method, place, json=body).status_code == 404

    @pytest.mark.parametrize(
        "data",
        [
            {},
            {"url": "ftp://a.org"},
            {"url": "https://a.org\r\nX: y"},
            {"url": "https://"},
            {"url": "https://a.org", "secret": "whsec_short"},
            {"url": "https://a.org", "secret": 7},
            {"url": "https://a.org", "events": ["fax.seen"]},
            {"url": "https://a.org", "form": "xml"},
            {"url": "https://a.org", "other": 1},
        ],
    )
    def test_webhooks_that_are_refused(self, service: Service, data: dict[str, Any]) -> None:
        make(service, 400, **data)

    def test_the_number_of_webhooks_is_limited(self, service: Service) -> None:
        account = service.accounts.create("many").id
        headers = {"X-Auth-Token": service.new_token(account)}
        url = f"{service.url}/v2/accounts/{account}/webhooks"
        codes = [
            service.anyone.put(
                url, headers=headers, json={"data": {"url": f"https://a.org/{n}"}}
            ).status_code
            for n in range(21)
        ]
        assert codes == [201] * 20 + [400]

    def test_a_password_in_the_url_is_not_shown(self, service: Service) -> None:
        secret = new_secret()
        made = make(service, url="https://me:s3cret@a.org/x", secret=secret, enabled=False)
        assert made["secret"] == secret
        assert made["url"] == "https://a.org/x"
        assert "s3cret" not in service.client.get("/webhooks").text


def test_a_fax_that_is_sent_and_received(
    service: Service, mailbox: Mailbox, receiver: Receiver, letter: Path
) -> None:
    """Sent and received through the softswitch: a mail with the PDF, and signed messages."""
    hook = make(service, url=receiver.url())
    inbound = {"inbound": {"email": {"send_to": "in@b.org"}}}
    box = {"name": "Desk", "notifications": inbound, "numbers": ["15550177"]}
    assert service.client.put("/faxboxes", json={"data": box}).status_code == 201
    notify = {"notifications": {"email": {"send_to": ["out@b.org"]}, "sms": {"send_to": "155501"}}}
    made = service.send(letter, "15550177", from_name="=?utf-8?q?=0A?= \u202eevil", **notify)
    service.over(made["id"])
    mails = {mail["to"]: mail for mail in mailbox.wait(2)}
    for to, word in (("out@b.org", "Fax sent to 15550177"), ("in@b.org", "Fax from")):
        mail = mails[to]
        assert mail["subject"].startswith(word)
        assert mail["subject"].isprintable()
        found = parts(mail)
        (pdf,) = [n for n in found if n.endswith(".pdf") and "report" not in n]
        assert found[pdf].startswith(b"%PDF")
        assert found["page1.png"].startswith(b"\x89PNG")
    calls = receiver.wait(2)
    bodies = [Verifier(hook["secret"]).verify(call.body, call.headers) for call in calls]
    for body in bodies:
        WebhookMessage.model_validate(body)  # as the description says
    by_type = {body["type"]: body["data"] for body in bodies}
    assert set(by_type) == {"fax.out.completed", "fax.in.completed"}
    assert by_type["fax.out.completed"]["fax"]["id"] == made["id"]
    for data in by_type.values():
        link = data["links"]["attachment"]
        got = service.anyone.get(service.url + link, headers={"X-Auth-Token": service.token})
        assert got.content.startswith(b"%PDF"), "the link leads to the document"

    def settled() -> Any:
        found = service.get("/notifications", fax_id=made["id"])
        return found if {each["status"] for each in found} == {"done"} else None

    about = until(settled, "all are delivered")
    assert {each["channel"] for each in about} == {"mail", "webhook", "sms"}
    (by_mail,) = [each for each in about if each["channel"] == "mail"]
    assert by_mail == service.get(f"/notifications/{by_mail['id']}")
    assert mails["out@b.org"]["message-id"].startswith(f"<{by_mail['id']}@")

    again = service.client.put(f"/notifications/{by_mail['id']}", json={"action": "repeat"})
    assert again.json()["data"]["status"] == "open"
    assert mailbox.wait(3)[2]["message-id"] == mails["out@b.org"]["message-id"]
    service.client.delete(f"/webhooks/{hook['id']}")
    assert "sms_only_logged" in service.log.read_text()
    assert "\u202e" not in service.log.read_text()


def test_dead_letters_and_metrics(service: Service, receiver: Receiver, letter: Path) -> None:
    made = make(service, url=receiver.url("/gone"), events=["fax.out.completed"])
    receiver.answer = lambda _: Answer(410)
    id = service.send(letter, "15550123")["id"]
    service.over(id)
    (dead,) = until(lambda: service.get("/notifications", state="dead"), "it is given up")
    assert (dead["event"], dead["problem"][:17]) == ("fax.out.completed", "HTTP response 410")
    assert service.get("/notifications", state="open") == []
    assert not service.get(f"/webhooks/{made['id']}")["enabled"]
    wrong = service.client.get("/notifications", params={"start_key": "bXNnXzE="})
    assert wrong.status_code == 400
    assert service.client.get("/notifications", params={"state": "lost"}).status_code == 400
    page = service.client.get("/notifications", params={"page_size": "1"}).json()
    more = service.get("/notifications", start_key=page["next_start_key"])
    assert page["data"][0]["id"] not in {each["id"] for each in more}
    metrics = service.anyone.get(f"{service.url}/metrics").text
    assert 'fsfax_deliveries_total{channel="mail",outcome="delivered"}' in metrics
    assert 'fsfax_deliveries_total{channel="webhook",outcome="dead"} 1.0' in metrics
    assert "fsfax_dead_letters 1.0" in metrics
    assert "fsfax_outbox 0.0" in metrics


def test_a_process_that_is_killed_during_a_delivery(
    service: Service, mailbox: Mailbox, letter: Path
) -> None:
    """SIGKILL during the delivery of a mail: the next process delivers it, at least once."""
    import signal

    before = len(mailbox.mails)
    id = service.send(letter, "15550123", notifications={"email": {"send_to": "kill@b.org"}})["id"]
    service.over(id)
    service.again(signal.SIGKILL)

    def arrived() -> Any:
        return [mail for mail in mailbox.mails[before:] if mail["to"] == "kill@b.org"]

    mails = until(arrived, "the mail is here", 120)
    assert len({mail["message-id"] for mail in mails}) == 1
