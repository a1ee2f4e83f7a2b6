"""The models of the API against the types that they are made into."""

from __future__ import annotations

from dataclasses import fields

import pytest

from fsfax.api.faxes import new_fax
from fsfax.api.models import DocumentSource, FaxBody
from fsfax.egress.request import FetchRequest
from fsfax.errors import InvalidFetch

FAX = {"to_number": "15550100", "from_number": "15550101"}


def test_a_document_has_the_fields_of_a_fetch_request() -> None:
    assert list(DocumentSource.model_fields) == [field.name for field in fields(FetchRequest)]


def test_unknown_fields_of_a_document_are_ignored() -> None:
    document = {"url": "https://example.com/a.pdf", "host": "example.org", "colour": "grey"}
    fax = new_fax(FaxBody.model_validate({**FAX, "document": document}), (), "0" * 32)
    assert fax.source == FetchRequest(url="https://example.com/a.pdf", host="example.org")


def test_a_document_that_cannot_be_fetched_is_refused() -> None:
    document = {"url": "https://example.com/a.pdf", "host": "not a host"}
    with pytest.raises(InvalidFetch, match=r"document\.host"):
        new_fax(FaxBody.model_validate({**FAX, "document": document}), (), "0" * 32)
