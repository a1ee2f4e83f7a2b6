"""Grey to black and white: thresholds, pictures, tints, and how dark a screen is."""

from __future__ import annotations

import numpy as np
import pytest

from fsfax.document.bilevel import THRESHOLD, _cut, bilevel, tinted_bands


def test_a_white_and_a_black_page():
    assert not bilevel(np.full((64, 64), 255, np.uint8), 196).any()
    assert (bilevel(np.zeros((64, 64), np.uint8), 196) == 255).all()


@pytest.mark.parametrize("y_dpi", [98, 196, 391])
def test_a_screen_is_as_dark_as_its_grey(y_dpi):
    shares = []
    for level in (230, 180, 128, 80):
        grey = np.full((320, 320), 255, np.uint8)
        grey[64:256, 64:256] = level
        bits = np.unpackbits(bilevel(grey, y_dpi), axis=1)
        assert not bits[:60].any()
        share = bits[80:240, 80:240].mean()
        assert share == pytest.approx(1 - level / 255, abs=0.04)
        shares.append(share)
    assert shares == sorted(shares)


def test_a_picture_on_any_column_leaves_its_neighbours_alone():
    grey = np.full((200, 203), 255, np.uint8)
    grey[50:150, 37:161] = np.linspace(30, 220, 124).astype(np.uint8)
    bits = np.unpackbits(bilevel(grey, 196, [(37, 50, 161, 150)]), axis=1)[:, :203]
    assert not bits[:50].any()
    assert not bits[:, :37].any()
    assert not bits[:, 161:].any()
    assert 0.4 < bits[50:150, 37:161].mean() < 0.65


def test_letters_alone_are_no_tint():
    chance = np.random.default_rng(1)
    grey = np.where(chance.random((400, 400)) < 0.1, chance.integers(0, 255, (400, 400)), 255)
    assert not tinted_bands(grey.astype(np.uint8))
    bars = np.full((400, 400), 255, np.uint8)
    bars[10::20, 50:350] = 120  # soft edges of long bars, one row thick
    assert not tinted_bands(bars)


def test_tints_are_found_where_they_are():
    grey = np.full((1000, 800), 255, np.uint8)
    grey[200:240, 100:300] = 150
    grey[700:720, 500:600] = 90
    first, second = tinted_bands(grey)
    assert first == second[:1] + first[1:]  # as wide as all of them
    assert first[0] <= 100
    assert first[2] >= 600
    assert first[1] <= 200
    assert 240 <= first[3] < second[1] <= 700
    assert second[3] >= 720


@pytest.mark.parametrize("rect", [(0, 0, 0, 0), (5, 5, 5, 9), (0, 0, 1, 1), (60, 60, 64, 64)])
def test_pictures_of_very_small_size(rect):
    assert bilevel(np.full((64, 64), 255, np.uint8), 196, [rect]).shape == (64, 8)


def test_shaded_noisy_paper_is_white_and_its_letters_are_black():
    chance = np.random.default_rng(4)
    paper = np.linspace(170, 240, 500)[None, :] + chance.normal(0, 5, (400, 500))
    paper[100:300:20, 50:450] = 60
    grey = np.clip(paper, 0, 255).astype(np.uint8)

    pels = np.unpackbits(bilevel(grey, 196, [(0, 0, 500, 400)]), axis=1)[:, :500]

    assert pels[100:300:20, 50:450].all()
    assert pels.sum() == 10 * 400


def test_a_photograph_beside_text_is_screened_and_the_text_is_not():
    grey = np.full((480, 640), 240, np.uint8)
    grey[:160, :160] = 128
    grey[300:304, 100:600] = 20

    pels = np.unpackbits(bilevel(grey, 196, [(0, 0, 640, 480)]), axis=1)[:, :640]

    assert pels[16:144, 16:144].mean() == pytest.approx(0.5, abs=0.05)
    assert pels[300:304, 100:600].all()
    assert pels[240:].sum() == 4 * 500


@pytest.mark.parametrize("y_dpi", [98, 196])
@pytest.mark.parametrize("height", [1, 2, 127, 128, 129, 256, 257, 300])
def test_pages_are_cut_in_bands_without_a_seam(height, y_dpi):
    grey = np.random.default_rng(height).integers(0, 256, (height, 29), dtype=np.uint8)
    threshold = np.full(grey.shape, THRESHOLD)
    if y_dpi == 98:
        around = np.pad(grey, ((1, 1), (0, 0)), constant_values=255) // 8
        threshold = 154 + around[:-2].astype(int) + around[2:]
    assert np.array_equal(_cut(grey, y_dpi), np.packbits(grey < threshold, axis=1))
