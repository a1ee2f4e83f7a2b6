"""Where pages go: sizes known from T.4 and SpanDSP, and rules that hold for any size."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.document.geometry import (
    MAX_SHEETS,
    PAPERS,
    RESOLUTIONS,
    PageSize,
    paper_named,
    place,
    resolution_named,
)
from fsfax.errors import DocumentDamaged, DocumentError, DocumentTooLarge, InvalidRequest

A4, FINE = PAPERS["A4"], RESOLUTIONS["fine"]


@pytest.mark.parametrize(
    ("size", "resolution", "rows"),
    [
        # The lengths that SpanDSP has for these papers (t4_rx.h).
        ((210, 297), "standard", 1143),
        ((210, 297), "fine", 2286),
        ((210, 297), "superfine", 4573),
        ((215.9, 279.4), "fine", 2142),  # Letter: 2151, shrunk by 0.4 % to fit the width
        ((215, 355.6), "fine", 2738),
    ],
)
def test_known_papers_have_the_rows_of_spandsp(size, resolution, rows):
    (page,) = place(PageSize(*size), 0, A4, RESOLUTIONS[resolution])
    assert (page.width, page.height) == (1728, rows)


def test_a4_is_drawn_at_true_size_in_the_middle():
    (page,) = place(PageSize(210, 297), 0, A4, FINE)
    assert page.scale == 1.0
    assert page.drawn_width == 1688
    assert page.left == 20
    assert page.turn == 0


@pytest.mark.parametrize(
    ("size", "turned", "why"),
    [
        ((297, 210), True, "A4 landscape"),
        ((279.4, 215.9), True, "Letter landscape"),
        ((210, 148), False, "A5 landscape fits the width"),
        ((85, 55), False, "a business card"),
        ((220, 215), False, "nearly square: nothing is won"),
        ((1189, 841), True, "A0 landscape"),
        ((10_000, 300), True, "a banner"),
    ],
)
def test_landscape_is_turned_when_that_makes_it_larger(size, turned, why):
    if why == "a banner":
        with pytest.raises(DocumentTooLarge) as caught:
            place(PageSize(*size), 0, A4, FINE)
        assert caught.value.code == "page_too_long"
        assert "several pages" in str(caught.value)
        return
    pages = place(PageSize(*size), 0, A4, FINE)
    assert (pages[0].turn == 3) is turned


def test_small_pages_keep_their_size_on_a_sheet_long_enough_to_feed():
    (page,) = place(PageSize(85, 55), 0, A4, FINE)
    assert page.scale == 1.0
    assert page.drawn_height == 423
    assert page.height == math.floor(148 * 7.7)


def test_posters_are_shrunk_and_the_largest_refused():
    (page,) = place(PageSize(841, 1189), 0, A4, FINE)
    assert page.scale == pytest.approx(215 / 841)
    with pytest.raises(DocumentTooLarge) as caught:
        place(PageSize(1682, 2378), 0, A4, FINE)
    assert caught.value.code == "page_too_wide"


def test_a_till_roll_is_cut_into_overlapping_sheets():
    sheets = place(PageSize(80, 1000), 0, A4, FINE)
    assert [page.sheet for page in sheets] == [1, 2, 3, 4]
    overlap = sheets[0].height + sheets[1].top
    assert overlap == math.floor(5 * 7.7)
    assert sheets[-1].top + sheets[-1].drawn_height <= sheets[-1].height


@pytest.mark.parametrize("size", [(0, 100), (100, 0), (-5, 10), (math.nan, 5), (math.inf, 5)])
def test_no_size_is_damage(size):
    with pytest.raises(DocumentDamaged):
        place(PageSize(*size), 0, A4, FINE)


@given(
    st.floats(1, 20_000),
    st.floats(1, 20_000),
    st.sampled_from(sorted(PAPERS)),
    st.sampled_from(sorted(RESOLUTIONS)),
)
def test_any_page_is_placed_whole_and_undistorted_or_refused(width, height, paper, resolution):
    paper, resolution = PAPERS[paper], RESOLUTIONS[resolution]
    try:
        pages = place(PageSize(width, height), 3, paper, resolution)
    except DocumentError as refused:
        code = refused.code
        pages = []
    if not pages:
        assert code in ("page_too_wide", "page_too_long")
        return
    assert 1 <= len(pages) <= MAX_SHEETS
    covered = 0
    for page in pages:
        assert page.page == 3
        assert page.width == paper.width
        assert 0 <= page.left <= page.left + page.drawn_width <= page.width
        assert page.height >= math.floor(148 * resolution.y_per_mm)
        assert 0 < page.scale <= 1
        assert -page.top <= covered  # no gap between sheets
        covered = page.height - page.top
    assert covered >= pages[0].drawn_height
    first = pages[0]
    across = first.drawn_width / resolution.x_per_mm
    down = first.drawn_height / resolution.y_per_mm
    wanted = (height, width) if first.turn else (width, height)
    # True aspect, but for the rounding to whole pels.
    assert abs(across - wanted[0] * first.scale) <= 1 / resolution.x_per_mm
    assert abs(down - wanted[1] * first.scale) <= 1 / resolution.y_per_mm + 1e-3


def test_names_are_looked_up_or_refused_with_the_choices():
    assert paper_named("b4").width == 2048
    assert paper_named("A3").width == 2432
    with pytest.raises(InvalidRequest, match="A4, B4, A3"):
        paper_named("A7")
    with pytest.raises(InvalidRequest, match="standard, fine, superfine"):
        resolution_named("extra")
