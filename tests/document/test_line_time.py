"""The time on the line, estimated from the bytes of the pages."""

from __future__ import annotations

import pytest

from fsfax.document import seconds_on_line


def test_time_on_the_line():
    assert seconds_on_line([], 14400) == 15
    assert seconds_on_line([18_000], 14400) == pytest.approx(15 + 4 + 10.6)
    with pytest.raises(ValueError, match="above zero"):
        seconds_on_line([1], 0)
