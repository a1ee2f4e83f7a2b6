"""A worker in a process of its own, killed by itself at a named point: DATABASE PORT SPOOL KILLS.

A file in KILLS, named by the id of a call, says where the process dies when it has to do with that
call. The file is removed before, so that the next process goes past that point.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from fsfax.engine.inbound_spool import InboundSpool
from fsfax.engine.observations import Observation, PageDone
from fsfax.jobs import inbound_faxes
from fsfax.jobs.worker import Worker
from fsfax.settings import JobsSettings, NodeSettings, Settings

POINTS = (
    "while pages arrive",
    "before the engine copies the file",
    "between the file and its record",
    "before FreeSWITCH's file is removed",
    "before the commit",
    "after the commit",
    "while the files are removed",
)


def die_at(point: str, call_id: str, kills: Path) -> None:
    """End the process without cleaning up if this is the point."""
    order = kills / call_id
    if order.is_file() and order.read_text() == point:
        order.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def wrap(owner: Any, name: str, before: Callable[..., None], after: Callable[..., None]) -> None:
    """Call ``before`` and ``after`` with the arguments of a function, around it."""
    real = getattr(owner, name)

    def wrapped(*args: Any, **named: Any) -> Any:
        before(*args)
        value = real(*args, **named)
        after(*args)
        return value

    setattr(owner, name, wrapped)


def nothing(*_: object) -> None:
    """Go on."""


def set_traps(kills: Path) -> None:
    """Make the process mortal."""

    def at(point: str, call_id: Callable[..., str]) -> Callable[..., None]:
        return lambda *args: die_at(point, call_id(*args), kills)

    early, first, second, third, fourth, fifth, last = POINTS
    wrap(inbound_faxes.InboundFaxes, "observe", nothing, at(early, _of_page))
    wrap(
        InboundSpool,
        "store_tiff",
        at(first, lambda _, id, __: id),
        at(second, lambda _, id, __: id),
    )
    wrap(InboundSpool, "store_record", nothing, at(third, lambda _, result: result.call_id))
    # The last that is done in the transaction.
    wrap(inbound_faxes, "forward", nothing, at(fourth, lambda _, job, __: job.call_id))
    wrap(inbound_faxes.InboundFaxes, "store", nothing, at(fifth, lambda _, result: result.call_id))
    # Removing has begun: the record has its new name, the TIFF is still there.
    wrap(InboundSpool, "_clean", at(last, lambda _, id: id), nothing)


def _of_page(_: object, call_id: str, seen: Observation) -> str:
    return call_id if isinstance(seen, PageDone) else ""


if __name__ == "__main__":
    set_traps(Path(sys.argv[4]))
    settings = Settings(
        nodes=(NodeSettings(name="softswitch", port=int(sys.argv[2])),),
        spool=Path(sys.argv[3]),
        database=SecretStr(sys.argv[1]),
        jobs=JobsSettings(poll=0.05),
    )
    with Worker(settings) as worker:
        worker.engine.wait_up()
        while worker._inbound_service is None:
            time.sleep(0.01)
        print("ready", flush=True)
        worker.wait()
