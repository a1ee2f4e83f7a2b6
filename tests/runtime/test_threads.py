"""Real threads beside a hub: the hub runs on, values and errors are returned to the caller."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import gevent
import pytest

from fsfax.runtime.threads import Threads, in_thread


@pytest.fixture
def threads() -> Iterator[Threads]:
    threads = Threads(2)
    yield threads
    threads.close()


def test_a_function_runs_in_another_thread_and_returns_its_value(threads: Threads) -> None:
    def work(one: int, *, two: int) -> tuple[int, int]:
        return one + two, threading.get_ident()

    value, thread = threads.run(work, 3, two=4)
    assert value == 7
    assert thread != threading.get_ident()


def test_an_error_is_raised_in_the_caller_and_not_printed(
    threads: Threads, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ZeroDivisionError):
        threads.run(lambda: 1 // 0)
    assert capsys.readouterr().err == ""
    assert threads.run(lambda: 1) == 1


@pytest.mark.parametrize("pool", ["own", "the hub's"])
def test_greenlets_run_while_a_function_blocks(threads: Threads, pool: str) -> None:
    released = threading.Event()
    waiting = threading.Event()

    def block() -> bool:
        waiting.set()
        return released.wait(30)

    def release() -> None:
        while not waiting.is_set():
            gevent.sleep(0.001)
        released.set()

    greenlet = gevent.spawn(release)
    assert threads.run(block) if pool == "own" else in_thread(block)
    greenlet.join()


def test_two_threads_run_two_functions_at_once(threads: Threads) -> None:
    meet = threading.Barrier(2, timeout=30)
    jobs = [gevent.spawn(threads.run, meet.wait) for _ in range(2)]
    gevent.joinall(jobs, raise_error=True)
    assert sorted(job.value for job in jobs) == [0, 1]


def test_in_thread_raises_the_error_of_the_function() -> None:
    with pytest.raises(FileNotFoundError):
        in_thread(lambda: open("/missing/file"))  # noqa: SIM115, PTH123
