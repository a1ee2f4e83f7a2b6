"""The tasks of a worker, carried out in this process: plan, draw, and the document left open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fsfax.document import ccitt
from fsfax.document.process.tasks import TaskHandler
from fsfax.errors import DocumentNotFound, DocumentTooLarge, InvalidRequest
from tests.document.samples import make_pdf, mark_content, text_content

LIMITS = {"max_bytes": 1_000_000, "max_pages": 3, "max_pixels": 1_000_000}


def request(path: Path, **changes: object) -> dict[str, Any]:
    return {
        "job": "1",
        "path": os.fspath(path),
        "limits": LIMITS,
        "paper": "A4",
        "resolution": "fine",
        "coding": "mmr",
        "draw_up_to": 0,
        **changes,
    }


@pytest.fixture
def handler() -> Iterator[TaskHandler]:
    handler = TaskHandler()
    yield handler
    handler.close()


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    file = tmp_path / "two.pdf"
    file.write_bytes(make_pdf([text_content(3), mark_content(595, 842)]))
    return file


def test_a_plan_has_the_fax_pages_and_no_strips(handler: TaskHandler, pdf: Path) -> None:
    header, payload = handler.handle("plan", request(pdf))
    assert header["kind"] == "pdf"
    assert [fields[0] for fields in header["plan"]] == [0, 1]
    assert (header["lengths"], header["rows"], payload) == ([], [], b"")


def test_a_short_document_is_drawn_with_its_plan(handler: TaskHandler, pdf: Path) -> None:
    header, payload = handler.handle("plan", request(pdf, draw_up_to=2))
    assert len(header["lengths"]) == len(header["rows"]) == 2
    assert sum(header["lengths"]) == len(payload)


def test_pages_are_drawn_as_they_were_planned(handler: TaskHandler, pdf: Path) -> None:
    plan = handler.handle("plan", request(pdf))[0]["plan"]
    header, payload = handler.handle("draw", request(pdf, plan=plan[1:]))
    (length,), (rows,) = header["lengths"], header["rows"]
    assert length == len(payload)
    bits, whole = ccitt.decode(payload, 1728, rows, "mmr")
    assert whole
    # The bar at the upper left is a good hundredth of the page.
    upper = np.bitwise_count(bits[: rows // 2, : 1728 // 16]).sum()
    assert upper / (rows * 1728) == pytest.approx(0.03, abs=0.01)
    assert not bits[rows // 2 :].any()


def test_a_document_that_has_more_fax_pages_than_allowed(
    handler: TaskHandler, tmp_path: Path
) -> None:
    file = tmp_path / "roll.pdf"
    file.write_bytes(make_pdf([""], (226, 2834)))  # one page, cut into four sheets
    with pytest.raises(DocumentTooLarge) as caught:
        handler.handle("plan", request(file))
    assert caught.value.code == "too_many_pages"


def test_the_document_stays_open_for_its_job_only(handler: TaskHandler, pdf: Path) -> None:
    handler.handle("plan", request(pdf))
    opened = handler._source
    handler.handle("plan", request(pdf))
    assert handler._source is opened
    handler.handle("plan", request(pdf, job="2"))
    again = handler._source
    assert again is not opened
    pdf.write_bytes(make_pdf([""]))  # the same job and path, but another file
    assert len(handler.handle("plan", request(pdf, job="2"))[0]["plan"]) == 1
    assert handler._source is not again
    handler.close()
    assert handler._source is None


def test_an_inspection_opens_the_document_for_itself(handler: TaskHandler, pdf: Path) -> None:
    header, payload = handler.handle("inspect", {"path": os.fspath(pdf), "limits": LIMITS})
    assert (header["kind"], len(header["pages"]), payload) == ("pdf", 2, b"")
    assert handler._source is None


def test_invalid_requests_are_errors_of_the_document_or_request(
    handler: TaskHandler, pdf: Path
) -> None:
    with pytest.raises(DocumentNotFound):
        handler.handle("plan", request(pdf.with_name("missing")))
    with pytest.raises(InvalidRequest, match="A4, B4, A3"):
        handler.handle("plan", request(pdf, paper="A7"))
