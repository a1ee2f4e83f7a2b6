"""The Falcon middleware that every request and every answer passes.

Of a request: its id, its token, the token's scope and account, the rate limit. Of an answer: one
line in the log, one count in the metrics.

Another account than the token's own is answered with "forbidden", whether it exists or not; within
an account, objects of another account are not found (`fsfax.jobs.store`).
"""

from __future__ import annotations

import base64
import binascii
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

import falcon

from fsfax.accounts.tokens import Scope, Token, Tokens
from fsfax.api.description import Operation, operation_of
from fsfax.api.envelope import ApiError
from fsfax.api.metrics import RequestCounts
from fsfax.errors import TokenError, TokenExpired
from fsfax.log import REQUESTS, get_logger
from fsfax.runtime.rate_limit import RateLimiter
from fsfax.runtime.threads import Threads

_log = get_logger(REQUESTS)

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")
_ACCOUNT_ID = re.compile(r"[0-9a-f]{32}\Z")
_OWN_ACCOUNT = "/v2/account/"
_INVALID: Mapping[str, Any] = {"message": "invalid credentials"}


class Middleware:
    """Authenticates, authorises, limits, logs and counts requests.

    Args:
        tokens: the store of tokens.
        threads: real threads for database work.
        limiter: requests of each token, and of each address without one.
        requests: the metrics.
    """

    def __init__(
        self, tokens: Tokens, threads: Threads, limiter: RateLimiter, requests: RequestCounts
    ) -> None:
        self._tokens = tokens
        self._threads = threads
        self._limiter = limiter
        self._requests = requests

    # --- requests ---------------------------------------------------------------------------

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Assign the request's id; replace ``/v2/account/…`` by the path of the token's account."""
        req.context.begun = time.monotonic()
        asked = req.get_header("X-Request-ID") or ""
        req.context.request_id = asked if _REQUEST_ID.match(asked) else uuid.uuid4().hex
        resp.set_header("X-Request-ID", req.context.request_id)
        if accept := req.get_param("accept"):
            req.env["HTTP_ACCEPT"] = accept
        if req.path.startswith(_OWN_ACCOUNT):
            token = self._authenticate(req)
            req.path = f"/v2/accounts/{token.account_id}/{req.path[len(_OWN_ACCOUNT) :]}"

    def process_resource(
        self,
        req: falcon.Request,
        resp: falcon.Response,  # noqa: ARG002
        resource: object,
        params: dict[str, Any],
    ) -> None:
        """Raise an ApiError unless the token permits the operation (401, 403, 404, 429)."""
        call = operation_of(resource, req.method)
        if call is None or call.scope is None:
            return
        account_id = params.get("account_id")
        if account_id is not None and not _ACCOUNT_ID.match(account_id):
            raise ApiError(
                404, "bad identifier", {"message": f"invalid account_id '{account_id[:64]}'"}
            )
        token = self._authenticate(req)
        self._limit(token.id)
        self._require(token, call, account_id)

    def _authenticate(self, req: falcon.Request) -> Token:
        known: Token | None = getattr(req.context, "token", None)
        if known is not None:
            return known
        secret = _secret_of(req)
        if not secret:
            self._limit(f"address {req.remote_addr}")
            raise _unauthorised("invalid_credentials")
        try:
            token = self._threads.run(self._tokens.check, secret)
        except TokenError as error:
            self._limit(f"address {req.remote_addr}")
            late = isinstance(error, TokenExpired)
            raise _unauthorised("token expired" if late else "invalid credentials") from error
        req.context.token = token
        req.context.secret = secret
        return token

    def _limit(self, client: str) -> None:
        if wait := self._limiter.take(client):
            message = {"message": f"too many requests: wait for {wait:.1f} seconds"}
            seconds = str(max(1, round(wait + 0.5)))
            raise ApiError(429, "too_many_requests", message, {"Retry-After": seconds})

    @staticmethod
    def _require(token: Token, call: Operation, account_id: str | None) -> None:
        admin = Scope.ADMIN in token.scopes
        own = account_id is None or account_id == token.account_id
        if not admin and not (own and call.scope in token.scopes):
            raise ApiError(403, "forbidden", {"message": "forbidden"})

    # --- answers ----------------------------------------------------------------------------

    def process_response(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        resource: object,  # noqa: ARG002
        req_succeeded: bool,  # noqa: ARG002
    ) -> None:
        """Log and count the request."""
        seconds = time.monotonic() - req.context.begun
        code = falcon.http_status_to_code(resp.status)
        route = req.uri_template or "none"
        token: Token | None = getattr(req.context, "token", None)
        # Without the query, which may contain a token.
        _log.info(
            "request",
            method=req.method,
            path=req.path,
            status=code,
            milliseconds=round(1000 * seconds, 1),
            request=req.context.request_id,
            token=token.id if token else "",
            account=token.account_id if token else "",
            address=req.remote_addr,
        )
        self._requests.count(req.method, route, code, seconds)


def _unauthorised(message: str) -> ApiError:
    return ApiError(401, message, _INVALID, {"WWW-Authenticate": "Bearer"})


def _secret_of(req: falcon.Request) -> str:
    """Return the token's secret, from the places and in the order of Kazoo; "" if there is none."""
    given = req.get_header("X-Auth-Token") or req.get_param("auth_token")
    if given:
        return given.strip()
    header = req.auth or req.get_param("authorization") or ""
    kind, _, rest = header.strip().partition(" ")
    if not rest:
        return kind
    if kind.lower() == "basic":
        return _from_basic(rest.strip())
    return rest.strip() if kind.lower() == "bearer" else ""


def _from_basic(word: str) -> str:
    """Return the secret of ``Basic``: plain, as Kazoo has it, or base64 of ``user:token``."""
    if word.startswith("fsfax_"):
        return word
    try:
        return base64.b64decode(word, validate=True).decode().rpartition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return word
