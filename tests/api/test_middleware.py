"""Accounts, scopes, tokens and rate limits, with every operation of the API's description."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from fsfax.accounts.faxboxes import Faxboxes
from fsfax.accounts.tokens import Scope
from fsfax.db import transitions
from fsfax.mail.smtplog import SmtpLog
from fsfax.notify.deliveries import Deliveries
from fsfax.notify.subscriptions import Webhooks
from tests.api.conftest import ServiceFactory
from tests.api.service import Service

LATER = "2099-01-01T00:00:00Z"
METHODS = ("get", "put", "post", "patch", "delete")


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    operation: dict[str, Any]

    @property
    def scope(self) -> str | None:
        found = re.search(r"scope `(\w+)`", self.operation.get("description", ""))
        return found[1] if found else None

    @property
    def is_stream(self) -> bool:
        return self.path.endswith("/events")


@dataclass(frozen=True)
class Theirs:
    """The objects of another account: an id for each name in a path."""

    account: str
    token: str
    ids: dict[str, str]


@pytest.fixture(scope="module")
def service(new_service: ServiceFactory) -> Service:
    return new_service("--api-only")


@pytest.fixture(scope="module")
def calls(service: Service) -> list[Call]:
    paths = service.anyone.get(f"{service.url}/openapi.json").json()["paths"]
    found = [
        Call(method, path, operations[method])
        for path, operations in paths.items()
        for method in METHODS
        if method in operations
    ]
    assert len(found) > 40
    return found


@pytest.fixture(scope="module")
def theirs(service: Service, letter: Path) -> Theirs:
    account = service.accounts.create("theirs").id
    token = service.new_token(account)
    box = Faxboxes(service.database).create(account, {"name": "theirs"})
    data = {"to_number": "15550100", "from_number": "1", "not_before": LATER}
    parts = [
        ("x", ("f.json", json.dumps({"data": data}).encode(), "application/json")),
        ("x", ("a.pdf", letter.read_bytes(), "application/pdf")),
    ]
    made = service.anyone.put(
        f"{service.url}/v2/accounts/{account}/faxboxes/{box.id}/faxes",
        files=parts,
        headers={"X-Auth-Token": token},
    )
    assert made.status_code == 201, made.text
    mail = SmtpLog(service.database).add(from_address="a@b.c", to_address="1@x", account_id=account)
    ids = {
        "fax_id": made.json()["data"]["id"],
        "faxbox_id": box.id,
        "attempt_id": mail.id,
        "token_id": service.tokens.list(account)[0].id,
        "webhook_id": Webhooks(service.database).create(account, "https://example.org/").id,
        "number": "1",
    }
    deliveries = Deliveries(service.database)
    with service.database.write() as connection:
        row = transitions.locked_row(connection, ids["fax_id"])
        transitions.enqueue_notification(connection, row, "fax_out_completed", row.created_at)
    deliveries.expand(50)
    ids["notification_id"] = deliveries.list(account).deliveries[0].id
    return Theirs(account, token, ids)


def ask(service: Service, call: Call, ids: dict[str, str], token: str | None) -> httpx.Response:
    path = call.path
    for name, id in ids.items():
        path = path.replace("{" + name + "}", id)
    assert "{" not in path, path
    body = {"data": {"to_number": "1", "from_number": "1", "name": "x"}, "action": "resubmit"}
    headers = {"X-Auth-Token": token} if token else {}
    with service.anyone.stream(
        call.method,
        service.url + path,
        headers=headers,
        json=body if "requestBody" in call.operation else None,
    ) as answer:
        if answer.status_code != 200 or not call.is_stream:
            answer.read()
        return answer


def snapshot(service: Service, theirs: Theirs) -> Iterator[Any]:
    yield service.store.list(theirs.account).jobs
    yield service.store.documents(theirs.ids["fax_id"])
    yield Faxboxes(service.database).list(theirs.account)
    yield service.tokens.list(theirs.account)
    yield service.accounts.get(theirs.account)
    yield Webhooks(service.database).list(theirs.account)
    yield Deliveries(service.database).list(theirs.account).deliveries


def test_another_account_is_forbidden(service: Service, calls: list[Call], theirs: Theirs) -> None:
    before = list(snapshot(service, theirs))
    for call in calls:
        if call.scope is None:
            continue
        mine = ask(service, call, {"account_id": theirs.account, **theirs.ids}, service.token)
        assert mine.status_code == 403, f"{call.method} {call.path}: {mine.text}"
        unknown = ask(service, call, {"account_id": "0" * 32, **theirs.ids}, service.token)
        assert unknown.status_code == 403, "the answer does not say whether it exists"
    assert list(snapshot(service, theirs)) == before


def test_ids_of_another_account_are_not_found(
    service: Service, calls: list[Call], theirs: Theirs
) -> None:
    before = list(snapshot(service, theirs))
    tried = 0
    for call in calls:
        if "_id}" not in call.path.replace("{account_id}", "") or call.scope == "admin":
            continue
        answer = ask(service, call, {"account_id": service.account, **theirs.ids}, service.token)
        assert answer.status_code == 404, f"{call.method} {call.path}: {answer.text}"
        assert theirs.account not in answer.text
        tried += 1
    assert tried > 25
    assert list(snapshot(service, theirs)) == before


def test_the_owner_has_access(service: Service, calls: list[Call], theirs: Theirs) -> None:
    """The ids of the tests above exist."""
    shown = 0
    for call in calls:
        if call.method == "get" and call.scope == "read" and "/inbox" not in call.path:
            owner = ask(service, call, {"account_id": theirs.account, **theirs.ids}, theirs.token)
            shown += owner.status_code == 200
    assert shown >= 15


@pytest.mark.parametrize(
    ("have", "lack"), [("read", "write"), ("write", "read"), ("write", "admin")]
)
def test_scopes(service: Service, calls: list[Call], have: str, lack: str) -> None:
    token = service.new_token(None, Scope(have))
    ids = {
        "account_id": service.account,
        "fax_id": f"202611-{'0' * 32}",
        "faxbox_id": "0" * 32,
        "attempt_id": "0" * 32,
        "token_id": "0" * 16,
        "webhook_id": "0" * 32,
        "notification_id": f"msg_{'0' * 32}",
        "number": "1",
    }
    for call in calls:
        if call.scope == lack:
            answer = ask(service, call, ids, token)
            assert answer.status_code == 403, f"{call.method} {call.path}"
        elif call.scope == have:
            answer = ask(service, call, ids, token)
            assert answer.status_code not in (401, 403), f"{call.method} {call.path}"


def test_without_a_good_token(service: Service, calls: list[Call], theirs: Theirs) -> None:
    ids = {"account_id": theirs.account, **theirs.ids}
    mangled = theirs.token[:-1] + ("A" if theirs.token[-1] != "A" else "B")
    for call in calls:
        for token in (None, mangled):
            answer = ask(service, call, ids, token)
            if call.scope is None:
                assert answer.status_code in (200, 503), call.path
            else:
                assert answer.status_code == 401, f"{call.method} {call.path}"
                assert answer.headers["WWW-Authenticate"] == "Bearer"
                envelope = answer.json()
                assert (envelope["status"], envelope["error"]) == ("error", "401")
                assert "auth_token" not in envelope


def test_places_of_a_token(service: Service) -> None:
    url = f"{service.url}/v2/accounts/{service.account}/faxes/inbox"
    basic = base64.b64encode(f"me:{service.token}".encode()).decode()
    for headers in (
        {"X-Auth-Token": service.token},
        {"Authorization": f"Bearer {service.token}"},
        {"Authorization": f"bearer  {service.token}"},
        {"Authorization": f"Basic {basic}"},
        {"Authorization": f"Basic {service.token}"},
        {"Authorization": service.token},
    ):
        answer = service.anyone.get(url, headers=headers)
        assert answer.status_code == 200, headers
        assert answer.json()["auth_token"] == service.token
    assert service.anyone.get(f"{url}?auth_token={service.token}").status_code == 200


def test_a_token_that_expired(service: Service) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    secret = service.tokens.create(service.account, expires_at=past)[1]
    url = f"{service.url}/v2/accounts/{service.account}/faxes/inbox"
    answer = service.anyone.get(url, headers={"X-Auth-Token": secret})
    assert (answer.status_code, answer.json()["message"]) == (401, "token expired")


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "fsfax_",
        "fsfax_0123456789abcdef_" + "A" * 43,
        "' OR 1=1 --",
        "%00",
        "ÿ" * 40,
        "A" * 7000,
    ],
)
def test_malformed_tokens(service: Service, token: str) -> None:
    url = f"{service.url}/v2/accounts/{service.account}/faxes/inbox"
    header = service.anyone.get(url, headers={"X-Auth-Token": token.encode()})
    assert header.status_code == 401
    assert service.anyone.get(url, params={"auth_token": token}).status_code == 401


class TestRate:
    @pytest.fixture(scope="class")
    @classmethod
    def service(cls, new_service: ServiceFactory) -> Service:
        return new_service("--api-only", api__rate=0.5, api__burst=5)

    def test_each_token_has_its_own_limit(self, service: Service) -> None:
        answers = [service.client.get("/faxes/inbox") for _ in range(8)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
        assert answers[-1].json()["message"] == "too_many_requests"
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 3
        other = service.anyone.get(
            f"{service.url}/v2/accounts/{service.account}/faxes/inbox",
            headers={"X-Auth-Token": service.new_token()},
        )
        assert other.status_code == 200
        assert service.anyone.get(f"{service.url}/healthz").status_code == 200

    def test_wrong_tokens_are_limited_by_address(self, service: Service) -> None:
        url = f"{service.url}/v2/accounts/{service.account}/faxes/inbox"
        codes = [
            service.anyone.get(url, headers={"X-Auth-Token": f"x{n}"}).status_code for n in range(8)
        ]
        assert codes == [401] * 5 + [429] * 3


def test_request_ids(service: Service) -> None:
    answer = service.client.get("/faxes/inbox", headers={"X-Request-ID": "abc-1"})
    assert (answer.headers["X-Request-ID"], answer.json()["request_id"]) == ("abc-1",) * 2
    lines = [line for line in service.log.read_text().splitlines() if "request=abc-1" in line]
    assert len(lines) == 1
    assert "method=GET" in lines[0]
    assert "status=200" in lines[0]
    hostile = service.client.get("/faxes/inbox", headers={"X-Request-ID": "a b\t<x>"})
    assert len(hostile.headers["X-Request-ID"]) == 32


def test_the_account_of_the_token(service: Service) -> None:
    answer = httpx.get(f"{service.url}/v2/account/faxes/inbox?auth_token={service.token}")
    assert answer.status_code == 200
    assert service.token not in service.log.read_text(), "a token is in the log"
