"""Accounts, tokens and faxboxes; and the log of mails."""

from __future__ import annotations

from typing import Any

import falcon

from fsfax.accounts.accounts import Account
from fsfax.accounts.faxboxes import Faxbox
from fsfax.accounts.tokens import Scope, Token
from fsfax.api import bodies, fax_view, listing
from fsfax.api.description import describe
from fsfax.api.envelope import bad_identifier, succeed
from fsfax.api.models import (
    AccountPatch,
    AccountRequest,
    AccountShown,
    FaxboxPatch,
    FaxboxRequest,
    FaxboxShown,
    ListQuery,
    MailLog,
    MailLogSummary,
    TokenRequest,
    TokenShown,
)
from fsfax.api.services import Services
from fsfax.api.validation import checked
from fsfax.db.records import gregorian
from fsfax.errors import AccountNotFound, FaxboxNotFound, JobNotFound, TokenUnknown
from fsfax.mail.smtplog import MailRecord

_JSON = "application/json"


class _Administration:
    def __init__(self, services: Services) -> None:
        self._services = services

    def _body(self, req: falcon.Request) -> dict[str, Any]:
        seconds = self._services.settings.api.body_timeout
        found: dict[str, Any] = bodies.receive_json(req, seconds=seconds)
        return found

    def _box(self, account_id: str, faxbox_id: str) -> Faxbox:
        try:
            return self._services.threads.run(self._services.faxboxes.get, faxbox_id, account_id)
        except FaxboxNotFound as error:
            raise bad_identifier(faxbox_id) from error

    def _account(self, account_id: str) -> Account:
        try:
            return self._services.threads.run(self._services.accounts.get, account_id)
        except AccountNotFound as error:
            raise bad_identifier(account_id) from error


class AccountList(_Administration):
    """``/v2/accounts``."""

    @describe("List the accounts", scope=Scope.ADMIN, answers={200: list[AccountShown]})
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List them."""
        found = self._services.threads.run(self._services.accounts.list)
        succeed(req, resp, [_account(account) for account in found])

    @describe(
        "Make an account",
        scope=Scope.ADMIN,
        bodies={_JSON: AccountRequest},
        answers={201: AccountShown},
        errors=(408, 409, 413),
    )
    def on_put(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make one."""
        given = checked(AccountRequest, self._body(req)).data.model_dump()
        account = self._services.threads.run(
            self._services.accounts.create, given.pop("name"), **given
        )
        resp.location = f"/v2/accounts/{account.id}"
        succeed(req, resp, _account(account), code=201)


