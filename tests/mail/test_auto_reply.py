"""Automatic mails: those whose sender would answer a report."""

from __future__ import annotations

import pytest

from fsfax.mail.auto_reply import MOST_HOPS, objection

CASES = [
    ({}, False, ""),
    ({"auto-submitted": ["no"]}, False, ""),
    ({"auto-submitted": ["No (a person)"]}, False, ""),
    ({"auto-submitted": ["auto-replied"]}, False, "Auto-Submitted: auto-replied"),
    ({"auto-submitted": ["auto-replied; owner=x"]}, True, "auto-replied"),
    ({"auto-submitted": ["auto-generated"]}, False, "auto-generated"),
    ({"auto-submitted": ["auto-generated"]}, True, ""),
    ({"auto-submitted": ["auto-notified"]}, True, "auto-notified"),
    ({"auto-submitted": ["no", "auto-replied"]}, False, "auto-replied"),
    ({"precedence": ["bulk"]}, False, "Precedence: bulk"),
    ({"precedence": ["bulk"]}, True, ""),
    ({"precedence": ["LIST"]}, True, "Precedence: list"),
    ({"precedence": ["first-class"]}, False, ""),
    ({"list-id": ["<l.example.com>"]}, True, "mailing lists"),
    ({"list-post": ["<mailto:l@example.com>"]}, True, "mailing lists"),
    ({"list-unsubscribe": ["<mailto:u@example.com>"]}, False, ""),  # of many an invoice
    ({"received": ["by x"] * (MOST_HOPS - 1)}, False, ""),
    ({"received": ["by x"] * MOST_HOPS}, True, "mail loop"),
]


@pytest.mark.parametrize(("fields", "automatic", "why"), CASES)
def test_automatic_mails_are_refused(
    fields: dict[str, list[str]], automatic: bool, why: str
) -> None:
    found = objection(lambda name: fields.get(name, []), automatic=automatic)
    assert why in found
    assert bool(found) == bool(why)
