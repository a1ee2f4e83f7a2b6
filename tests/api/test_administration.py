"""Accounts, tokens, faxboxes and the mail log over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from fsfax.accounts.tokens import Scope
from fsfax.values.webhook_secret import new_secret
from tests.api.application import Application
from tests.api.service import problem


def test_the_scope_admin_permits_everything(application: Application) -> None:
    other = application.accounts.create("other").id
    admin = application.new_token(None, Scope.ADMIN)
    headers = {"X-Auth-Token": admin}
    for path in ("", f"/{other}/faxes/outgoing", f"/{other}/tokens"):
        assert (
            application.anyone.get(
                f"{application.url}/v2/accounts{path}", headers=headers
            ).status_code
            == 200
        )
    made = application.anyone.put(
        f"{application.url}/v2/accounts", headers=headers, json={"data": {"name": "third"}}
    )
    assert made.status_code == 201, made.text
    account = made.json()["data"]["id"]
    tokens = f"{application.url}/v2/accounts/{account}/tokens"
    given = application.anyone.put(tokens, headers=headers, json={"data": {"scopes": ["read"]}})
    assert given.headers["Cache-Control"] == "no-store"
    token = given.json()["data"]
    own = {"Authorization": f"Bearer {token['secret']}"}
    inbox = f"{application.url}/v2/accounts/{account}/faxes/inbox"
    assert application.anyone.get(inbox, headers=own).status_code == 200
    listed = application.anyone.get(tokens, headers=headers).text
    assert token["id"] in listed
    assert token["secret"] not in listed
    assert application.anyone.delete(f"{tokens}/{token['id']}", headers=headers).status_code == 200
    late = application.anyone.get(inbox, headers=own)
    assert (late.status_code, late.json()["message"]) == (401, "token expired")


class TestFaxboxes:
    def test_rules_for_inbound_faxes(self, application: Application) -> None:
        data = {
            "name": "a",
            "numbers": ["+353 1 777 0100"],
            "callers": {"allow": ["+353 1*"], "block": ["Anonymous"]},
            "forward_to": "+1 555 0111",
            "retention_days": 30,
            "notifications": {"inbound": {"email": {"send_to": ["a@example.org"]}}},
            "smtp_permission_list": [".*@example.org"],
            "media": {"fax_option": "auto"},
        }
        box = application.client.put("/faxboxes", json={"data": data}).json()["data"]
        assert box["numbers"] == ["+35317770100"]
        assert box["callers"] == {"allow": ["+3531*"], "block": ["anonymous"]}
        assert {name: box[name] for name in ("forward_to", "retention_days", "media")} == {
            name: data[name] for name in ("forward_to", "retention_days", "media")
        }
        path = f"/faxboxes/{box['id']}"
        shown = application.client.get(path).json()["data"]
        assert shown == box
        for change, field in (
            ({"callers": {"block": ["+353*1"]}}, "callers.block"),
            ({"callers": {"deny": []}}, "callers.deny"),
            ({"callers": ["+353"]}, "callers"),
            ({"forward_to": "nobody"}, "forward_to"),
            ({"retention_days": 0}, "retention_days"),
            ({"retention_days": "soon"}, "retention_days"),
            ({"numbers": ["no number"]}, "numbers"),
            ({"caller_id": "nobody"}, "caller_id"),
            ({"fax_identity": "x" * 21}, "fax_identity"),
            ({"media": {"fax_option": "maybe"}}, "media.fax_option"),
        ):
            errors = problem(application.client.patch(path, json={"data": change}), 400)
            assert any(name.startswith(field) for name in errors), errors
        itself = {"data": {"forward_to": "00353 1 7770100"}}
        assert application.client.patch(path, json=itself).status_code == 400
        taken = application.client.put(
            "/faxboxes", json={"data": {"name": "b", "numbers": ["0035317770100"]}}
        )
        assert taken.status_code in (400, 409), taken.text
        changed = application.client.patch(path, json={"data": {"callers": None}}).json()["data"]
        assert "callers" not in changed
        assert changed["retention_days"] == 30
        assert application.client.delete(path).status_code == 200

    def test_every_method(self, application: Application) -> None:
        made = application.client.put("/faxboxes", json={"data": {"name": "a", "flags": ["x"]}})
        assert made.status_code == 201
        box = made.json()["data"]
        path = f"/faxboxes/{box['id']}"
        assert box["smtp_email_address"]
        changed = application.client.patch(path, json={"data": {"caller_id": "1", "flags": None}})
        assert (changed.json()["data"]["caller_id"], changed.json()["data"]["name"]) == ("1", "a")
        assert "flags" not in changed.json()["data"]
        problem(application.client.patch(path, json={"data": {"retries": 9}}), 400)
        problem(application.client.put("/faxboxes", json={"data": {}}), 400)
        replaced = application.client.post(path, json={"data": {"name": "b"}}).json()["data"]
        assert replaced["name"] == "b"
        assert "caller_id" not in replaced
        assert replaced["smtp_email_address"] == box["smtp_email_address"]
        assert box["id"] in [row["id"] for row in application.get("/faxboxes")]
        custom = {"custom_smtp_email_address": "ward.example.com"}
        assert application.client.patch(path, json={"data": custom}).status_code == 200
        taken = application.client.put("/faxboxes", json={"data": {"name": "c", **custom}})
        assert "unique" in problem(taken, 400)["custom_smtp_email_address"]
        assert application.client.delete(path).status_code == 200
        problem(application.client.get(path), 404)

    def test_the_secret_of_a_callback_is_generated_and_stays(
        self, application: Application
    ) -> None:
        def notify(**more: Any) -> dict[str, Any]:
            callback = {"url": "https://a.org/x", **more}
            return {"inbound": {"callback": callback}}

        data = {"name": "Desk", "notifications": notify()}
        made = application.client.put("/faxboxes", json={"data": data}).json()["data"]
        callback = made["notifications"]["inbound"]["callback"]
        assert callback["secret"].startswith("whsec_")
        place = f"/faxboxes/{made['id']}"
        for method, sent in (
            ("POST", data),
            ("PATCH", {"notifications": notify(type="www-url-form-encoded")}),
            ("PATCH", {"retries": 2}),
        ):
            answer = application.client.request(method, place, json={"data": sent})
            assert answer.status_code == 200, answer.text
            shown = application.get(place)["notifications"]["inbound"]["callback"]
            assert shown["secret"] == callback["secret"]
        own = new_secret()
        application.client.patch(place, json={"data": {"notifications": notify(secret=own)}})
        assert application.get(place)["notifications"]["inbound"]["callback"]["secret"] == own

    @pytest.mark.parametrize(
        "notifications",
        [
            {"inbound": {"email": {"send_to": "a@b.org\r\nBcc: c@d.org"}}},
            {"inbound": {"email": {"send_to": ["a@b.org", "a b@c.org"]}}},
            {"outbound": {"email": {"send_to": "<a@b.org>"}}},
            {"outbound": {"sms": {"send_to": "1;2"}}},
            {"outbound": {"email": {"send_to": [f"a{n}@b.org" for n in range(51)]}}},
            {"inbound": {"callback": {"url": "file:///etc/passwd"}}},
            {"inbound": {"callback": {"url": "https://a.org", "secret": "x"}}},
            {"inbound": {"callback": {"url": "https://a.org", "method": "get"}}},
            {"language": "../x"},
        ],
    )
    def test_recipients_that_are_refused(
        self, application: Application, notifications: Any
    ) -> None:
        data = {"name": "Desk", "notifications": notifications}
        assert application.client.put("/faxboxes", json={"data": data}).status_code == 400


class TestAccounts:
    @pytest.fixture(scope="class")
    @classmethod
    def admin(cls, application: Application) -> dict[str, str]:
        return {"X-Auth-Token": application.new_token(None, Scope.ADMIN)}

    def test_created_shown_and_changed(
        self, application: Application, admin: dict[str, str]
    ) -> None:
        data = {"name": "Clinic", "max_calls": 2, "numbers": ["+353 1 888 0100"]}
        made = application.anyone.put("/v2/accounts", headers=admin, json={"data": data})
        assert made.status_code == 201, made.text
        account = made.json()["data"]
        assert made.headers["Location"] == f"/v2/accounts/{account['id']}"
        assert account["numbers"] == ["+35318880100"]
        path = f"/v2/accounts/{account['id']}"
        change = {"data": {"name": "Ward", "max_calls": None}}
        changed = application.anyone.patch(path, headers=admin, json=change).json()["data"]
        assert changed == account | {"name": "Ward"}, "null leaves a field as it is"
        assert application.anyone.get(path, headers=admin).json()["data"] == changed
        listed = application.anyone.get("/v2/accounts", headers=admin).json()["data"]
        assert changed in listed

    @pytest.mark.parametrize(
        ("data", "field"),
        [
            ({}, "name"),
            ({"name": ""}, "name"),
            ({"name": "x", "max_calls": -1}, "max_calls"),
            ({"name": "x", "nonsense": 1}, "nonsense"),
        ],
    )
    def test_accounts_that_are_refused(
        self,
        application: Application,
        admin: dict[str, str],
        data: dict[str, Any],
        field: str,
    ) -> None:
        answer = application.anyone.put("/v2/accounts", headers=admin, json={"data": data})
        assert field in problem(answer, 400)

    def test_unknown_accounts_and_tokens(
        self, application: Application, admin: dict[str, str]
    ) -> None:
        missing = f"/v2/accounts/{'0' * 32}"
        problem(application.anyone.get(missing, headers=admin), 404)
        problem(application.anyone.patch(missing, headers=admin, json={"data": {}}), 404)
        problem(application.anyone.put(f"{missing}/tokens", headers=admin, json={}), 404)
        token = f"/v2/accounts/{application.account}/tokens/{'0' * 16}"
        problem(application.anyone.delete(token, headers=admin), 404)


def test_the_log_of_mails(application: Application) -> None:
    errors = ["no valid attachment", "too large"]
    record = application.smtplog.add(
        from_address="a@b", to_address="1@c", account_id=application.account, errors=errors
    )
    (row,) = application.get("/faxes/smtplog")
    assert (row["from"], row["to"], row["error"]) == ("a@b", "1@c", "no valid attachment")
    shown = application.get(f"/faxes/smtplog/{record.id}")
    assert (shown["errors"], shown["job_ids"]) == (errors, [])
    problem(application.client.get(f"/faxes/smtplog/{'0' * 32}"), 404)
