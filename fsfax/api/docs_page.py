"""The OpenAPI document as an HTML page, without scripts or external files."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc } code, pre { background: #f4f4f4 }
h3 code { font-size: 1rem } table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .2rem .6rem; border-top: 1px solid #ddd }
.method { display: inline-block; min-width: 4.5rem; font-weight: bold }
"""


def page(document: Mapping[str, Any]) -> str:
    """Return the OpenAPI document as an HTML page."""
    info = document["info"]
    tags: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            section = _operation(path, method, operation)
            tags.setdefault(operation["tags"][0], []).append(section)
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(parts)}" for tag, parts in tags.items())
    body += "<h2>requests to webhooks</h2>" + "".join(
        _operation(event, method, operation)
        for event, operations in document["webhooks"].items()
        for method, operation in operations.items()
    )
    schemas = document["components"]["schemas"]
    models = "".join(_model(name, schema) for name, schema in sorted(schemas.items()))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style>"
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f"<p>{escape(info['description'])} For programs: "
        "<a href=openapi.json>openapi.json</a>.</p>"
        f"{body}<h2>Models</h2>{models}"
    )


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    rows = [
        (p["name"], p["in"], p.get("description", ""), p["schema"]) for p in operation["parameters"]
    ]
    parameters = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{escape(place)}<td>{escape(words)}"
        f" {escape(_kind(schema))}"
        for name, place, words, schema in rows
        if place != "path"
    )
    bodies = operation.get("requestBody", {}).get("content", {})
    body = ", ".join(
        f"<code>{escape(kind)}</code> {_link(content['schema'])}"
        for kind, content in bodies.items()
    )
    answers = "".join(
        f"<tr><td>{escape(code)}<td>{escape(answer['description'])} {_answer(answer)}"
        for code, answer in operation["responses"].items()
    )
    return (
        f"<h3><code><span class=method>{method.upper()}</span>{escape(path)}</code></h3>"
        f"<p>{escape(operation['summary'])}. {escape(operation.get('description', ''))}</p>"
        + (f"<p>Body: {body}</p>" if body else "")
        + (f"<table>{parameters}</table>" if parameters else "")
        + f"<details><summary>Answers</summary><table>{answers}</table></details>"
    )


def _answer(answer: Mapping[str, Any]) -> str:
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    data = schema.get("properties", {}).get("data", schema)
    return _link(data.get("items", data))


def _link(schema: Mapping[str, Any]) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    return f'<a href="#{escape(name)}">{escape(name)}</a>' if name else ""


def _model(name: str, schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code>{' *' if field in required else ''}"
        f"<td>{escape(_kind(inner))}<td>{escape(inner.get('description', ''))} {_link(inner)}"
        for field, inner in schema.get("properties", {}).items()
    )
    words = escape(schema.get("description", ""))
    return f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{words}</p><table>{rows}</table>'


def _kind(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(inner) for inner in schema["anyOf"])
    words = [str(schema.get("type", schema.get("const", "")))]
    limits = {
        "minimum": "from",
        "maximum": "to",
        "maxLength": "at most (characters)",
        "pattern": "like",
        "enum": "one of",
        "default": "default",
    }
    words += [f"{label} {schema[rule]}" for rule, label in limits.items() if rule in schema]
    return ", ".join(word for word in words if word)
