"""PDF to TIFF-F: the right way up, at true size, with everything that a reader sees."""

from __future__ import annotations

import io
import zlib

import pypdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsfax.errors import (
    DocumentDamaged,
    DocumentEmpty,
    DocumentEncrypted,
    DocumentError,
    DocumentTooLarge,
)
from tests.document.pels import assert_fax_or_refusal
from tests.document.samples import A4, make_pdf, mark_content, text_content


def test_a_page_lies_where_it_should(fax):
    (page,) = fax(make_pdf([mark_content(*A4)]))
    left, top, right, bottom = page.box()
    # 5 % to 35 % of 210 mm across, after the margin of 20 pels; 5 % to 15 % of 297 mm down.
    assert abs(left - (20 + 0.05 * 1688)) <= 1.5
    assert abs(right - (20 + 0.35 * 1688)) <= 1.5
    assert abs(top - 0.05 * 2287) <= 1.5
    assert abs(bottom - 0.15 * 2287) <= 1.5


@pytest.mark.parametrize("resolution", ["standard", "fine", "superfine"])
@pytest.mark.parametrize(("paper", "width"), [("A4", 1728), ("B4", 2048), ("A3", 2432)])
def test_every_resolution_and_width(fax, resolution, paper, width):
    (page,) = fax(make_pdf([text_content(3)]), resolution=resolution, paper=paper)
    rows = {"standard": 1143, "fine": 2287, "superfine": 4574}[resolution]
    assert page.bitmap.width == width
    assert abs(page.bitmap.height - rows) <= 1
    assert page.bitmap.x_dpi == 204
    assert page.bitmap.y_dpi == {"standard": 98, "fine": 196, "superfine": 391}[resolution]
    assert 0 < page.share < 0.05


@pytest.mark.parametrize(
    ("rotate", "size", "corner"),
    [
        # Upright pages: /Rotate turns clockwise, the fax shows what the reader sees.
        (0, A4, "upper left"),
        (180, A4, "lower right"),
        # Lying pages are turned back with their top to the left.
        (90, A4, "upper left"),
        (270, A4, "lower right"),
        (0, A4[::-1], "lower left"),
        (90, A4[::-1], "upper right"),
    ],
)
def test_rotation_is_honoured_and_landscape_turned(fax, rotate, size, corner):
    (page,) = fax(make_pdf([mark_content(*size)], size, page=f"/Rotate {rotate}"))
    assert page.corner() == corner
    assert abs(page.bitmap.height - 2286) <= 1


def test_the_crop_box_is_the_page(fax):
    content = "0 g 0 0 300 842 re f 1 g 110 600 80 80 re f"
    (page,) = fax(make_pdf([content], page="/CropBox[100 500 300 700]"))
    assert page.bitmap.height == 1139  # 70 mm, on the shortest sheet
    left, top, right, bottom = page.box()
    assert left == pytest.approx(580, abs=1)
    assert top == 0
    assert right - left == pytest.approx(567, abs=2)
    assert bottom == pytest.approx(542, abs=2)


def test_annotations_are_drawn(fax):
    square = "/Annots[<</Type/Annot/Subtype/Square/Rect[100 600 300 700]/C[0 0 0]/IC[0 0 0]>>]"
    appearance = (
        b"<</Type/XObject/Subtype/Form/BBox[0 0 100 50]/Length 26>>stream\n"
        b"0 g 0 0 100 50 re f       \nendstream"
    )
    stamp = "/Annots[<</Type/Annot/Subtype/Stamp/Rect[100 600 200 650]/AP<</N 4 0 R>>/F 4>>]"
    (with_square,) = fax(make_pdf([""], page=square))
    (with_stamp,) = fax(make_pdf([""], page=stamp, more=[appearance]))
    assert with_stamp.share > 0.005
    assert with_square.share > 0.02


def test_form_fields_are_drawn_as_filled_in_and_without_tint(fax):
    appearance = (
        b"<</Type/XObject/Subtype/Form/BBox[0 0 200 20]/Resources<</Font<</F 3 0 R>>>>/Length 52>>"
        b"stream\n/Tx BMC BT /F 12 Tf 2 5 Td (Mustermann) Tj ET EMC   \nendstream"
    )
    field = (
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(Mustermann)/Rect[100 700 300 720]/F 4"
        b"/DA(/F 12 Tf 0 g)/AP<</N 4 0 R>>>>"
    )
    form = "/AcroForm<</Fields[5 0 R]/DA(/F 12 Tf 0 g)/DR<</Font<</F 3 0 R>>>>>>"
    pdf = make_pdf([""], page="/Annots[5 0 R]", root=form, more=[appearance, field])
    (page,) = fax(pdf)
    left, top, right, bottom = page.box()
    assert left > 300
    assert right - left < 600
    assert bottom - top < 60
    assert 0.0002 < page.share < 0.002  # letters, and no box behind them


