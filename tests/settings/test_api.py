"""Section ``api``: the HTTP API."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fsfax.settings import ApiSettings


def test_it_listens_on_loopback_by_default() -> None:
    defaults = ApiSettings()
    assert (defaults.host, defaults.port, defaults.certificate) == ("127.0.0.1", 8000, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [("port", 0), ("streams", 0), ("rate", 0), ("threads", 100), ("burst", 1), ("connections", 1)],
)
def test_the_ends_of_ranges(name: str, value: int) -> None:
    assert getattr(ApiSettings.model_validate({name: value}), name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", 65536),
        ("port", -1),
        ("threads", 0),
        ("threads", 101),
        ("connections", 0),
        ("burst", 0),
        ("rate", -1),
        ("max_upload", 0),
        ("idle_timeout", 0),
    ],
)
def test_values_that_are_refused(name: str, value: int) -> None:
    with pytest.raises(ValidationError, match=name):
        ApiSettings.model_validate({name: value})
