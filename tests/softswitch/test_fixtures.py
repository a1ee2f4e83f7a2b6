"""The fixtures for embedders, used as an embedder without gevent would."""

from __future__ import annotations

import subprocess
import sys

import fsfax
from fsfax.document import tiff_f


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


def test_the_plugin_costs_nothing_until_it_is_used():
    code = (
        "import sys, fsfax.testing;"
        "heavy = {'gevent', 'numpy', 'pydantic', 'PIL'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
