"""The transcript of a call: which observation of a kind counts, and what follows from them."""

from __future__ import annotations

from tests.engine.observed import page, seen


def test_pages_never_go_back() -> None:
    transcript = seen(page(2), page(1), page(2), page(0))
    assert [p.number for p in transcript.pages] == [2]