class AccountOne(_Administration):
    """``/v2/accounts/{account_id}``."""

    @describe("Show an account", answers={200: AccountShown}, errors=(404,))
    def on_get(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """Show it."""
        succeed(req, resp, _account(self._account(account_id)))

    @describe(
        "Change an account",
        scope=Scope.ADMIN,
        bodies={_JSON: AccountPatch},
        answers={200: AccountShown},
        errors=(404, 408, 409, 413),
    )
    def on_patch(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """Change the fields that are given."""
        self._account(account_id)
        change = checked(AccountPatch, self._body(req)).data
        given = {
            name: value
            for name, value in change.model_dump(exclude_unset=True).items()
            if value is not None
        }
        account = self._services.threads.run(self._services.accounts.change, account_id, **given)
        succeed(req, resp, _account(account))


class TokenList(_Administration):
    """``/v2/accounts/{account_id}/tokens``."""

    @describe("List the tokens of an account", scope=Scope.ADMIN, answers={200: list[TokenShown]})
    def on_get(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """List them, without their secrets."""
        found = self._services.threads.run(self._services.tokens.list, account_id)
        succeed(req, resp, [_token(token) for token in found])

    @describe(
        "Make a token; its secret is in this answer alone",
        scope=Scope.ADMIN,
        bodies={_JSON: TokenRequest},
        answers={201: TokenShown},
        errors=(404, 408, 413),
    )
    def on_put(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """Make one."""
        self._account(account_id)
        given = checked(TokenRequest, self._body(req)).data
        token, secret = self._services.threads.run(
            self._services.tokens.create,
            account_id,
            name=given.name,
            scopes=given.scopes,
            expires_at=given.expires_at,
        )
        resp.cache_control = ["no-store"]
        succeed(req, resp, _token(token) | {"secret": secret}, code=201)


class TokenOne(_Administration):
    """``/v2/accounts/{account_id}/tokens/{token_id}``."""

    @describe("Revoke a token", scope=Scope.ADMIN, answers={200: TokenShown}, errors=(404,))
    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, token_id: str
    ) -> None:
        """Revoke it: from now on it opens nothing."""
        try:
            token = self._services.threads.run(self._services.tokens.revoke, token_id, account_id)
        except TokenUnknown as error:
            raise bad_identifier(token_id) from error
        succeed(req, resp, _token(token))


class FaxboxList(_Administration):
    """``/v2/accounts/{account_id}/faxboxes``."""

    @describe("List the faxboxes", answers={200: list[FaxboxShown]})
    def on_get(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """List them."""
        found = self._services.threads.run(self._services.faxboxes.list, account_id)
        succeed(req, resp, [fax_view.faxbox(box) for box in found])

    @describe(
        "Make a faxbox",
        scope=Scope.WRITE,
        bodies={_JSON: FaxboxRequest},
        answers={201: FaxboxShown},
        errors=(404, 408, 409, 413),
    )
    def on_put(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """Make one."""
        self._account(account_id)
        data = _faxbox_data(self._body(req))
        box = self._services.threads.run(self._services.faxboxes.create, account_id, data)
        resp.location = f"/v2/accounts/{account_id}/faxboxes/{box.id}"
        succeed(req, resp, fax_view.faxbox(box), code=201, revision=box.revision)


class FaxboxOne(_Administration):
    """``/v2/accounts/{account_id}/faxboxes/{faxbox_id}``."""

    @describe("Show a faxbox", answers={200: FaxboxShown}, errors=(404,))
    def on_get(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, faxbox_id: str
    ) -> None:
        """Show it."""
        box = self._box(account_id, faxbox_id)
        succeed(req, resp, fax_view.faxbox(box), revision=box.revision)

    @describe(
        "Replace a faxbox",
        scope=Scope.WRITE,
        bodies={_JSON: FaxboxRequest},
        answers={200: FaxboxShown},
        errors=(404, 408, 409, 413),
    )
    def on_post(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, faxbox_id: str
    ) -> None:
        """Replace it; what is not given is gone."""
        before = self._box(account_id, faxbox_id)
        data = _faxbox_data(_with_secrets_of(before, self._body(req)))
        replace = self._services.faxboxes.replace
        box = self._services.threads.run(replace, faxbox_id, data, account_id)
        succeed(req, resp, fax_view.faxbox(box), revision=box.revision)

    @describe(
        "Change fields of a faxbox",
        scope=Scope.WRITE,
        bodies={_JSON: FaxboxPatch},
        answers={200: FaxboxShown},
        errors=(404, 408, 409, 413),
    )
    def on_patch(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, faxbox_id: str
    ) -> None:
        """Change the fields that are given; null removes one."""
        before = self._box(account_id, faxbox_id)
        change = checked(FaxboxPatch, _with_secrets_of(before, self._body(req))).data
        # What comes of it has to be a good faxbox.
        after = {**before.given(), **change}
        after = {name: value for name, value in after.items() if value is not None}
        whole = _faxbox_data({"data": after})
        change = {name: whole.get(name) for name in change}
        box = self._services.threads.run(
            self._services.faxboxes.change, faxbox_id, change, account_id
        )
        succeed(req, resp, fax_view.faxbox(box), revision=box.revision)

    @describe("Remove a faxbox", scope=Scope.WRITE, answers={200: FaxboxShown}, errors=(404,))
    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, faxbox_id: str
    ) -> None:
        """Remove it; its faxes stay with the account."""
        box = self._box(account_id, faxbox_id)
        self._services.threads.run(self._services.faxboxes.remove, faxbox_id, account_id)
        succeed(req, resp, fax_view.faxbox(box), revision=box.revision + 1)


class MailList(_Administration):
    """``/faxes/smtplog``."""

    @describe(
        "List the mails that came to be faxed",
        query=ListQuery,
        answers={200: list[MailLogSummary]},
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """List them, accepted and refused."""

        def read(part: listing.Range) -> listing.ListPage[MailRecord]:
            found, next_start = self._services.smtplog.list(
                account_id,
                created_from=part.created_from,
                created_to=part.created_to,
                start=part.start,
                limit=part.limit,
                ascending=part.ascending,
            )
            return listing.ListPage(found, next_start)

        show, full = fax_view.mail_row, fax_view.mail
        listing.answer(req, resp, self._services.threads, read, show, full)


class MailOne(_Administration):
    """``/faxes/smtplog/{attempt_id}``."""

    @describe("Show a mail that came to be faxed", answers={200: MailLog}, errors=(404,))
    def on_get(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, attempt_id: str
    ) -> None:
        """Show it, with what was wrong and which faxes came of it."""
        try:
            record = self._services.threads.run(self._services.smtplog.get, attempt_id, account_id)
        except JobNotFound as error:
            raise bad_identifier(attempt_id) from error
        succeed(req, resp, fax_view.mail(record))


def _with_secrets_of(before: Faxbox, body: dict[str, Any]) -> dict[str, Any]:
    """A callback that is given again keeps its secret, unless another one is given."""
    old = before.data.get("notifications") or {}
    new = body.get("data", {}).get("notifications") if isinstance(body.get("data"), dict) else None
    for side in ("inbound", "outbound"):
        known, given = (
            whole.get(side, {}).get("callback") if isinstance(whole.get(side), dict) else None
            for whole in (old, new if isinstance(new, dict) else {})
        )
        if isinstance(known, dict) and isinstance(given, dict) and known.get("secret"):
            given.setdefault("secret", known["secret"])
    return body


def _faxbox_data(body: dict[str, Any]) -> dict[str, Any]:
    """The fields of a faxbox, checked; ours cannot be given."""
    data = checked(FaxboxRequest, body).data.model_dump(exclude_unset=True, mode="json")
    for name in ("id", "created", "smtp_email_address"):
        data.pop(name, None)
    return data


def _account(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "created": gregorian(account.created_at),
        "max_calls": account.max_calls,
        "windows": [dict(window) for window in account.windows],
        "numbers": list(account.numbers),
    }


def _token(token: Token) -> dict[str, Any]:
    return token.as_dict()
