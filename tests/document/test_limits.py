"""What is too much, and what the messages say about it."""

import pytest

from fsfax.document.limits import Limits, check_bytes, check_pages, check_pixels
from fsfax.document.sources.text import text_pdf
from fsfax.errors import DocumentEmpty, DocumentTooLarge, DocumentUnsupported

LIMITS = Limits(max_bytes=1000, max_pages=3, max_pixels=10_000)


def test_what_is_within_the_limits_passes():
    check_bytes(1, LIMITS)
    check_bytes(1000, LIMITS)
    check_pages(1, LIMITS)
    check_pages(3, LIMITS)
    check_pixels(100, 100, LIMITS, 0)


@pytest.mark.parametrize(
    ("check", "error", "code", "setting"),
    [
        (lambda: check_bytes(0, LIMITS), DocumentEmpty, "empty", "uploaded"),
        (lambda: check_bytes(1001, LIMITS), DocumentTooLarge, "too_many_bytes", "max_bytes"),
        (lambda: check_pages(0, LIMITS), DocumentEmpty, "no_pages", "nothing to fax"),
        (lambda: check_pages(4, LIMITS), DocumentTooLarge, "too_many_pages", "max_pages"),
        (
            lambda: check_pixels(101, 100, LIMITS, 4),
            DocumentTooLarge,
            "too_many_pixels",
            "page 5 has 101 by 100",
        ),
    ],
)
def test_what_is_not_is_refused_with_the_setting_to_change(check, error, code, setting):
    with pytest.raises(error, match=setting) as caught:
        check()
    assert caught.value.code == code


def test_a_text_becomes_a_pdf_with_a_page_for_each_of_its_pages():
    pdf = text_pdf("Grüße\f10 €".encode(), LIMITS)
    assert pdf.startswith(b"%PDF-1.4")
    assert b"/Count 2" in pdf
    assert "Grüße".encode("windows-1252").hex().encode() in pdf
    assert b"80" in pdf  # the euro in windows-1252


def test_wide_letters_and_ligatures_are_narrowed_before_they_are_refused():
    assert b"/Count 1" in text_pdf("\ufb01n \uff21\uff22".encode(), LIMITS)
    with pytest.raises(DocumentUnsupported, match="…"):
        text_pdf("абвгдежзик".encode(), LIMITS)


def test_a_text_of_too_many_pages_is_refused():
    with pytest.raises(DocumentTooLarge):
        text_pdf(b"a\fb\fc\fd", LIMITS)
