"""A worker process: no gevent in it, and it ends with its parent."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from fsfax.document import Converter
from fsfax.settings import DocumentSettings
from tests.document.process.processes import busy, ended, until


def test_workers_end_with_their_parent_in_the_middle_of_a_page(endless, tmp_path):
    """The parent is killed and cannot say goodbye, while the worker is deep inside pdfium."""
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
