"""Fixtures: a scripted event socket server, and links to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import gevent
import pytest

from fsfax.esl.link import Link
from fsfax.settings import EslTimeouts
from tests.esl.scripted import QUICK, Server


@pytest.fixture(autouse=True)
def _limit() -> Iterator[None]:
    """Fail a test that takes more than 20 s."""
    with gevent.Timeout(20, AssertionError("the test took more than 20 s")):
        yield


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def links() -> Iterator[Any]:
    """Return a function that makes links to a server; all are closed after the test."""
    with ExitStack() as stack:

        def make(server: Server, *, queue_size: int = 1000, **timeouts: float) -> Link:
            limits = EslTimeouts(**{**QUICK.model_dump(), **timeouts})
            link = Link(server.node(), limits, queue_size=queue_size)
            stack.callback(link.close)
            return link

        yield make


@pytest.fixture
def link(server: Server, links: Any) -> Link:
    """Return a link that is up."""
    made: Link = links(server)
    made.connect()
    return made
