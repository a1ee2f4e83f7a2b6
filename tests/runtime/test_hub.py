"""The gevent hub of an engine, called from plain threads and from greenlets."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator

import gevent
import gevent.event
import pytest

from fsfax.errors import Closed
from fsfax.runtime.hub import HubRunner


@pytest.fixture
def own() -> Iterator[HubRunner]:
    hub = HubRunner("own")
    yield hub
    hub.close()


def test_functions_of_several_threads_run_concurrently(own: HubRunner) -> None:
    """Ten threads wait for each other in the hub, which none of them may block."""
    all_here = gevent.event.Event()
    here: list[str] = []

    def meet(number: int) -> int:
        here.append(threading.current_thread().name)
        if len(here) == 10:
            all_here.set()
        all_here.wait()
        return number

    found: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(own.run(meet, n))) for n in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(found) == list(range(10))
    assert set(here) == {"fsfax-engine"}


def test_an_error_is_raised_in_the_calling_thread(own: HubRunner) -> None:
    with pytest.raises(ZeroDivisionError):
        own.run(lambda: 1 // 0)


def test_calls_in_the_hub_are_direct(own: HubRunner) -> None:
    assert own.run(lambda: own.run(lambda: 7)) == 7


def test_a_closed_hub_runs_nothing(own: HubRunner) -> None:
    own.close()
    own.close()
    with pytest.raises(Closed):
        own.run(lambda: 1)


def test_the_current_hub_runs_functions_of_other_threads() -> None:
    hub = HubRunner("current")
    found: list[str] = []
    thread = threading.Thread(
        target=lambda: found.append(hub.run(lambda: threading.current_thread().name))
    )
    thread.start()
    while thread.is_alive():
        gevent.sleep(0.001)
    hub.close()
    assert found == [threading.current_thread().name]


@pytest.mark.parametrize("choice", ["own", "current"])
def test_queues_and_futures(choice: str) -> None:
    hub = HubRunner(choice)  # type: ignore[arg-type]
    box, slot = hub.queue(), hub.future()
    with pytest.raises(queue.Empty):
        box.get(0.01)
    with pytest.raises(TimeoutError):
        slot.get(0.01)

    def work() -> None:
        box.put(1)
        slot.set("done")

    hub.run(work)
    assert box.get(5) == 1
    assert slot.get(5) == "done"
    failed = hub.future()
    failed.fail(KeyError("x"))
    with pytest.raises(KeyError):
        failed.get(5)
    hub.close()


def test_a_monkey_patched_program_uses_its_current_hub() -> None:
    """Run in another process, because monkey-patching cannot be undone."""
    program = (
        "from gevent import monkey; monkey.patch_all()\n"
        "from fsfax.runtime.hub import HubRunner\n"
        "from fsfax.errors import ConfigurationError\n"
        "assert not HubRunner('auto').own_thread\n"
        "try: HubRunner('own')\n"
        "except ConfigurationError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "monkey-patched" in done.stdout, done.stderr
