"""SpanDSP, the engine inside FreeSWITCH, accepts and delivers every file that is made here."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fsfax.document import compare, inspect, read_pages, to_pdf
from fsfax.softswitch.line import Line, Side, Stats
from fsfax.softswitch.terminal import Terminal
from tests.document.samples import make_pdf, mark_content, marked_image, text_content

pytestmark = pytest.mark.spandsp


class Witness:
    """Remembers what both ends said."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.pages: list[Stats] = []

    def phase_b(self, side: Side, stats: Stats, remote_ident: str) -> None:
        pass

    def phase_d(self, side: Side, stats: Stats, remote_ident: str) -> None:
        if side == "called":
            self.pages.append(stats)

    def phase_e(self, side: Side, code: int, text: str, stats: Stats, remote_ident: str) -> None:
        self.codes[side] = code


def send(tiff: Path, received: Path, **options: object) -> Witness:
    witness = Witness()
    header = options.pop("header", "")
    Line(
        Terminal(ident="+1 555 0100", tx_file=tiff, header=str(header), **options),  # type: ignore[arg-type]
        Terminal(ident="+1 555 0199", rx_file=received),
        witness,
    ).run()
    return witness


def documents() -> dict[str, bytes]:
    def image(picture: Image.Image, form: str, **options: object) -> bytes:
        out = io.BytesIO()
        picture.save(out, form, **options)
        return out.getvalue()

    y, x = np.mgrid[0:700, 0:500]
    photo = Image.fromarray((128 + 100 * np.sin(x / 50) * np.cos(y / 70)).astype(np.uint8))
    return {
        "text": make_pdf([text_content()] * 2),
        "blank": make_pdf([""]),
        "landscape": make_pdf([mark_content(842, 595)], (842, 595)),
        "card": make_pdf([mark_content(240, 155)], (240, 155)),
        "till roll": make_pdf(["0 g 0 0 100 2834 re f"], (226, 2834)),
        "legal": make_pdf([text_content()], (612, 1008)),
        "black": make_pdf(["0 g 0 0 600 900 re f"]),
        "plain text": b"Hello,\n\nthis is plain text.\n\f and a second page",
        "photo": image(photo, "PNG"),
        "jpeg": image(marked_image(900, 600).convert("RGB"), "JPEG"),
        "tiff": image(marked_image(1728, 1143).convert("1"), "TIFF", dpi=(204, 98)),
    }


DOCUMENTS = documents()


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("resolution", ["standard", "fine", "superfine"])
@pytest.mark.parametrize("coding", ["mmr", "mh"])
def test_every_document_arrives_as_it_was_sent(converter, tmp_path, document, resolution, coding):
    source, sent, received = (tmp_path / name for name in ("source", "sent.tif", "received.tif"))
    source.write_bytes(DOCUMENTS[document])
    conversion = converter.convert(source, sent, resolution=resolution, coding=coding)
    witness = send(sent, received)
    assert witness.codes == {"caller": 0, "called": 0}
    found = compare(sent, received)
    assert found.identical, found.differences
    assert len(witness.pages) == len(conversion.pages)
    across, down = {
        "standard": (8031, 3850),
        "fine": (8031, 7700),
        "superfine": (8031, 15400),
    }[resolution]
    for stats, page in zip(witness.pages, conversion.pages, strict=True):
        assert (stats.width, stats.length) == (page.width, page.height)
        # R8, not one of the resolutions beside it.
        assert stats.x_resolution == pytest.approx(across, rel=0.002)
        assert stats.y_resolution == pytest.approx(down, rel=0.002)


@pytest.mark.parametrize(("paper", "width"), [("B4", 2048), ("A3", 2432)])
def test_the_wider_papers_arrive(converter, tmp_path, paper, width):
    source, sent, received = (tmp_path / name for name in ("source", "sent.tif", "received.tif"))
    source.write_bytes(make_pdf([text_content()], (842, 1191)))
    converter.convert(source, sent, paper=paper)
    assert send(sent, received).codes == {"caller": 0, "called": 0}
    assert compare(sent, received).identical
    assert {page.width for page in read_pages(received)} == {width}


@pytest.mark.parametrize("ecm", [True, False])
def test_with_and_without_ecm(converter, tmp_path, ecm):
    source, sent, received = (tmp_path / name for name in ("source", "sent.tif", "received.tif"))
    source.write_bytes(DOCUMENTS["text"])
    converter.convert(source, sent)
    assert send(sent, received, ecm=ecm).codes == {"caller": 0, "called": 0}
    assert compare(sent, received).identical


@pytest.mark.parametrize(
    ("resolution", "rows"), [("standard", 16), ("fine", 32), ("superfine", 64)]
)
@pytest.mark.parametrize("document", ["text", "black", "till roll"])
def test_the_header_line_is_put_above_the_page(converter, tmp_path, document, resolution, rows):
    """Nothing is lost. With T.85, which SpanDSP 0.0.6 has not, the white rows at the foot are:
    see tests/e2e/test_fax.py, where two FreeSWITCHes do it."""
    source, sent, received = (tmp_path / name for name in ("source", "sent.tif", "received.tif"))
    source.write_bytes(DOCUMENTS[document])
    converter.convert(source, sent, resolution=resolution)
    assert send(sent, received, header="fsfax test").codes["caller"] == 0
    assert not compare(sent, received).identical
    assert compare(sent, received, header_rows=rows).identical
    assert compare(sent, received, header_rows="auto").identical
    assert all(not page.bits[-rows:].any() for page in read_pages(sent))


def test_a_file_of_spandsp_is_inspected_rendered_and_sent_again(converter, tmp_path):
    source, sent, received = (tmp_path / name for name in ("source", "sent.tif", "received.tif"))
    source.write_bytes(DOCUMENTS["text"])
    converter.convert(source, sent)
    send(sent, received)
    found = inspect(received)
    assert found.fax
    assert found.pages[0].resolution == "fine"
    assert found.software.lower().startswith("spandsp")
    assert to_pdf(received, tmp_path / "received.pdf") == 2
    again, once_more = tmp_path / "again.tif", tmp_path / "once-more.tif"
    converter.convert(received, again)
    assert compare(sent, again).identical
    assert send(again, once_more).codes["caller"] == 0
    assert compare(sent, once_more).identical


@pytest.mark.parametrize(("part", "pages"), [(0.4, 1), (0.6, 1), (0.9, 2)])
def test_a_received_file_that_broke_off_gives_the_pages_before(converter, tmp_path, part, pages):
    """SpanDSP writes the directory of a page after its strip, and the link to it last."""
    source, sent, received = (tmp_path / name for name in ("source", "sent.tif", "received.tif"))
    source.write_bytes(make_pdf([text_content()] * 3))
    converter.convert(source, sent)
    send(sent, received)
    data = received.read_bytes()
    received.write_bytes(data[: int(len(data) * part)])
    assert "ends early" in inspect(received).problems[0]
    found = list(read_pages(received))
    assert len(found) == pages
    for before, after in zip(read_pages(sent), found, strict=False):
        assert after.whole
        assert np.array_equal(before.bits, after.bits)
