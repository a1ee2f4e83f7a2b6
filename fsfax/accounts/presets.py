"""Presets: what a faxbox says about every fax that is sent from it. Pure.

The API fills them in where a request behind ``/faxboxes/{id}`` says nothing, mails have nothing
else. Names are those of the Faxes API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsfax.accounts.faxboxes import RETRIES, Faxbox

_NAMES = {
    "from_name": "caller_name",
    "from_number": "caller_id",
    "fax_identity_name": "fax_header",
    "fax_identity_number": "fax_identity",
    "fax_timezone": "fax_timezone",
}
"""Fields of a fax that its faxbox fills in, and what they are called there."""


def of_faxbox(box: Faxbox) -> dict[str, Any]:
    """Return the fields of a fax that a faxbox fills in."""
    filled = {name: value for name, there in _NAMES.items() if (value := box.data.get(there))}
    return filled | {"retries": box.data.get("retries", RETRIES)}


def told_of_sent(box: Faxbox) -> dict[str, list[str]]:
    """Return who a faxbox tells of the faxes that are sent from it, by ``email`` and ``sms``."""
    told: dict[str, list[str]] = {}
    outbound = _below(box.data, "notifications", "outbound")
    for way in ("email", "sms"):
        targets = _below(outbound, way).get("send_to")
        listed = [targets] if isinstance(targets, str) else targets
        if isinstance(listed, list) and listed:
            told[way] = [str(target) for target in listed if target]
    return told


def _below(values: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    for name in path:
        found = values.get(name)
        if not isinstance(found, Mapping):
            return {}
        values = found
    return values
