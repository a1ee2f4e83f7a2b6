"""``fsfax softswitch``: the stand-in for FreeSWITCH."""

from __future__ import annotations

import socket

import pytest

from fsfax.cli import exits
from fsfax.softswitch import NUMBERS, number_of
from tests.cli.commands import Run


def test_magic_numbers_are_listed(run: Run) -> None:
    listed = run("softswitch", "--numbers").stdout.splitlines()
    assert [line.split()[0] for line in listed] == list(NUMBERS)
    (busy,) = [line for line in listed if line.startswith(number_of("busy"))]
    assert busy.split()[1] == "busy"


def test_a_wrong_port(run: Run) -> None:
    assert "65536" in run("softswitch", "--port", "65536", code=exits.USAGE).stderr


@pytest.mark.spandsp
def test_a_port_that_is_in_use(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run("softswitch", "--port", str(port), code=exits.SOFTSWITCH)
    assert str(port) in done.stderr
