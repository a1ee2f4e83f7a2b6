"""The envelope around every answer of the Faxes API, successful or not.

Successful: ``data``, ``revision``, ``request_id``, ``status: "success"``, ``auth_token``. An error:
``data``, ``error`` (the status code as text), ``message``, ``status: "error"``, ``request_id``.
Every answer also has ``version`` and ``timestamp``. Names, codes and messages are those of Kazoo's
Faxes API (crossbar), so that its clients understand every answer. `refusal_of` converts an error of
fsfax to its HTTP answer.
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
    """An error as an answer: ``message`` is a short stable word, ``data`` has the details."""

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
    """Return a 404; an object of another account is answered in the same way as a missing one."""
    return ApiError(404, "bad_identifier", {"cause": id, "message": "bad identifier"})


def invalid(path: str, rule: str, message: str, **more: Any) -> ApiError:
    """Return a 400 about the value at the dotted ``path``."""
    return ApiError(400, "validation error", {path: {rule: {"message": message, **more}}})


def too_large(limit: int) -> ApiError:
    """Return a 413: the body has more than ``limit`` bytes."""
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
    """Set the answer to ``data`` in its envelope; ``more`` are keys beside it (those of paging).

    Without ``revision``, the ETag is a digest of the data.
    """
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
    """Set the answer to an error in its envelope."""
    code = falcon.http_status_to_code(error.status)
    message, data = _message_and_data(error, code)
    resp.status = error.status
    for name, value in dict(error.headers or {}).items():
        resp.set_header(name, value)
    send(
        req,
        resp,
        {"data": data, "error": str(code), "message": message, "status": "error", **_frame(req)},
    )


def send(req: falcon.Request, resp: falcon.Response, body: Any) -> None:
    """Set the answer to JSON, indented if ``?pretty_print=true`` or ``X-Pretty-Print`` asks."""
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


_MESSAGES = {
    401: ("invalid_credentials", "invalid credentials"),
    403: ("forbidden", "forbidden"),
    404: ("not_found", "not found"),
    405: ("invalid_method", "method not allowed"),
    406: ("not_acceptable", "none of the media types in Accept is available"),
    413: ("too_large", "the request is too large"),
    414: ("uri_too_long", "the address is too long"),
    415: ("unsupported_media_type", "this content type is not accepted here"),
    416: ("range not satisfiable", "there is nothing in this range"),
    429: ("too_many_requests", "too many requests: wait for Retry-After seconds"),
    500: ("internal_error", "unknown failure"),
}


def _message_and_data(error: falcon.HTTPError, code: int) -> tuple[str, dict[str, Any]]:
    if isinstance(error, ApiError):
        return error.message, error.data
    if code in _MESSAGES:
        message, text = _MESSAGES[code]
        return message, {"message": text}
    return "faulty_request", {"message": error.description or error.title or "faulty request"}


def refusal_of(error: FsfaxError) -> ApiError:
    """Return the answer to a request that ended with an error of fsfax."""
    return next(answer(str(error), error) for kind, answer in _ANSWERS if isinstance(error, kind))


def _invalid_number(text: str, _: FsfaxError) -> ApiError:
    message = {"message": "add a valid number to send the fax to", "cause": text}
    # Kazoo reports the number under both paths.
    paths = ("to_number", "document.to_number")
    return ApiError(400, "validation error", {path: {"required": message} for path in paths})


def _not_found(text: str, _: FsfaxError) -> ApiError:
    return ApiError(404, "bad_identifier", {"message": text})


def _address_taken(text: str, _: FsfaxError) -> ApiError:
    return invalid("custom_smtp_email_address", "unique", text)


def _conflict(text: str, _: FsfaxError) -> ApiError:
    return ApiError(409, "datastore_conflict", {"message": text})


def _invalid_request(text: str, _: FsfaxError) -> ApiError:
    return invalid("request", "invalid", text)


def _document_error(text: str, error: FsfaxError) -> ApiError:
    # The client does not know the name of the temporary file.
    return invalid("file", "invalid", _TEMPORARY.sub("the document", text), cause=error.code)  # type: ignore[attr-defined]


def _store_full(_text: str, _: FsfaxError) -> ApiError:
    return ApiError(507, "datastore_full", {"message": "the disk of the database is full"})


def _store_error(text: str, _: FsfaxError) -> ApiError:
    # The text may name hosts and files: it goes into the log alone.
    _log.warning("database_failed", error=text)
    why = {"message": "the database cannot be used now: try again"}
    return ApiError(503, "datastore_unreachable", why, {"Retry-After": "5"})


def _internal_error(text: str, _: FsfaxError) -> ApiError:
    _log.error("request_failed", error=text)
    return ApiError(500, "internal_error", {"message": "unknown failure"})


_TEMPORARY = re.compile(r"\S*/fsfax-upload-\S+")

_ANSWERS: tuple[tuple[type[FsfaxError], Callable[[str, FsfaxError], ApiError]], ...] = (
    # A subclass before its base.
    (InvalidNumber, _invalid_number),
    (JobNotFound, _not_found),
    (AccountNotFound, _not_found),
    (FaxboxNotFound, _not_found),
    (AddressTaken, _address_taken),
    (JobError, _conflict),
    (InvalidRequest, _invalid_request),
    (DocumentError, _document_error),
    (StoreFull, _store_full),
    (StoreError, _store_error),
    (FsfaxError, _internal_error),
)
