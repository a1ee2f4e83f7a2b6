"""A worker in a program that gevent has monkey-patched, beside greenlets of the program's own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fsfax.testing import LiveSoftswitch

pytestmark = pytest.mark.spandsp

_PROGRAM = """
from gevent import monkey
monkey.patch_all()
import json, sys, time
import gevent
import fsfax
from fsfax.db.records import NewFax
from fsfax.jobs.store import JobStore
from fsfax.jobs.worker import Worker

said = json.load(sys.stdin)
settings = fsfax.Settings(**said["settings"])
longest, beats = 0.0, 0

def heart():
    global longest, beats
    while True:
        before = time.monotonic()
        gevent.sleep(0.01)
        longest, beats = max(longest, time.monotonic() - before), beats + 1

gevent.spawn(heart)
with Worker(settings) as worker, JobStore(said["settings"]["database"]) as store:
    job = store.accept(NewFax(to_number=said["to"], documents=[said["document"]]))
    while not store.get(job.id).state.is_final:
        time.sleep(0.05)
    done = store.get(job.id)
print(json.dumps({"state": done.state, "pages": done.pages_confirmed, "longest": longest,
                  "beats": beats}))
"""


def test_a_worker_in_a_patched_program(
    database_url: str, fsfax_softswitch: LiveSoftswitch, fsfax_sample_tiff: Path
) -> None:
    node = fsfax_softswitch.node_settings()
    shown = node.model_dump(mode="json") | {"password": node.password.get_secret_value()}
    said = {
        "settings": {
            "nodes": [shown],
            "spool": str(fsfax_softswitch.root),
            "database": database_url,
            "jobs": {"poll": 0.05},
        },
        "to": fsfax_softswitch.number("fax"),
        "document": str(fsfax_sample_tiff),
    }
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        input=json.dumps(said),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["state"], result["pages"]) == ("completed", 3)
    assert result["beats"] > 10
    assert "Traceback" not in done.stderr
