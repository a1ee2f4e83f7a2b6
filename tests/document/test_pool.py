"""The workers: other greenlets run, all threads share them, a bad document harms no other one."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import gevent
import numpy as np
import pytest

from fsfax.document import Converter, ccitt, tiff_f
from fsfax.document.convert import portions_of
from fsfax.errors import Closed, ConversionFailed, DocumentDamaged, DocumentError
from fsfax.settings import DocumentSettings

from .conftest import make_pdf, text_content

SLOW = 120


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        gevent.sleep(0.005)


def ended(pid: int) -> bool:
    """Whether the process has ended with all of its threads."""
    try:
        states = [
            (task / "stat").read_text().rpartition(")")[2].split()[0]
            for task in Path(f"/proc/{pid}/task").iterdir()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return not Path(f"/proc/{pid}").exists()
    return set(states) <= {"Z", "X"}


def busy(pid: int) -> bool:
    """Return whether the process has the endless document open, not an earlier one."""
    try:
        links = [os.fspath(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return False
    return any(link.endswith("endless.pdf") for link in links)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.pdf"
    path.write_bytes(make_pdf([text_content(5)]))
    return path


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    path = tmp_path / "slow.pdf"
    path.write_bytes(make_pdf([text_content()] * SLOW))
    return path


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """One page, drawn in one request that takes pdfium minutes.

    A worker that draws it is busy until it is stopped, and no other document is drawn by it before
    that: a document of many pages is drawn in portions, with other documents in between.
    """
    path = tmp_path / "endless.pdf"
    path.write_bytes(make_pdf(["3 w 0 0 m 595 842 l S 595 0 m 0 842 l S\n" * 400_000]))
    return path


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
    # A shared machine may stop everybody for an instant; a blocked hub would stop for seconds.
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


def test_an_idle_worker_that_was_killed_is_replaced_unnoticed(small, tmp_path):
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


def test_a_worker_loads_no_gevent(small, tmp_path):
    with Converter(DocumentSettings(workers=1)) as converter:
        converter.convert(small, tmp_path / "1.tif")
        libraries = Path(f"/proc/{converter.pool.pids[0]}/maps").read_text()
    assert "pdfium" in libraries
    assert "gevent" not in libraries


@pytest.mark.parametrize(
    ("name", "code"),
    [("", "is_folder"), ("missing.pdf", "not_found"), ("null", "not_a_file")],
)
def test_what_is_no_readable_file(converter, tmp_path, name, code):
    source = Path(os.devnull) if name == "null" else tmp_path / name
    with pytest.raises(DocumentError) as caught:
        converter.convert(source, tmp_path / "out.tif")
    assert caught.value.code == code


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(converter, small, tmp_path):
    small.chmod(0)
    with pytest.raises(DocumentError) as caught:
        converter.convert(small, tmp_path / "out.tif")
    assert caught.value.code == "unreadable"


def test_a_target_that_cannot_be_written(converter, small, tmp_path):
    with pytest.raises(ConversionFailed, match="cannot be written") as caught:
        converter.convert(small, tmp_path / "no" / "such" / "folder.tif")
    assert caught.value.code == "not_written"
    (tmp_path / "taken").mkdir()
    with pytest.raises(ConversionFailed):
        converter.convert(small, tmp_path / "taken")
    assert not list(tmp_path.glob(".*"))


def test_a_target_is_replaced_whole_or_left_alone(converter, small, tmp_path):
    target = tmp_path / "fax.tif"
    target.write_bytes(b"before")
    damaged = tmp_path / "bad.pdf"
    damaged.write_bytes(small.read_bytes()[:300])
    with pytest.raises(DocumentDamaged):
        converter.convert(damaged, target)
    assert target.read_bytes() == b"before"
    reader = target.open("rb")  # a reader of the old file can still read all of it
    converter.convert(small, target)
    assert target.read_bytes()[:4] == b"II*\0"
    with reader:
        assert reader.read() == b"before"


def test_a_name_that_is_no_utf8(converter, small, tmp_path):
    odd = tmp_path / os.fsdecode(b"caf\xe9 \xff.pdf")
    odd.write_bytes(small.read_bytes())
    assert converter.convert(odd, tmp_path / "out.tif").pages


@pytest.mark.parametrize("workers", [1, 2, 7])
@pytest.mark.parametrize("pages", [0, 1, 2, 11, 12, 40, 999])
def test_portions_are_all_of_the_pages_and_become_smaller(pages, workers):
    portions = list(portions_of(range(pages), workers))

    assert [page for portion in portions for page in portion] == list(range(pages))
    sizes = [len(portion) for portion in portions]
    assert sizes == sorted(sizes, reverse=True)
    assert all(1 <= size <= 8 for size in sizes)
    # The last ones are so small that no worker waits long for another.
    assert not sizes or sizes[-1] == 1


@pytest.mark.parametrize(("pages", "tasks"), [(1, ["plan"]), (3, ["plan", "draw", "draw", "draw"])])
def test_a_document_of_one_page_is_one_request(monkeypatch, tmp_path, pages, tasks):
    source, seen = tmp_path / "document.pdf", []
    source.write_bytes(make_pdf([text_content()] * pages))
    with Converter(DocumentSettings(workers=2)) as converter:
        run = converter.pool.run

        def watched(request, timeout, what):
            seen.append(request["task"])
            return run(request, timeout, what)

        monkeypatch.setattr(converter.pool, "run", watched)
        converted = converter.convert(source, tmp_path / "fax.tif")

    assert len(converted.pages) == pages
    assert seen == tasks
