"""The OpenAPI 3.1 document, generated from the routes and their descriptions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import fsfax
from fsfax.api.description import Operation, operation_of
from fsfax.api.models import ACCOUNT_ID, FAX_ID
from fsfax.api.webhook_models import NOTIFICATION_ID, WebhookMessage
from fsfax.notify.events import EVENTS
from fsfax.notify.payload import CONTENT_TYPES

METHODS = ("get", "put", "post", "patch", "delete")

_PLACE = re.compile(r"\{(\w+)(?::(\w+)[^}]*)?\}")
_REFERENCE = "#/components/schemas/{model}"
_PATTERNS = {
    "account_id": ACCOUNT_ID,
    "faxbox_id": ACCOUNT_ID,
    "fax_id": FAX_ID,
    "webhook_id": ACCOUNT_ID,
    "notification_id": NOTIFICATION_ID,
}
_ALWAYS = {
    400: "The request is invalid; ``data`` says which value broke which rule.",
    401: "The token is missing or invalid.",
    403: "The token does not permit it.",
    429: "Too many requests; wait for Retry-After seconds.",
    500: "An internal error; it is logged under the request id.",
    503: "The database cannot be used now; try again.",
}
_SOMETIMES = {
    404: "It does not exist, or belongs to another account.",
    406: "No media type in Accept is available.",
    408: "The body was not complete in time.",
    409: "Its present state does not allow that.",
    413: "The body is too large.",
    415: "This content type is not accepted.",
    416: "The range is beyond the end, or too large.",
    503: "Not available now; try again.",
    507: "The disk of the database is full.",
}
_DESCRIPTIONS = {200: "Success.", 201: "Created.", 206: "A part.", 304: "Not modified."}

Routes = Iterable[tuple[str, object]]


def document(routes: Routes) -> dict[str, Any]:
    """Return the OpenAPI document of these routes: (template, resource)."""
    known = [
        (template, method, call)
        for template, resource in routes
        for method in METHODS
        if (call := operation_of(resource, method))
    ]
    schemas, names = _schemas(call for _, _, call in known)
    paths: dict[str, dict[str, Any]] = {}
    for template, method, call in known:
        path = _PLACE.sub(r"{\1}", template)
        paths.setdefault(path, {})[method] = _operation(template, method, call, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "fsfax: the Faxes API",
            "version": fsfax.__version__,
            "description": "Send, receive, follow and manage faxes. Times are Gregorian seconds:"
            " seconds since the year 0, UTC (Unix time + 62167219200).",
        },
        "paths": paths,
        "webhooks": {event: {"post": _message(event, names)} for event in EVENTS},
        "components": {
            "schemas": schemas | {"Error": _error()},
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _message(event: str, names: Mapping[Any, str]) -> dict[str, Any]:
    """Return the description of a request to a webhook (OpenAPI 3.1, 4.8.1: ``webhooks``)."""
    schema = {"$ref": names[WebhookMessage, "serialization"]}
    headers = {
        "webhook-id": "The same in every attempt, so that receivers recognise a repetition.",
        "webhook-timestamp": "Unix time of this attempt.",
        "webhook-signature": "v1, and the base64 of HMAC-SHA256 over id.timestamp.body"
        " (standardwebhooks.com).",
    }
    return {
        "summary": f"Event {event} of a fax of the account",
        "operationId": f"message_{event.replace('.', '_')}",
        "parameters": [
            {"name": name, "in": "header", "description": words, "schema": {"type": "string"}}
            for name, words in headers.items()
        ],
        "requestBody": {
            "required": True,
            "content": {media_type: {"schema": schema} for media_type in CONTENT_TYPES.values()},
        },
        "responses": {
            "2XX": {"description": "Accepted."},
            "410": {"description": "The receiver is gone: the webhook is disabled."},
            "4XX": {"description": "Refused: repeated a few times."},
            "5XX": {"description": "Unavailable: repeated after Retry-After or growing pauses."},
        },
    }


def _schemas(calls: Iterable[Operation]) -> tuple[dict[str, Any], Mapping[Any, str]]:
    wanted: dict[tuple[type[BaseModel], Any], None] = {}
    for call in calls:
        for model in call.bodies.values():
            if model:
                wanted[model, "validation"] = None
        for answer in call.answers.values():
            for model in _models(answer):
                wanted[model, "serialization"] = None
        if call.query:
            wanted[call.query, "validation"] = None
    wanted[WebhookMessage, "serialization"] = None
    found, definitions = models_json_schema(list(wanted), ref_template=_REFERENCE)
    return definitions.get("$defs", {}), {key: value["$ref"] for key, value in found.items()}


def _models(answer: Any) -> list[type[BaseModel]]:
    if get_origin(answer) is list:
        return list(get_args(answer))
    return [answer] if answer is not None else []


def _operation(
    template: str, method: str, call: Operation, names: Mapping[Any, str]
) -> dict[str, Any]:
    words = _PLACE.sub("", template).replace("/v2", "").strip("/").replace("//", "/")
    parts = [part for part in words.split("/") if part]
    in_faxbox = ["faxbox"] if "{faxbox_id}" in template and "faxes" in parts else []
    ends = ["one"] if template.endswith("}") else []
    operation: dict[str, Any] = {
        "summary": call.summary,
        "operationId": "_".join([method, *parts, *ends, *in_faxbox]),
        "tags": [next((part for part in reversed(parts) if part in _TAGS), "service")],
        "parameters": _parameters(template, call),
        "responses": _responses(call, names),
    }
    if call.scope is None:
        operation["security"] = []
    else:
        operation["security"] = [{"token": []}, {"bearer": []}]
        operation["description"] = f"The token needs the scope `{call.scope}`."
    if call.bodies:
        operation["requestBody"] = {
            "required": True,
            "content": {
                media_type: {
                    "schema": {"$ref": names[model, "validation"]}
                    if model
                    else {"type": "string", "format": "binary"}
                }
                for media_type, model in call.bodies.items()
            },
        }
    return operation


_TAGS = (
    "smtplog",
    "inbox",
    "outbox",
    "incoming",
    "outgoing",
    "faxes",
    "faxboxes",
    "webhooks",
    "notifications",
    "tokens",
    "accounts",
)


def _parameters(template: str, call: Operation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    for name, kind in _PLACE.findall(template):
        schema: dict[str, Any] = (
            {"type": "integer", "minimum": 1} if kind == "int" else {"type": "string"}
        )
        if name in _PATTERNS:
            schema["pattern"] = _PATTERNS[name]
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
    for name, words in call.headers.items():
        schema = {"type": "string", "maxLength": 255}
        parameters.append({"name": name, "in": "header", "description": words, "schema": schema})
    if call.query:
        for name, schema in call.query.model_json_schema()["properties"].items():
            parameter = {"name": name, "in": "query", "schema": schema}
            if words := schema.pop("description", ""):
                parameter["description"] = words
            parameters.append(parameter)
    return parameters


def _responses(call: Operation, names: Mapping[Any, str]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for code, answer in call.answers.items():
        content = _content(call, answer, names) if code not in (304,) else {}
        response: dict[str, Any] = {"description": _DESCRIPTIONS[code]}
        responses[str(code)] = response | ({"content": content} if content else {})
    errors = {code: _SOMETIMES[code] for code in call.errors}
    errors |= _ALWAYS if call.scope is not None else {500: _ALWAYS[500]}
    if call.query and call.enveloped:
        errors |= {404: _SOMETIMES[404], 416: _SOMETIMES[416]}
    schema = {"$ref": _REFERENCE.format(model="Error")}
    for code, words in sorted(errors.items()):
        error = {"description": words, "content": {"application/json": {"schema": schema}}}
        if code == 503 and call.scope is None:  # noqa: PLR2004
            error = {"description": words}
        responses.setdefault(str(code), error)
    return responses


def _content(call: Operation, answer: Any, names: Mapping[Any, str]) -> dict[str, Any]:
    if not call.enveloped:
        if not call.media:
            return {"application/json": {"schema": {"type": "object"}}}
        binary = {"schema": {"type": "string", "format": "binary"}}
        # OpenAPI 3.1 has no way to describe one event of a stream.
        return {kind: {} if kind == "text/event-stream" else binary for kind in call.media}
    inner: dict[str, Any] = {"$ref": names[_models(answer)[0], "serialization"]}
    listed = get_origin(answer) is list
    data = {"type": "array", "items": inner} if listed else inner
    content: dict[str, Any] = {
        "application/json": {"schema": _envelope(data, paged=bool(call.query))}
    }
    if listed and call.query:
        content["text/csv"] = {"schema": {"type": "string"}}
    return content


def _envelope(data: dict[str, Any], *, paged: bool) -> dict[str, Any]:
    text = {"type": "string"}
    properties: dict[str, Any] = {
        "data": data,
        "status": {"const": "success"},
        "revision": text,
        "request_id": text,
        "auth_token": text,
        "version": text,
        "timestamp": {"type": "integer"},
    }
    if paged:
        properties |= {
            "page_size": {"type": "integer"},
            "start_key": {"type": "array", "items": text},
            "next_start_key": text,
        }
    return {
        "type": "object",
        "properties": properties,
        "required": ["data", "status", "request_id", "revision"],
    }


def _error() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "What went wrong: `message` is a short stable word, `data` has the details.",
        "properties": {
            "data": {"type": "object"},
            "error": {"type": "string", "description": "The status code."},
            "message": text,
            "status": {"const": "error"},
            "request_id": text,
        },
        "required": ["data", "error", "message", "status", "request_id"],
    }
