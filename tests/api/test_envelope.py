"""The envelope around answers, and errors of fsfax as answers."""

from __future__ import annotations

import json
from typing import Any

import falcon
import pytest
from falcon import testing

from fsfax.api import envelope
from fsfax.api.envelope import ApiError, bad_identifier, invalid, refusal_of, too_large
from fsfax.errors import (
    AccountNotFound,
    AddressTaken,
    DocumentEmpty,
    FsfaxError,
    IllegalMove,
    InvalidNumber,
    InvalidRequest,
    JobNotFound,
    StoreFull,
    StoreUnavailable,
)
from tests.api.application import Application


def test_pretty_print(application: Application) -> None:
    assert "\n" in application.client.get("/faxes/inbox?pretty_print=true").text
    assert "\n" not in application.client.get("/faxes/inbox").text


def request(**headers: str) -> falcon.Request:
    found = testing.create_req(headers=headers)
    found.context.request_id = "abc"
    return found


def test_a_success() -> None:
    response = falcon.Response()
    envelope.succeed(request(), response, {"x": "ü"}, code=201, revision=7, page_size=1)
    assert (response.status, response.etag) == ("201 Created", '"7"')
    body: dict[str, Any] = json.loads(response.data or b"")
    assert body.pop("timestamp") > 63_000_000_000, "seconds since the year 0"
    assert body.pop("version")
    assert body == {
        "data": {"x": "ü"},
        "revision": "7",
        "page_size": 1,
        "status": "success",
        "request_id": "abc",
    }


def test_the_revision_of_data_without_one_is_a_digest_of_them() -> None:
    etags = []
    for data in ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 3}):
        response = falcon.Response()
        envelope.succeed(request(), response, data)
        etags.append(response.etag)
    assert etags[0] == etags[1] != etags[2]


def test_a_failure_with_its_headers() -> None:
    response = falcon.Response()
    error = ApiError(429, "too_many_requests", {"message": "wait"}, {"Retry-After": "3"})
    envelope.fail(request(), response, error)
    assert response.get_header("Retry-After") == "3"
    body = json.loads(response.data or b"")
    assert (body["error"], body["message"], body["status"]) == ("429", "too_many_requests", "error")
    assert body["data"] == {"message": "wait"}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (falcon.HTTPRouteNotFound(), "not_found"),
        (falcon.HTTPMethodNotAllowed(["GET"]), "invalid_method"),
        (falcon.HTTPInternalServerError(description="a secret"), "internal_error"),
        (falcon.HTTPBadRequest(title="x", description="why"), "faulty_request"),
    ],
)
def test_an_error_of_falcon(error: falcon.HTTPError, message: str) -> None:
    response = falcon.Response()
    envelope.fail(request(), response, error)
    body = json.loads(response.data or b"")
    assert body["message"] == message
    assert body["data"]["message"]
    assert "secret" not in str(body)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InvalidNumber("x"), 400, "validation error"),
        (InvalidRequest("x"), 400, "validation error"),
        (DocumentEmpty("x"), 400, "validation error"),
        (AddressTaken("x"), 400, "validation error"),
        (JobNotFound("x"), 404, "bad_identifier"),
        (AccountNotFound("x"), 404, "bad_identifier"),
        (IllegalMove("x"), 409, "datastore_conflict"),
        (StoreUnavailable("x"), 503, "datastore_unreachable"),
        (StoreFull("x"), 507, "datastore_full"),
        (FsfaxError("x"), 500, "internal_error"),
    ],
)
def test_errors_of_fsfax_as_answers(error: FsfaxError, code: int, message: str) -> None:
    answer = refusal_of(error)
    assert (answer.status_code, answer.message) == (code, message)
    assert ("x" in str(answer.data)) == (code < 500 and code != 507)


def test_names_of_temporary_files_are_not_published() -> None:
    error = DocumentEmpty("/tmp/fsfax-upload-abc/0/a.pdf is empty")
    assert refusal_of(error).data["file"]["invalid"] == {
        "message": "the document is empty",
        "cause": "empty",
    }


def test_an_invalid_number_is_reported_under_both_paths() -> None:
    assert set(refusal_of(InvalidNumber("x")).data) == {"to_number", "document.to_number"}


def test_details() -> None:
    assert bad_identifier("1").data == {"cause": "1", "message": "bad identifier"}
    assert invalid("a.b", "rule", "why", target=1).data == {
        "a.b": {"rule": {"message": "why", "target": 1}}
    }
    assert too_large(9).data["file"]["maxSize"]["target"] == 9
