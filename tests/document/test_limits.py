"""What is too much, and what the messages say about it."""

import pytest

from fsfax.document.limits import Limits, check_bytes, check_pages, check_pixels
from fsfax.errors import DocumentEmpty, DocumentTooLarge

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
def test_what_exceeds_a_limit_is_refused_with_the_setting_to_change(check, error, code, setting):
    with pytest.raises(error, match=setting) as caught:
        check()
    assert caught.value.code == code