def test_white_is_under_transparency_and_blank_pages_stay(fax):
    state = "/ExtGState<</Half<</ca 0.05>>>>"
    content = "/Half gs 0 g 0 0 595 842 re f"
    pages = fax(make_pdf(["", content, text_content(2)], resources=state))
    assert len(pages) == 3
    assert pages[0].share == 0
    assert pages[1].share < 0.1


def test_letters_on_a_tint_have_a_white_ring(fax):
    content = "0.6 g 60 600 400 100 re f 0 g BT /F 24 Tf 100 640 Td (LEGIBLE) Tj ET"
    (page,) = fax(make_pdf([content]))
    tint = page.black[500:520, 400:1200]
    assert 0.25 < tint.mean() < 0.55  # a screen, neither black nor white
    letters = page.black[470:560, 280:620]
    assert 0.15 < letters.mean() < 0.6


def test_a_long_page_is_cut_into_sheets(fax):
    pages = fax(make_pdf(["0 g 0 0 226 2834 re f"], (226, 2834)))
    assert len(pages) == 4
    assert all(page.share > 0.2 for page in pages)


def encrypted(user: str, owner: str, algorithm: str) -> bytes:
    writer = pypdf.PdfWriter(clone_from=pypdf.PdfReader(io.BytesIO(make_pdf([text_content(3)]))))
    writer.encrypt(user, owner, algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_an_owners_password_alone_is_no_obstacle(fax):
    (page,) = fax(encrypted("", "secret", "RC4-128"))
    assert page.share > 0.001


def test_a_users_password_is_refused_with_a_remedy(fax):
    with pytest.raises(DocumentEncrypted, match="without a password"):
        fax(encrypted("secret", "secret", "RC4-128"))


def test_no_pages_no_bytes_too_many_pages_too_many_bytes(fax):
    with pytest.raises(DocumentError) as caught:
        fax(make_pdf([]))
    assert caught.value.code in ("no_pages", "damaged")
    with pytest.raises(DocumentEmpty):
        fax(b"")
    with pytest.raises(DocumentTooLarge, match="at most 60") as caught:
        fax(make_pdf([""] * 61))
    assert caught.value.code == "too_many_pages"
    with pytest.raises(DocumentTooLarge) as caught:
        fax(make_pdf([""]) + b"\n" * 20_000_001)
    assert caught.value.code == "too_many_bytes"


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(fax):
    data = zlib.compress(b"\0" * 1_000_000, 9)
    image = (
        b"<</Type/XObject/Subtype/Image/Width 60000/Height 60000/ColorSpace/DeviceGray"
        b"/BitsPerComponent 8/Filter/FlateDecode/Length %d>>stream\n%b\nendstream"
        % (len(data), data)
    )
    pdf = make_pdf(
        ["q 500 0 0 500 50 50 cm /Im Do Q"], resources="/XObject<</Im 4 0 R>>", more=[image]
    )
    with pytest.raises(DocumentTooLarge, match="60000") as caught:
        fax(pdf)
    assert caught.value.code == "too_many_pixels"


@pytest.mark.parametrize("part", [0.02, 0.25, 0.5, 0.75, 0.95])
def test_a_pdf_cut_short_is_refused(fax, part):
    """pdfium would rebuild it, and send the pages it finds as if they were all."""
    pdf = make_pdf([text_content()] * 4)
    with pytest.raises(DocumentDamaged, match="cut off"):
        fax(pdf[: int(len(pdf) * part)])


def test_an_older_version_is_not_sent_in_place_of_a_newer_one_cut_short(fax):
    """What was appended is not all there; a viewer would show the pages as they were before."""
    pdf = make_pdf([text_content()])
    with pytest.raises(DocumentDamaged, match="cut off"):
        fax(pdf + b"\n6 0 obj\n<</Length 9000>>stream\n" + b"0 0 m 9 9 l S\n" * 300)


def test_zeros_after_the_end_are_ignored(fax):
    assert len(fax(make_pdf([""]) + b"\0" * 10_000)) == 1


@given(st.data())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_garbage_inside_is_a_document_error_or_a_fax(fax, data):
    pdf = bytearray(make_pdf([text_content(4)] * 2))
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(9, len(pdf) - 1))
        pdf[at : at + 8] = data.draw(st.binary(min_size=1, max_size=12))
    assert_fax_or_refusal(fax, bytes(pdf))
