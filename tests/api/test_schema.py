"""The service against its own description: schemathesis generates requests, valid and invalid ones.

No answer may be a fault (5xx), nor have a status, media type or schema that the description does
not have.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from fsfax.accounts.tokens import Scope
from fsfax.notify.subscriptions import Webhooks
from tests.api.conftest import ServiceFactory
from tests.api.service import Service, until

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    missing_required_header,
    unsupported_method,
    ignored_auth,
]


@pytest.fixture(scope="module")
def service(new_service: ServiceFactory, letter: Path) -> Service:
    """A service with faxes of all kinds and no worker, so that generated faxes are not sent."""
    service = new_service()
    service.words = ("--api-only",)
    service.accounts.change(service.account, numbers=["15550123"])
    service.over(service.send(letter, "15550123")["id"])
    until(lambda: service.get("/faxes/inbox"), "it was received, too")
    service.smtplog.add(from_address="a@b", to_address="1@c", account_id=service.account)
    service.faxboxes.create(service.account, {"name": "Desk"})
    hooks = Webhooks(service.database)
    for number in range(5):
        # Nothing listens there, and the address is not permitted.
        hooks.create(service.account, f"http://127.0.0.1:1/{number}")
    notify = {"notifications": {"email": {"send_to": ["a@b.org", "c@d.org"]}}}
    service.over(service.send(letter, "15550123", **notify)["id"])
    until(lambda: len(service.get("/notifications")) >= 7, "the notifications are listed")
    for _ in range(30):
        service.send(letter, "15550199", not_before="2099-01-01T00:00:00Z")
    service.again()
    service.token = service.new_token(None, *Scope)
    return service


@pytest.fixture(scope="module")
def description(service: Service) -> Any:
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    schema.config.update(base_url=service.url)
    return schema


@pytest.fixture(scope="module")
def known(service: Service) -> dict[str, Any]:
    """Return ids that exist, for the places in paths; the events of a final fax have an end."""
    done = [fax["id"] for fax in service.get("/faxes/outbox")]
    waiting = [fax["id"] for fax in service.get("/faxes/outgoing")]
    return {
        "account_id": itertools.repeat(service.account),
        "faxbox_id": itertools.cycle([box.id for box in service.faxboxes.list()]),
        "outbox": itertools.cycle(done),
        "outgoing": itertools.cycle(waiting),
        "events": itertools.cycle(done),
        "inbox": itertools.cycle([fax["id"] for fax in service.get("/faxes/inbox")]),
        "attempt_id": itertools.cycle([mail["id"] for mail in service.get("/faxes/smtplog")]),
        "number": itertools.cycle([1, 2, 3]),
        "webhook_id": itertools.cycle([hook["id"] for hook in service.get("/webhooks")]),
        "notification_id": itertools.cycle([each["id"] for each in service.get("/notifications")]),
    }


def test_every_operation(service: Service, description: Any, known: dict[str, Any]) -> None:
    count, wrong = 0, []
    for found in description.get_all_operations():
        count += 1
        operation = found.ok()
        for mode in GenerationMode:
            try:
                with suppress(
                    Unsatisfiable
                ):  # an operation without arguments has no invalid request
                    _try(operation, mode, service, known)
            except (FailureGroup, AssertionError) as error:
                wrong.append(f"{operation.label}, {mode}: {_message(error)}")
    assert not wrong, "\n\n".join(wrong)
    assert count > 50


def _message(error: BaseException) -> str:
    each = error.exceptions if isinstance(error, BaseExceptionGroup) else [error]
    return "\n".join(f"{one}"[:1500] for one in each)


def _try(operation: Any, mode: GenerationMode, service: Service, known: dict[str, Any]) -> None:
    @seed(0)
    @settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode))
    def attempt(case: schemathesis.Case) -> None:
        for name in case.path_parameters:
            kind = name
            if name == "fax_id":
                kind = next((w for w in reversed(case.path.split("/")) if w in known), "")
            # Every other request names an object that exists.
            if name == "account_id" or (kind in known and next(_every_other)):
                case.path_parameters[name] = str(next(known[kind]))
        response = case.call(headers={"X-Auth-Token": service.token}, timeout=20)
        case.validate_response(response, checks=CHECKS)

    attempt()


_every_other = itertools.cycle([True, False])


def test_the_log_has_no_fault(service: Service) -> None:
    text = service.log.read_text()
    assert "request_failed" not in text
    assert "Traceback" not in text
