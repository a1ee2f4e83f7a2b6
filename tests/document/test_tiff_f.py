"""TIFF-F as bytes: the tags of RFC 3949, and the pages of files that a broken call left."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from fsfax.document import ccitt, tiff_f
from fsfax.document.geometry import RESOLUTIONS
from fsfax.document.tiff_f import FaxPage
from fsfax.errors import DocumentDamaged, DocumentEmpty


def bits(seed: int, height: int = 300) -> np.ndarray:
    page = np.zeros((height, 216), np.uint8)
    page[20:200:9, 10:200] = np.random.default_rng(seed).integers(0, 256, 190, dtype=np.uint8)
    return page


def fax(count: int = 3, coding: ccitt.Coding = "mmr", y_dpi: float = 196) -> bytes:
    return tiff_f.write(
        [
            FaxPage(1728, 300, ccitt.encode(bits(seed), 1728, coding), coding, 204, y_dpi)
            for seed in range(count)
        ]
    )


@pytest.mark.parametrize(("coding", "compression"), [("mmr", 4), ("mh", 3)])
def test_the_tags_of_a_page(coding, compression):
    image = Image.open(io.BytesIO(fax(3, coding)))
    assert image.n_frames == 3
    for number in range(3):
        image.seek(number)
        tags = image.tag_v2
        assert tags[254] == 2
        assert tags[256] == 1728
        assert tags[257] == 300
        assert tags[258] == (1,)
        assert tags[259] == compression
        assert tags[262] == 0
        assert tags[266] == 2
        assert len(tags[273]) == len(tags[279]) == 1
        assert tags[274] == 1
        assert tags[277] == 1
        assert tags[278] == 300
        assert tags[282] == 204
        assert tags[283] == 196
        assert tags[292 if coding == "mh" else 293] == (4 if coding == "mh" else 0)
        assert tags[296] == 2
        assert tags[297] == (number, 3)
        assert tags[305] == "fsfax"
        black = np.asarray(image.convert("L")) == 0
        assert np.array_equal(np.packbits(black, axis=1), bits(number))


def test_what_is_written_is_read():
    file = tiff_f.read(fax(4, "mh", 98))
    assert not file.problems
    assert len(file.pages) == 4
    for seed, page in enumerate(file.pages):
        assert (page.width, page.height, page.coding) == (1728, 300, "mh")
        assert (page.x_dpi, page.y_dpi, page.software) == (204, 98, "fsfax")
        assert tiff_f.is_fax_page(page, 1728, RESOLUTIONS["standard"])
        assert not tiff_f.is_fax_page(page, 1728, RESOLUTIONS["fine"])
        assert not tiff_f.is_fax_page(page, 2048, RESOLUTIONS["standard"])
        back, whole = tiff_f.page_bits(file, page)
        assert whole
        assert np.array_equal(back, bits(seed))


def test_other_programs_files_are_read():
    image = Image.frombytes("1", (1728, 300), (~bits(1)).tobytes())
    for options in (
        {"compression": "group4"},
        {"compression": "group3"},
        {"compression": "group4", "tiffinfo": {278: 32}},
        {"compression": "group4", "tiffinfo": {266: 2}},
        {"compression": "group4", "tiffinfo": {262: 0}},
    ):
        out = io.BytesIO()
        image.save(out, "TIFF", dpi=(200, 200), **options)
        file = tiff_f.read(out.getvalue())
        back, whole = tiff_f.page_bits(file, file.pages[0])
        assert whole
        assert np.array_equal(back, bits(1)), options
        assert tiff_f.is_fax_page(file.pages[0], 1728, RESOLUTIONS["fine"])


def test_centimetres_are_inches_too():
    image = Image.new("1", (1728, 300))
    out = io.BytesIO()
    image.save(out, "TIFF", compression="group4", resolution=80.3, resolution_unit="cm")
    assert tiff_f.read(out.getvalue()).pages[0].x_dpi == pytest.approx(204, abs=0.5)


def test_a_file_cut_off_gives_the_pages_before_the_cut():
    whole = fax(4)
    ends = [end for end in range(len(whole)) if end % 97 == 0]
    found = []
    for end in ends:
        try:
            file = tiff_f.read(whole[:end])
        except DocumentDamaged:
            continue
        assert file.problems
        found.append(len(file.pages))
        first, _ = tiff_f.page_bits(file, file.pages[0])
        if len(file.pages) > 1:
            assert np.array_equal(first, bits(0))
    assert sorted(set(found)) == [1, 2, 3, 4]


def test_a_directory_that_points_back_ends_the_file():
    data = bytearray(fax(2))
    second = tiff_f.read(bytes(data)).pages[1]
    assert second.width == 1728
    # The link after the second directory, the last four bytes before its values.
    first_link = 8 + 2 + 12 * 18
    start = int.from_bytes(data[first_link : first_link + 4], "little")
    link = start + 2 + 12 * 18
    assert data[link : link + 4] == b"\0\0\0\0"
    data[link : link + 4] = (8).to_bytes(4, "little")
    file = tiff_f.read(bytes(data))
    assert len(file.pages) == 2
    assert "points back" in file.problems[0]


@given(st.binary(max_size=300), st.integers(0, 400))
@example(b"\xff" * 40, 10)
def test_any_damage_is_read_or_refused(noise, at):
    data = bytearray(fax(2))
    at = min(at, len(data) - 1)
    data[at : at + len(noise)] = noise
    try:
        file = tiff_f.read(bytes(data))
    except DocumentDamaged:
        return
    assert file.pages


def test_no_pages_no_file():
    with pytest.raises(DocumentEmpty):
        tiff_f.write([])
