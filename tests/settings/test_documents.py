"""Sections ``document`` and ``fetch``: limits of conversion and of fetching."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fsfax.settings import DocumentSettings, FetchSettings


def test_a_document_that_may_be_fetched_may_be_converted() -> None:
    assert FetchSettings().max_bytes <= DocumentSettings().max_bytes


@pytest.mark.parametrize("name", ["max_bytes", "max_pages", "max_pixels", "memory", "timeout"])
def test_a_limit_is_above_zero(name: str) -> None:
    assert getattr(DocumentSettings.model_validate({name: 1}), name) == 1
    with pytest.raises(ValidationError, match=name):
        DocumentSettings.model_validate({name: 0})


def test_redirects() -> None:
    assert FetchSettings(max_redirects=0).max_redirects == 0
    for wrong in (-1, 51):
        with pytest.raises(ValidationError, match="max_redirects"):
            FetchSettings(max_redirects=wrong)


def test_private_networks_are_forbidden_by_default() -> None:
    assert not FetchSettings().allow_private
    assert FetchSettings.section == "fetch", "errors name the section to change"
