"""Plain text: every code, no letter lost in silence, lines and pages broken where they should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.document.limits import Limits
from fsfax.document.sources.text import COLUMNS, LINES, decode_text, lay_out, text_pdf
from fsfax.errors import DocumentDamaged, DocumentEmpty, DocumentTooLarge, DocumentUnsupported

LIMITS = Limits(max_bytes=1000, max_pages=3, max_pixels=10_000)


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "windows-1252", "latin-1"])
def test_codes(code):
    assert decode_text("Grüße aus Köln".encode(code)) == "Grüße aus Köln"


def test_bytes_that_are_in_no_code_page_are_latin_1():
    assert decode_text(b"\x81\xe4") == "\x81ä"


def test_broken_utf_16_is_damage():
    with pytest.raises(DocumentDamaged, match="UTF-8"):
        decode_text(b"\xff\xfea")


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("a\nb", [["a", "b"]]),
        ("a\r\nb\rc\n", [["a", "b", "c"]]),
        ("a\tb", [["a       b"]]),
        ("one\ftwo\f", [["one"], ["two"]]),
        ("one\f\fthree", [["one"], [""], ["three"]]),
        ("x" * 170, [["x" * 80, "x" * 80, "x" * 10]]),
        ("word " * 17, [[("word " * 16).rstrip(), "word"]]),
        ("bell\x07 and escape\x1b", [["bell and escape"]]),
    ],
)
def test_lay_out(text, pages):
    assert lay_out(text) == pages


def test_a_page_holds_as_many_lines_as_fit():
    assert [len(page) for page in lay_out("x\n" * (LINES + 1))] == [LINES, 1]


@given(st.text(st.characters(codec="utf-8")))
def test_no_visible_character_is_lost_in_the_layout(text):
    pages = lay_out(text)
    assert all(len(line) <= COLUMNS for page in pages for line in page)
    assert all(len(page) <= LINES for page in pages)

    def visible(string):
        return [char for char in string if char > " " and not char.isspace()]

    assert visible("".join(line for page in pages for line in page)) == visible(text)


def test_umlauts_the_euro_and_accents_have_ink_of_their_own(fax):
    """Each letter differs from the bare one: a font without it would draw a blank or a box."""
    pairs = ["aä", "oö", "uü", "AÄ", "OÖ", "UÜ", "eé", "cç", "nñ", "sß", "E€", "aå"]
    for bare, marked in pairs:
        (one,), (two,) = fax(f"x{bare}x".encode()), fax(f"x{marked}x".encode())
        assert two.black.sum() > 0
        assert (one.black != two.black).sum() > 5


def test_a_line_stands_on_a_grid(fax):
    (page,) = fax(b"IIIIIIIIII\n          I\n")
    left, _, right, _ = page.box()
    # Eleven columns of 10 point Courier (6 points): 66 points of 2.8346 to the millimetre.
    assert right - left == pytest.approx(66 / 2.8346 * 8.037, abs=12)


def test_form_feeds_make_pages(fax):
    first, second = fax(b"erste Seite\fzweite Seite")
    assert first.share > 0
    assert second.share > 0


def test_letters_that_cannot_be_drawn_are_refused_by_name(fax):
    with pytest.raises(DocumentUnsupported, match="Ж") as caught:
        fax("Жук".encode())
    assert caught.value.code == "characters"
    assert "PDF" in str(caught.value)


def test_boxes_and_arrows_are_replaced(fax):
    (page,) = fax("┌──┐\n│→ │\n└──┘".encode())
    assert page.share > 0


def test_blank_and_endless_texts_are_refused(fax):
    with pytest.raises(DocumentEmpty, match="blanks"):
        fax(b" \n\t\n ")
    with pytest.raises(DocumentTooLarge):
        fax(b"line\n" * LINES * 61)
    with pytest.raises(DocumentTooLarge):
        fax(b"page\f" * 61)


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
