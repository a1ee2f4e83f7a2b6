"""A worker process: frames on its socket, errors in its answers, and its end with its parent."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fsfax.document import Converter
from fsfax.document.process.worker import FRAME, pack
from fsfax.settings import DocumentSettings
from tests.document.process.processes import busy, ended, until


def test_workers_end_with_their_parent_in_the_middle_of_a_page(endless, tmp_path):
    """The parent is killed and closes nothing, while the worker is inside pdfium."""
    program = textwrap.dedent(
        """
        import sys, gevent
        from fsfax.document import Converter
        from fsfax.settings import DocumentSettings
        converter = Converter(DocumentSettings(workers=1))
        job = gevent.spawn(converter.convert, sys.argv[1], sys.argv[2])
        while not converter.pool.pids:
            gevent.sleep(0.01)
        print(converter.pool.pids[0], flush=True)
        job.join()
        """
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, endless, tmp_path / "endless.tif"], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    with parent:
        pid = int(parent.stdout.readline())
        until(lambda: busy(pid))
        parent.kill()
    until(lambda: ended(pid), seconds=3)


def test_a_worker_loads_no_gevent(small, tmp_path):
    with Converter(DocumentSettings(workers=1)) as converter:
        converter.convert(small, tmp_path / "1.tif")
        libraries = Path(f"/proc/{converter.pool.pids[0]}/maps").read_text()
    assert "pdfium" in libraries
    assert "gevent" not in libraries


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    """The pool's end of the socket of a worker process."""
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    command = [sys.executable, "-m", "fsfax.document.process.worker", str(1 << 30)]
    with theirs, subprocess.Popen(command, stdin=theirs) as process:
        theirs.close()
        yield ours
        ours.close()
        assert process.wait(10) == 0


def ask(connection: socket.socket, frame: bytes) -> tuple[dict[str, Any], bytes]:
    """Send a frame in two parts and return the answer."""
    connection.sendall(frame[:3])
    connection.sendall(frame[3:])
    header, payload = FRAME.unpack(connection.recv(FRAME.size, socket.MSG_WAITALL))
    answer = json.loads(connection.recv(header, socket.MSG_WAITALL))
    return answer, connection.recv(payload, socket.MSG_WAITALL) if payload else b""


def test_a_frame_has_lengths_object_and_bytes():
    frame = pack({"a": "ü"}, b"\0\xff")
    header, payload = FRAME.unpack(frame[: FRAME.size])
    assert json.loads(frame[FRAME.size :][:header]) == {"a": "ü"}
    assert frame[FRAME.size + header :] == b"\0\xff"
    assert payload == 2


def test_requests_are_answered_until_the_socket_is_closed(connection, small, tmp_path):
    limits = {"max_bytes": 1_000_000, "max_pages": 3, "max_pixels": 1_000_000}
    inspect = {"task": "inspect", "path": str(small), "limits": limits, "seconds": 5}
    answer, _ = ask(connection, pack(inspect))
    assert (answer["kind"], len(answer["pages"])) == ("pdf", 1)
    assert 0 <= answer["cpu"] < 5
    missing, _ = ask(connection, pack(inspect | {"path": str(tmp_path / "missing")}))
    assert (missing["error"], missing["code"]) == ("DocumentNotFound", "not_found")
    invalid, _ = ask(connection, pack(inspect | {"limits": {"max_bytes": 1}}))
    assert invalid["error"] == "DocumentDamaged"
    assert "TypeError" in invalid["message"]
    draw = {"job": "1", "paper": "A4", "resolution": "fine", "coding": "mmr", "draw_up_to": 1}
    plan, strip = ask(connection, pack(inspect | draw | {"task": "plan"}))
    assert plan["lengths"] == [len(strip)]
    assert strip
