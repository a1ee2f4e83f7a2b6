"""The webhooks of accounts: their life, their limits, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from fsfax.accounts.accounts import Accounts
from fsfax.db.database import Database
from fsfax.errors import AccountNotFound, InvalidRequest, WebhookNotFound
from fsfax.notify.subscriptions import MAX_WEBHOOKS, Webhooks
from fsfax.values.webhook_secret import new_secret, require_secret
from tests.job_fixtures import Clock

OTHER = "0" * 32


@pytest.fixture
def hooks(database: Database, clock: Clock) -> Webhooks:
    return Webhooks(database, clock=clock)


def test_a_webhook_is_stored_changed_and_removed(
    hooks: Webhooks, account: str, clock: Clock
) -> None:
    made = hooks.create(account, "https://a.org/x", events=["fax.in.failed", "fax.in.failed"])
    assert (made.account_id, made.form, made.enabled) == (account, "json", True)
    assert made.events == ("fax.in.failed",)
    assert require_secret(made.secret) == made.secret
    assert made.created_at == made.modified_at == clock.now
    assert hooks.get(made.id, account) == made
    clock.move(60)
    changed = hooks.change(made.id, {"form": "form", "enabled": False, "secret": None}, account)
    assert (changed.form, changed.enabled, changed.url) == ("form", False, made.url)
    assert changed.secret not in ("", made.secret)
    assert (changed.created_at, changed.modified_at) == (made.created_at, clock.now)
    hooks.remove(made.id, account)
    assert hooks.list(account) == ()


def test_the_plain_values_have_no_secret(hooks: Webhooks, account: str) -> None:
    made = hooks.create(account, "https://a.org/x")
    shown = made.as_dict()
    assert set(shown) == {
        *("id", "account_id", "url", "form", "events", "enabled", "created_at", "modified_at"),
    }
    assert made.secret not in str(shown)


def test_the_list_begins_with_the_oldest(hooks: Webhooks, account: str, clock: Clock) -> None:
    urls = []
    for name in "cab":
        urls.append(hooks.create(account, f"https://{name}.org/").url)
        clock.move(1)
    assert [hook.url for hook in hooks.list(account)] == urls
    assert hooks.list(OTHER) == ()
    assert len(hooks.list()) == 3


def test_webhooks_of_other_accounts_are_not_found(hooks: Webhooks, account: str) -> None:
    made = hooks.create(account, "https://a.org/x")
    for call in (
        lambda: hooks.get(made.id, OTHER),
        lambda: hooks.change(made.id, {"enabled": False}, OTHER),
        lambda: hooks.remove(made.id, OTHER),
        lambda: hooks.get("x"),
        lambda: hooks.remove("x"),
    ):
        with pytest.raises(WebhookNotFound):
            call()
    assert hooks.get(made.id).enabled


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"url": "ftp://a.org/"}, "http"),
        ({"events": ["fax.seen"]}, "unknown event 'fax.seen'; there are fax.out.completed"),
        ({"events": ["webhook.test"]}, "unknown event"),
        ({"form": "xml"}, "json or form"),
        ({"secret": "whsec_short"}, "whsec_ and the base64"),
    ],
)
def test_invalid_values_are_refused_and_nothing_is_stored(
    hooks: Webhooks, account: str, wrong: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidRequest, match=why):
        hooks.create(account, **{"url": "https://a.org/x"} | wrong)
    assert hooks.list() == ()
    made = hooks.create(account, "https://a.org/x", secret=new_secret())
    with pytest.raises(InvalidRequest, match=why):
        hooks.change(made.id, wrong)
    assert hooks.list() == (made,)


def test_an_account_has_a_limit_of_webhooks(hooks: Webhooks, database: Database) -> None:
    first, second = (Accounts(database).create(name).id for name in ("first", "second"))
    for number in range(MAX_WEBHOOKS):
        hooks.create(first, f"https://a.org/{number}")
    with pytest.raises(InvalidRequest, match="at most 20 webhooks"):
        hooks.create(first, "https://a.org/more")
    assert hooks.create(second, "https://a.org/more").account_id == second


def test_a_webhook_needs_an_account(hooks: Webhooks) -> None:
    with pytest.raises(AccountNotFound):
        hooks.create(OTHER, "https://a.org/x")


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTPS://Example.ORG", "https://example.org/"),
        ("http://a.org:80/x?y=1#z", "http://a.org/x?y=1"),
        ("https://me:se%40cret@a.org:8443/x", "https://me:se%40cret@a.org:8443/x"),
        ("https://a.org?x=@y", "https://a.org/?x=@y"),
    ],
)
def test_the_url_of_a_webhook_is_stored_in_its_normal_form(
    hooks: Webhooks, account: str, url: str, normal: str
) -> None:
    made = hooks.create(account, url)
    assert made.url == normal
    assert hooks.change(made.id, {"url": normal}).url == normal
