"""``/accounts``, ``/tokens``, ``/faxboxes`` and ``/faxes/smtplog``: list, show, create, change."""

from __future__ import annotations

from typing import Any

import falcon

from fsfax.accounts.accounts import Account
from fsfax.accounts.faxboxes import Faxbox, changed_fields
from fsfax.accounts.tokens import Scope, Token
from fsfax.api import bodies, fax_view, listing
from fsfax.api.description import describe
from fsfax.api.envelope import bad_identifier, succeed
from fsfax.api.models import (
    AccountDetails,
    AccountPatch,
    AccountRequest,
    FaxboxDetails,
    FaxboxPatch,
    FaxboxRequest,
    ListQuery,
    MailLog,
    MailLogSummary,
    TokenDetails,
    TokenRequest,
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
        body: dict[str, Any] = bodies.receive_json(req, seconds=seconds)
        return body

    def _faxbox(self, account_id: str, faxbox_id: str) -> Faxbox:
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

    @describe("List the accounts", scope=Scope.ADMIN, answers={200: list[AccountDetails]})
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with all accounts."""
        found = self._services.threads.run(self._services.accounts.list)
        succeed(req, resp, [_account(account) for account in found])

    @describe(
        "Create an account",
        scope=Scope.ADMIN,
        bodies={_JSON: AccountRequest},
        answers={201: AccountDetails},
        errors=(408, 409, 413),
    )
    def on_put(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Create an account and answer with it."""
        given = checked(AccountRequest, self._body(req)).data.model_dump()
        account = self._services.threads.run(
            self._services.accounts.create, given.pop("name"), **given
        )
        resp.location = f"/v2/accounts/{account.id}"
        succeed(req, resp, _account(account), code=201)


class AccountItem(_Administration):
    """``/v2/accounts/{account_id}``."""

    @describe("Show an account", answers={200: AccountDetails}, errors=(404,))
    def on_get(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """Answer with an account."""
        succeed(req, resp, _account(self._account(account_id)))

    @describe(
        "Change an account",
        scope=Scope.ADMIN,
        bodies={_JSON: AccountPatch},
        answers={200: AccountDetails},
        errors=(404, 408, 409, 413),
    )
    def on_patch(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """Change the given fields of an account."""
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

    @describe("List the tokens of an account", scope=Scope.ADMIN, answers={200: list[TokenDetails]})
    def on_get(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """Answer with the tokens of an account, without their secrets."""
        found = self._services.threads.run(self._services.tokens.list, account_id)
        succeed(req, resp, [_token(token) for token in found])

    @describe(
        "Create a token; only this answer has its secret",
        scope=Scope.ADMIN,
        bodies={_JSON: TokenRequest},
        answers={201: TokenDetails},
        errors=(404, 408, 413),
    )
    def on_put(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """Create a token and answer with it and its secret."""
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


class TokenItem(_Administration):
    """``/v2/accounts/{account_id}/tokens/{token_id}``."""

    @describe("Revoke a token", scope=Scope.ADMIN, answers={200: TokenDetails}, errors=(404,))
    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, token_id: str
    ) -> None:
        """Revoke a token; it is not accepted any more."""
        try:
            token = self._services.threads.run(self._services.tokens.revoke, token_id, account_id)
        except TokenUnknown as error:
            raise bad_identifier(token_id) from error
        succeed(req, resp, _token(token))


class FaxboxList(_Administration):
    """``/v2/accounts/{account_id}/faxboxes``."""

    @describe("List the faxboxes", answers={200: list[FaxboxDetails]})
    def on_get(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """Answer with the faxboxes of an account."""
        found = self._services.threads.run(self._services.faxboxes.list, account_id)
        succeed(req, resp, [fax_view.faxbox(box) for box in found])

    @describe(
        "Create a faxbox",
        scope=Scope.WRITE,
        bodies={_JSON: FaxboxRequest},
        answers={201: FaxboxDetails},
        errors=(404, 408, 409, 413),
    )
    def on_put(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """Create a faxbox and answer with it."""
        self._account(account_id)
        data = _fields(self._body(req))
        box = self._services.threads.run(self._services.faxboxes.create, account_id, data)
        resp.location = f"/v2/accounts/{account_id}/faxboxes/{box.id}"
        succeed(req, resp, fax_view.faxbox(box), code=201, revision=box.revision)


class FaxboxItem(_Administration):
    """``/v2/accounts/{account_id}/faxboxes/{faxbox_id}``."""

    @describe("Show a faxbox", answers={200: FaxboxDetails}, errors=(404,))
    def on_get(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, faxbox_id: str
    ) -> None:
        """Answer with a faxbox."""
        box = self._faxbox(account_id, faxbox_id)
        succeed(req, resp, fax_view.faxbox(box), revision=box.revision)

    @describe(
        "Replace a faxbox",
        scope=Scope.WRITE,
        bodies={_JSON: FaxboxRequest},
        answers={200: FaxboxDetails},
        errors=(404, 408, 409, 413),
    )
    def on_post(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, faxbox_id: str
    ) -> None:
        """Replace all fields of a faxbox; a field that is not given is removed."""
        before = self._faxbox(account_id, faxbox_id)
        data = _fields(_with_stored_secrets(before, self._body(req)))
        replace = self._services.faxboxes.replace
        box = self._services.threads.run(replace, faxbox_id, data, account_id)
        succeed(req, resp, fax_view.faxbox(box), revision=box.revision)

    @describe(
        "Change fields of a faxbox",
        scope=Scope.WRITE,
        bodies={_JSON: FaxboxPatch},
        answers={200: FaxboxDetails},
        errors=(404, 408, 409, 413),
    )
    def on_patch(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, faxbox_id: str
    ) -> None:
        """Change the given fields of a faxbox; null removes a field."""
        before = self._faxbox(account_id, faxbox_id)
        change = checked(FaxboxPatch, _with_stored_secrets(before, self._body(req))).data
        # Checked as a whole before it is stored, so that the answer says which field is wrong.
        checked(FaxboxRequest, {"data": changed_fields(before, change)})
        box = self._services.threads.run(
            self._services.faxboxes.change, faxbox_id, change, account_id
        )
        succeed(req, resp, fax_view.faxbox(box), revision=box.revision)

    @describe("Remove a faxbox", scope=Scope.WRITE, answers={200: FaxboxDetails}, errors=(404,))
    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, faxbox_id: str
    ) -> None:
        """Remove a faxbox; its faxes stay with the account."""
        box = self._faxbox(account_id, faxbox_id)
        self._services.threads.run(self._services.faxboxes.remove, faxbox_id, account_id)
        succeed(req, resp, fax_view.faxbox(box), revision=box.revision + 1)


class SmtpLogList(_Administration):
    """``/faxes/smtplog``."""

    @describe(
        "List the mails that were sent to be faxed",
        query=ListQuery,
        answers={200: list[MailLogSummary]},
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, account_id: str) -> None:
        """Answer with a page of mails, accepted and refused."""

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


class SmtpLogItem(_Administration):
    """``/faxes/smtplog/{attempt_id}``."""

    @describe("Show a mail that was sent to be faxed", answers={200: MailLog}, errors=(404,))
    def on_get(
        self, req: falcon.Request, resp: falcon.Response, account_id: str, attempt_id: str
    ) -> None:
        """Answer with a mail, the reasons of a refusal and the faxes that were made of it."""
        try:
            record = self._services.threads.run(self._services.smtplog.get, attempt_id, account_id)
        except JobNotFound as error:
            raise bad_identifier(attempt_id) from error
        succeed(req, resp, fax_view.mail(record))


def _with_stored_secrets(box: Faxbox, body: dict[str, Any]) -> dict[str, Any]:
    """Return the body; a callback without a secret has the one that the faxbox stores."""
    notifications = _object(_object(body, "data"), "notifications")
    for name, stored in (
        ("inbound", box.config.inbound_notifications().callback),
        ("outbound", box.config.outbound_notifications().callback),
    ):
        given = _object(_object(notifications, name), "callback")
        if given and stored and stored.secret:
            given.setdefault("secret", stored.secret)
    return body


def _object(values: dict[str, Any], name: str) -> dict[str, Any]:
    found = values.get(name)
    return found if isinstance(found, dict) else {}


def _fields(body: dict[str, Any]) -> dict[str, Any]:
    return checked(FaxboxRequest, body).data.as_dict()


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
