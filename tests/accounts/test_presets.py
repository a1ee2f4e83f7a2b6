"""Fields that a faxbox sets for the faxes that are sent from it."""

from __future__ import annotations

from typing import Any

import pytest

from fsfax.accounts.faxbox_config import DEFAULT_RETRIES, FaxboxConfig
from fsfax.accounts.presets import default_fax_fields


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        ({}, {}),
        ({"retries": 0}, {"retries": 0}),
        # An empty field sets nothing, so that the settings decide.
        ({"caller_name": "", "caller_id": "", "fax_header": None}, {}),
        ({"caller_name": "Ward 7"}, {"from_name": "Ward 7"}),
        (
            {
                "caller_id": "+353 1 555 0100",
                "caller_name": "Ward 7",
                "fax_header": "CLINIC",
                "fax_identity": "+353 1 5550100",
                "fax_timezone": "Europe/Dublin",
                "retries": 2,
            },
            {
                "from_number": "+353 1 555 0100",
                "from_name": "Ward 7",
                "fax_identity_name": "CLINIC",
                "fax_identity_number": "+353 1 5550100",
                "fax_timezone": "Europe/Dublin",
                "retries": 2,
            },
        ),
        # What is not of a single fax.
        ({"forward_to": "1", "retention_days": 1, "callers": {"block": ["*"]}}, {}),
    ],
)
def test_fields_have_their_names_in_a_fax(config: dict[str, Any], fields: dict[str, Any]) -> None:
    expected = {"retries": DEFAULT_RETRIES} | fields
    assert default_fax_fields(FaxboxConfig.model_validate(config)) == expected
