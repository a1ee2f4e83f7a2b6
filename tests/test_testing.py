"""The fixtures for embedders, used as an embedder without gevent would."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

import pytest

import fsfax
from fsfax.document import tiff_f
from fsfax.errors import Closed, SoftswitchError
from fsfax.testing import LiveSoftswitch, sample_tiff


def test_a_fax_from_a_plain_program(fsfax_softswitch, fsfax_sample_tiff):
    settings = fsfax.Settings(
        nodes=(fsfax_softswitch.node_settings(),), spool=fsfax_softswitch.root / "spool"
    )
    with fsfax.Engine(settings) as engine:
        result = engine.send(fsfax_sample_tiff, to="+1 555 0100")
    assert result.success, result.error_message
    fsfax_softswitch.wait_idle(5)
    (call,) = fsfax_softswitch.calls
    assert (call.pages, call.code, call.cause) == (3, 0, "NORMAL_CLEARING")
    assert len(tiff_f.read(call.file.read_bytes()).pages) == 3


def test_several_switches_at_once(fsfax_softswitch_factory):
    one, other = fsfax_softswitch_factory(), fsfax_softswitch_factory(gateways=["a", "b"])
    assert one.address != other.address
    assert [gateway.name for gateway in other.node_settings().gateways] == ["a", "b"]


def test_the_plugin_imports_no_large_library_until_it_is_used():
    code = (
        "import sys, fsfax.testing;"
        "heavy = {'gevent', 'numpy', 'pydantic', 'PIL'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def threads() -> set[str]:
    return {f"{thread.name} {thread.ident}" for thread in threading.enumerate()}


def test_a_stopped_switch_leaves_no_thread_port_or_folder():
    before = threads()
    with LiveSoftswitch() as switch:
        address, root = switch.address, switch.root
        socket.create_connection(address, timeout=5).close()
        assert root.is_dir()
        assert switch.api("version", "short").startswith("1.10.12")
    switch.stop()  # once more
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)
    assert not root.exists()
    assert threads() == before
    with pytest.raises(Closed):
        switch.api("status")


def test_a_switch_that_cannot_start_leaves_no_thread(fsfax_softswitch):
    before = threads()
    with pytest.raises(SoftswitchError, match="cannot start"):
        LiveSoftswitch(port=fsfax_softswitch.address[1])
    assert threads() == before


def test_faults_are_caused_from_another_thread(fsfax_softswitch, fsfax_sample_tiff):
    record = fsfax_softswitch.call_in("5550100", fsfax_sample_tiff, caller_name="A\nB: c")
    fsfax_softswitch.wait_idle()
    assert (record.pages, record.code) == (3, 0)
    with socket.create_connection(fsfax_softswitch.address, timeout=5) as client:
        assert client.recv(100).startswith(b"Content-Type: auth/request")
        fsfax_softswitch.drop_connections()
        assert client.recv(100) == b""
    fsfax_softswitch.restart()
    socket.create_connection(fsfax_softswitch.address, timeout=5).close()


def test_the_sample_is_the_same_every_time(tmp_path, fsfax_sample_tiff):
    one = sample_tiff(tmp_path / "one.tif").read_bytes()
    assert one == fsfax_sample_tiff.read_bytes()
    pages = tiff_f.read(one).pages
    assert [(page.width, page.coding, page.y_dpi) for page in pages] == [(1728, "mmr", 196)] * 3
