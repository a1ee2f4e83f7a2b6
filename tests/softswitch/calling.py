"""Calls placed and followed through a link to the stand-in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gevent

from fsfax.engine.plan import SendPlan, new_call_id
from fsfax.engine.spool import Spool
from fsfax.engine.transmit import Transmission
from fsfax.esl.link import Gap, Link, Lost, Watch
from fsfax.esl.wire import Event
from fsfax.softswitch import number_of
from fsfax.values.results import TxResult
from tests.softswitch.client import PATIENCE

HOOKS = (
    r"api_on_fax_success=db\\sinsert/r/call/success,"
    r"api_on_fax_failure=db\\sinsert/r/call/failure,"
    r"api_hangup_hook=hash\\sinsert/r/call/ended"
)
"""Variables by which FreeSWITCH stores the marks of a call."""


def named(name: str) -> str:
    """Return the number of a behaviour, as a user would write it."""
    return f"+1{number_of(name)}"


def dial(
    link: Link, call_id: str, number: str, file: Path, variables: str = "", app: str = "txfax"
) -> Watch:
    """Place a call in the background; the watch gets its events."""
    watch = link.watch(call_id)
    settings = f"origination_uuid={call_id},fax_enable_t38=true,fax_enable_t38_request=true"
    if variables:
        settings += f",{variables}"
    line = f"{{{settings}}}sofia/gateway/softswitch/{number} &{app}({file})"
    link.bgapi("originate", line, job_id=call_id)
    return watch


def until(watch: Watch, name: str) -> list[Event]:
    """Return the events up to one of that name or subclass."""
    seen: list[Event] = []
    while True:
        item = watch.get(timeout=PATIENCE)
        assert not isinstance(item, Gap | Lost | None), item
        seen.append(item)
        if name in (item.name, item.subclass):
            return seen


def labels(events: list[Event]) -> list[str]:
    """Return a short name for each event."""
    return [
        event.subclass or " ".join(filter(None, (event.name, event.get("Application"))))
        for event in events
    ]


def eventually(condition: Callable[[], object], timeout: float = PATIENCE) -> None:
    """Wait until a condition is true."""
    with gevent.Timeout(timeout):
        while not condition():
            gevent.sleep(0.002)


def send(link, tiff, number: str, **options) -> TxResult:
    values = {"attempt_id": new_call_id(), "file": tiff, "pages": 3, "gateways": ("softswitch",)}
    plan = SendPlan(to=number, **{**values, **options})
    return Transmission(link, "softswitch", Spool(), plan, lambda *_: None).run()
