"""Envelopes: the frame that the Faxes API puts around every answer, good or bad.

Good: ``data``, ``revision``, ``request_id``, ``status: "success"``, ``auth_token``. Bad: ``data``,
``error`` (the code as text), ``message``, ``status: "error"``, ``request_id``. The names, codes
and messages are those of the original API (Kazoo's ``crossbar``), so that its clients understand
every answer.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import falcon

import fsfax
from fsfax.db.records import GREGORIAN_OFFSET
from fsfax.errors import (
    AccountNotFound,
    AddressTaken,
    DocumentError,
    FaxboxNotFound,
    FsfaxError,
    InvalidNumber,
    InvalidRequest,
    JobError,
    JobNotFound,
    StoreError,
    StoreFull,
)
from fsfax.log import get_logger

_log = get_logger(__name__)


class ApiError(falcon.HTTPError):
    """An answer that is an error: ``message`` is a short stable word, ``data`` the particulars."""

    def __init__(
        self,
        code: int,
        message: str,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, title=message, headers=dict(headers or {}))
        self.message = message
        self.data = dict(data or {})


def bad_identifier(id: str) -> ApiError:
    """There is no such thing, or it is somebody else's: the two are not told apart."""
    return ApiError(404, "bad_identifier", {"cause": id, "message": "bad identifier"})


def invalid(path: str, rule: str, message: str, **more: Any) -> ApiError:
    """A value was refused; ``path`` is dotted."""
    return ApiError(400, "validation error", {path: {rule: {"message": message, **more}}})


def too_large(limit: int) -> ApiError:
    """A body is over the limit of ``limit`` bytes."""
    message = f"Payload or Files must not be more than {limit} bytes"
    return ApiError(
        413, "validation error", {"file": {"maxSize": {"message": message, "target": limit}}}
    )


def succeed(
    req: falcon.Request,
    resp: falcon.Response,
    data: Any,
    *,
    code: int = 200,
    revision: str | int | None = None,
    **more: Any,
) -> None:
    """Answer with ``data`` in its envelope; ``more`` are keys beside it (those of paging)."""
    resp.status = falcon.code_to_http_status(code)
    if revision is None:
        plain = json.dumps(data, sort_keys=True, default=str).encode()
        revision = hashlib.sha256(plain).hexdigest()[:16]
    resp.etag = str(revision)
    send(
        req,
        resp,
        {"data": data, "revision": str(revision), **more, "status": "success", **_frame(req)},
    )


def fail(req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError) -> None:
    """Answer with an error in its envelope."""
    code = falcon.http_status_to_code(error.status)
    message, data = _told(error, code)
    resp.status = error.status
    for name, value in dict(error.headers or {}).items():
        resp.set_header(name, value)
    send(
        req,
        resp,
        {"data": data, "error": str(code), "message": message, "status": "error", **_frame(req)},
    )


def send(req: falcon.Request, resp: falcon.Response, body: Any) -> None:
    """Answer with JSON, readable for people with ``?pretty_print=true`` or ``X-Pretty-Print``."""
    pretty = req.get_param("pretty_print") == "true" or req.get_header("X-Pretty-Print") == "true"
    resp.content_type = falcon.MEDIA_JSON
    resp.text = None
    resp.data = json.dumps(body, indent=2 if pretty else None, ensure_ascii=False).encode(
        errors="surrogatepass"
    )


def _frame(req: falcon.Request) -> dict[str, Any]:
    frame: dict[str, Any] = {
        "request_id": req.context.request_id,
        "version": fsfax.__version__,
        "timestamp": int(time.time()) + GREGORIAN_OFFSET,
    }
    if secret := getattr(req.context, "secret", ""):
        frame["auth_token"] = secret
    return frame


_WORDS = {
    401: ("invalid_credentials", "invalid credentials"),
    403: ("forbidden", "forbidden"),
    404: ("not_found", "not found"),
    405: ("invalid_method", "method not allowed"),
    406: ("not_acceptable", "none of the media types in Accept is on offer"),
    413: ("too_large", "the request is too large"),
    414: ("uri_too_long", "the address is too long"),
    415: ("unsupported_media_type", "this content type is not accepted here"),
    416: ("range not satisfiable", "there is nothing in this range"),
    429: ("too_many_requests", "too many requests: wait for Retry-After seconds"),
    500: ("internal_error", "unknown failure"),
}


def _told(error: falcon.HTTPError, code: int) -> tuple[str, dict[str, Any]]:
    if isinstance(error, ApiError):
        return error.message, error.data
    if code in _WORDS:
        message, words = _WORDS[code]
        return message, {"message": words}
    return "faulty_request", {"message": error.description or error.title or "faulty request"}


def refusal_of(error: FsfaxError) -> ApiError:
    """Return what an error of fsfax is to a client."""
    return next(told(str(error), error) for kind, told in _REFUSALS if isinstance(error, kind))


def _number(text: str, _: FsfaxError) -> ApiError:
    message = {"message": "add a valid number to send the fax to", "cause": text}
    # The original names the number as if it stood in the document.
    paths = ("to_number", "document.to_number")
    return ApiError(400, "validation error", {path: {"required": message} for path in paths})


def _gone(text: str, _: FsfaxError) -> ApiError:
    return ApiError(404, "bad_identifier", {"message": text})


def _taken(text: str, _: FsfaxError) -> ApiError:
    return invalid("custom_smtp_email_address", "unique", text)


def _conflict(text: str, _: FsfaxError) -> ApiError:
    return ApiError(409, "datastore_conflict", {"message": text})


def _request(text: str, _: FsfaxError) -> ApiError:
    return invalid("request", "invalid", text)


def _document(text: str, error: FsfaxError) -> ApiError:
    # The name of our temporary file is nothing that the client knows.
    return invalid("file", "invalid", _TEMPORARY.sub("the document", text), cause=error.code)  # type: ignore[attr-defined]


def _full(_text: str, _: FsfaxError) -> ApiError:
    return ApiError(507, "datastore_full", {"message": "the disk of the database is full"})


def _away(text: str, _: FsfaxError) -> ApiError:
    # Its words may name hosts and files; they are in the log.
    _log.warning("database_failed", error=text)
    why = {"message": "the database cannot be used now: try again"}
    return ApiError(503, "datastore_unreachable", why, {"Retry-After": "5"})


def _fault(text: str, _: FsfaxError) -> ApiError:
    _log.error("request_failed", error=text)
    return ApiError(500, "internal_error", {"message": "unknown failure"})


_TEMPORARY = re.compile(r"\S*/fsfax-upload-\S+")

_REFUSALS: tuple[tuple[type[FsfaxError], Callable[[str, FsfaxError], ApiError]], ...] = (
    # The more special one first.
    (InvalidNumber, _number),
    (JobNotFound, _gone),
    (AccountNotFound, _gone),
    (FaxboxNotFound, _gone),
    (AddressTaken, _taken),
    (JobError, _conflict),
    (InvalidRequest, _request),
    (DocumentError, _document),
    (StoreFull, _full),
    (StoreError, _away),
    (FsfaxError, _fault),
)
