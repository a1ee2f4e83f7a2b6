"""Presets: what a faxbox sets for every fax that is sent from it. Pure.

The API uses the fields where a request under ``/faxboxes/{id}`` does not set them. Names are those
of the Faxes API.
"""

from __future__ import annotations

from typing import Any

from fsfax.accounts.faxbox_config import FaxboxConfig


def default_fax_fields(config: FaxboxConfig) -> dict[str, Any]:
    """Return the fields of a fax that its faxbox sets, each under its name in the fax."""
    fields = {
        "from_name": config.caller_name,
        "from_number": config.caller_id,
        "fax_identity_name": config.fax_header,
        "fax_identity_number": config.fax_identity,
        "fax_timezone": config.fax_timezone,
    }
    return {name: value for name, value in fields.items() if value} | {"retries": config.retries}
