from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest

from tests.esl.scripted import Server


@pytest.fixture(autouse=True)
def _limit() -> Iterator[None]:
    """No test of this room may wait for ever."""
    with gevent.Timeout(20, AssertionError("the test took more than 20 s")):
        yield


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running
