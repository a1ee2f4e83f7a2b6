"""The pool: other greenlets run, all threads share the workers, a crash fails one document only."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import gevent
import numpy as np
import pytest

from fsfax.document import Converter, ccitt, tiff_f
from fsfax.errors import Closed, ConversionFailed
from fsfax.settings import DocumentSettings
from tests.document.process.processes import busy, ended, until


def test_other_greenlets_run_while_one_waits(small, slow, tmp_path):
    ticks = []

    def clock() -> None:
        while True:
            ticks.append(time.monotonic())
            gevent.sleep(0.002)

    with Converter(DocumentSettings(workers=2)) as converter:
        converter.convert(small, tmp_path / "warm.tif")
        clockwork = gevent.spawn(clock)
        converter.convert(slow, tmp_path / "slow.tif")
        clockwork.kill()
    gaps = [after - before for before, after in itertools.pairwise(ticks)]
    assert len(ticks) > 50
    # A shared machine may stop every process for an instant; a blocked hub would stop for seconds.
    assert sorted(gaps)[len(gaps) * 95 // 100] < 0.1


def test_threads_with_hubs_of_their_own_share_the_workers(small, tmp_path):
    results: list[object] = []

    def work(number: int) -> None:
        try:
            for turn in range(4):
                results.append(converter.convert(small, tmp_path / f"{number}-{turn}.tif").bytes)
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            results.append(error)

    with Converter(DocumentSettings(workers=2)) as converter:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        jobs = [gevent.spawn(work, 10 + number) for number in range(5)]
        gevent.joinall(jobs, raise_error=True)
        for thread in threads:
            thread.join(30)
        assert len(converter.pool.pids) == 2
    assert len(results) == 40
    assert len(set(results)) == 1


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGKILL])
def test_a_crash_is_an_error_of_that_document_alone(small, endless, tmp_path, how):
    with Converter(DocumentSettings(workers=1)) as converter:
        converter.convert(small, tmp_path / "1.tif")
        (pid,) = converter.pool.pids
        job = gevent.spawn(converter.convert, endless, tmp_path / "endless.tif")
        until(lambda: busy(pid))
        waiting = gevent.spawn(converter.convert, small, tmp_path / "2.tif")
        until(lambda: converter.pool._queue)
        os.kill(pid, how)
        with pytest.raises(ConversionFailed, match=how.name) as caught:
            job.get(timeout=20)
        assert caught.value.code == "crashed"
        assert waiting.get(timeout=20).pages
        assert ended(pid)
        assert pid not in converter.pool.pids
    assert sorted(path.name for path in tmp_path.glob("*.tif")) == ["1.tif", "2.tif"]
    assert not list(tmp_path.glob(".*"))


def test_a_hang_is_ended_in_time(small, slow, tmp_path):
    with Converter(DocumentSettings(workers=1, timeout=4.0)) as converter:
        converter.convert(small, tmp_path / "1.tif")
        (pid,) = converter.pool.pids
        os.kill(pid, signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(ConversionFailed, match="longer than 4 s") as caught:
            converter.convert(small, tmp_path / "2.tif")
        assert caught.value.code == "timeout"
        assert 3.9 < time.monotonic() - started < 12
        until(lambda: ended(pid))
        assert converter.convert(small, tmp_path / "3.tif").pages


def test_a_document_too_large_for_the_memory(small, tmp_path):
    # A kilobyte in the file, 400 MB in the memory of the decoder.
    image = tmp_path / "large.tif"
    side = 20_000
    strip = ccitt.encode(np.zeros((side, side // 8), np.uint8), side, "mmr")
    image.write_bytes(tiff_f.write([tiff_f.FaxPage(side, side, strip, "mmr", 600, 600)]))
    settings = DocumentSettings(workers=1, memory=500 << 20, max_pixels=1_000_000_000)
    with Converter(settings) as converter:
        wanted = converter.convert(small, tmp_path / "1.tif").bytes
        with pytest.raises(ConversionFailed) as caught:
            converter.convert(image, tmp_path / "2.tif")
        assert caught.value.code == "out_of_memory"
        assert "document.memory" in str(caught.value)
        assert converter.convert(small, tmp_path / "3.tif").bytes == wanted


def test_an_idle_worker_that_was_killed_is_replaced(small, tmp_path):
    with Converter(DocumentSettings(workers=1)) as converter:
        converter.convert(small, tmp_path / "1.tif")
        (pid,) = converter.pool.pids
        os.kill(pid, signal.SIGKILL)
        until(lambda: ended(pid))
        assert converter.convert(small, tmp_path / "2.tif").pages


def test_a_waiting_greenlet_that_is_killed_leaves_the_workers_free(small, endless, tmp_path):
    with Converter(DocumentSettings(workers=1)) as converter:
        converter.convert(small, tmp_path / "1.tif")
        first = gevent.spawn(converter.convert, endless, tmp_path / "endless.tif")
        queued = gevent.spawn(converter.convert, small, tmp_path / "queued.tif")
        until(lambda: converter.pool._queue)
        queued.kill()
        first.kill()
        assert converter.convert(small, tmp_path / "2.tif").pages
    assert not (tmp_path / "queued.tif").exists()


def test_a_timeout_of_the_caller_counts(endless, tmp_path):
    with Converter(DocumentSettings(workers=1)) as converter:
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.2):
            converter.convert(endless, tmp_path / "endless.tif")
        assert not (tmp_path / "endless.tif").exists()


def test_closing_ends_workers_and_waiting_callers(small, endless, tmp_path):
    converter = Converter(DocumentSettings(workers=1))
    converter.convert(small, tmp_path / "1.tif")
    (pid,) = converter.pool.pids
    job = gevent.spawn(converter.convert, endless, tmp_path / "endless.tif")
    queued = gevent.spawn(converter.convert, small, tmp_path / "2.tif")
    until(lambda: busy(pid) and converter.pool._queue)
    converter.close()
    for greenlet in (job, queued):
        with pytest.raises(Closed):
            greenlet.get(timeout=10)
    until(lambda: ended(pid))
    with pytest.raises(Closed, match="open a new one"):
        converter.convert(small, tmp_path / "3.tif")


def test_in_a_monkey_patched_program(small, tmp_path):
    program = textwrap.dedent(
        """
        from gevent import monkey; monkey.patch_all()
        import os, signal, sys, threading, time
        from fsfax.document import Converter
        from fsfax.errors import ConversionFailed
        from fsfax.settings import DocumentSettings
        source, target = sys.argv[1:]
        sizes = []
        with Converter(DocumentSettings(workers=1, timeout=4)) as converter:
            def work(number):
                sizes.append(converter.convert(source, f"{target}{number}.tif").bytes)
            threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            os.kill(converter.pool.pids[0], signal.SIGSTOP)
            try:
                work(4)
            except ConversionFailed as error:
                assert error.code == "timeout", error.code
            work(5)
        assert len(sizes) == 4 and len(set(sizes)) == 1, sizes
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, small, tmp_path / "out"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
