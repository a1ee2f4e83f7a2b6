"""The kind of a document is found from its bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.document.kinds import is_text, sniff
from fsfax.errors import DocumentEmpty, DocumentUnsupported


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"%PDF-1.7\n", "pdf"),
        (b"\n\njunk before\n%PDF-1.4", "pdf"),
        (b"II*\0\x08\0\0\0", "tiff"),
        (b"MM\0*\0\0\0\x08", "tiff"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "jpeg"),
        (b"Dear Sir,\r\n\tplease\x0c", "text"),
        ("Grüße, 10 €".encode(), "text"),
        ("Grüße aus Köln".encode("latin-1"), "text"),
        ("Grüße".encode("utf-16"), "text"),
        (b"\xef\xbb\xbfwith a mark", "text"),
        (b"BMW is a make of car", "text"),  # starts like a BMP
        (b"MZ is the start of a name", "text"),
        ("ü".encode()[:1] * 0 + "cut in the middle of ü".encode()[:-1], "text"),
    ],
)
def test_kinds_that_can_be_faxed(head, kind):
    assert sniff(head) == kind


@pytest.mark.parametrize(
    ("head", "named"),
    [
        (b"PK\x03\x04\x14\0", "Office"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", "Office"),
        (b"GIF89a\x01\0", "GIF"),
        (b"BM\x36\0\0\0\0\0", "BMP"),
        (b"RIFF\0\0\0\0WEBP", "WebP"),
        (b"%!PS-Adobe-3.0", "PostScript"),
        (b"{\\rtf1 hello", "Rich Text"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\x7fELF\x02\x01", "program"),
        (b"<!DOCTYPE html><p>x", "web page"),
        (b"  <html>", "web page"),
        (b'<?xml version="1.0"?><svg/>', "SVG"),
        (b"\0\x01\x02\x03", "no known kind"),
        (bytes(range(128, 256)), "no known kind"),
        (b"\xff\xfe\0\xd8\0\xd8", "no known kind"),  # UTF-16 with lone surrogates
    ],
)
def test_other_kinds_are_refused_by_name_with_a_remedy(head, named):
    with pytest.raises(DocumentUnsupported, match=named) as caught:
        sniff(head)
    assert "PDF" in str(caught.value)


def test_no_bytes_are_an_empty_document():
    with pytest.raises(DocumentEmpty):
        sniff(b"")


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_have_a_kind_or_are_refused(head):
    try:
        kind = sniff(head)
    except DocumentUnsupported:
        return
    assert kind in ("pdf", "tiff", "png", "jpeg", "text")


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=1))
def test_any_utf8_text_is_text(text):
    assert is_text(text.encode())
