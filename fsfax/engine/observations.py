"""What FreeSWITCH's events say about one fax call: events in, observations out.

`observe` is a pure function. An event that says nothing about a fax call gives no observation;
one with missing or invalid values gives an observation with cautious values, never an exception:
many values in an event come from the far end.

Event and header names are those of mod_spandsp (``mod_spandsp_fax.c``: phase_b_handler,
phase_d_handler, phase_e_handler), of the switch core (``CHANNEL_*``) and of mod_event_socket
(``BACKGROUND_JOB``). The misspelling "negociate" is FreeSWITCH's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from fsfax.esl.wire import Event
from fsfax.runtime.sanitize import one_line
from fsfax.values.events import EventKind
from fsfax.values.results import PageRecord, T38Status

SUBSCRIPTIONS: tuple[str, ...] = (
    "CHANNEL_CREATE",
    "CHANNEL_PROGRESS",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_ANSWER",
    "CHANNEL_PARK",
    "CHANNEL_EXECUTE",
    "CHANNEL_EXECUTE_COMPLETE",
    "CHANNEL_HANGUP_COMPLETE",
    "CHANNEL_DESTROY",
    "BACKGROUND_JOB",
    "HEARTBEAT",
    "spandsp::txfaxnegociateresult",
    "spandsp::txfaxpageresult",
    "spandsp::txfaxresult",
    "spandsp::rxfaxnegociateresult",
    "spandsp::rxfaxpageresult",
    "spandsp::rxfaxresult",
)
"""The events that the engine needs: names, and subclasses of CUSTOM."""

FAX_APPLICATIONS = frozenset({"txfax", "rxfax"})

_MAX_DIGITS = 18  # microseconds since 1970 have 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Something that happened on a call. ``at`` is FreeSWITCH's clock, seconds since 1970.

    ``kind`` is the name under which it is stored and printed, whatever the class is called.
    """

    kind: ClassVar[EventKind]

    at: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared(Observation):
    """The document was converted and put into the spool (made by the engine, no event)."""

    kind: ClassVar[EventKind] = EventKind.PREPARED

    pages: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialling(Observation):
    """The call is about to be given to FreeSWITCH (made by the engine, no event)."""

    kind: ClassVar[EventKind] = EventKind.DIALLING

    node: str
    gateway: str
    call_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Created(Observation):
    """A channel was created (CHANNEL_CREATE).

    The numbers are as signalled; ``from_name`` is what the caller's side sent.
    """

    kind: ClassVar[EventKind] = EventKind.CREATED

    inbound: bool
    from_number: str
    from_name: str
    to_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ringing(Observation):
    """The far end rings (SIP 180) or plays early media (SIP 183)."""

    kind: ClassVar[EventKind] = EventKind.RINGING

    early_media: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Observation):
    """The call was answered, by a fax machine or anything else."""

    kind: ClassVar[EventKind] = EventKind.ANSWERED


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked(Observation):
    """The call is parked and waits to be taken over."""

    kind: ClassVar[EventKind] = EventKind.PARKED


@dataclass(frozen=True, slots=True, kw_only=True)
class FaxStarted(Observation):
    """FreeSWITCH began to run txfax or rxfax; ``path`` is the file under FreeSWITCH's name."""

    kind: ClassVar[EventKind] = EventKind.FAX_STARTED

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated(Observation):
    """Phase B is over: both ends agreed on modem and ECM. May come more than once in a call."""

    kind: ClassVar[EventKind] = EventKind.NEGOTIATED

    rate: int
    ecm: bool
    t38_status: T38Status
    remote_station_id: str
    local_station_id: str
    remote_country: str
    remote_vendor: str
    remote_model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageDone(Observation):
    """Phase D: one more page was confirmed.

    ``page.number`` counts the pages of this call from 1; ``page.seconds`` is not known yet.
    ``total`` is the number of pages in the file that is sent, 0 on an inbound call.
    """

    kind: ClassVar[EventKind] = EventKind.PAGE_DONE

    page: PageRecord
    total: int

    @property
    def number(self) -> int:
        """The page's number among the pages of this call, from 1."""
        return self.page.number

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values, those of the page beside the others."""
        page = self.page.as_dict()
        del page["seconds"]  # not known yet
        return {"at": self.at, **page, "total": self.total}


@dataclass(frozen=True, slots=True, kw_only=True)
class FaxFinished(Observation):
    """Phase E: the fax is over. ``code`` is SpanDSP's (see `fsfax.engine.t30`)."""

    kind: ClassVar[EventKind] = EventKind.FAX_FINISHED

    success: bool
    code: int
    text: str
    pages: int
    total: int
    bad_rows: int
    rate: int
    ecm: bool
    t38_status: T38Status
    remote_station_id: str
    local_station_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaxStopped(Observation):
    """Txfax or rxfax returned. ``response`` holds mod_spandsp's error text, "" if it gave none."""

    kind: ClassVar[EventKind] = EventKind.FAX_STOPPED

    response: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginateReply(Observation):
    """The background job of the originate is over: answered (``cause`` "") or not."""

    kind: ClassVar[EventKind] = EventKind.ORIGINATE_REPLY

    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HungUp(Observation):
    """The channel is gone. ``sip_status`` is that of the final SIP failure response, 0 if none."""

    kind: ClassVar[EventKind] = EventKind.HUNG_UP

    cause: str
    answered: bool
    sip_status: int
    by_far_end: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsMissed(Observation):
    """The connection was lost or a queue overflowed: some events are missing."""

    kind: ClassVar[EventKind] = EventKind.EVENTS_MISSED


def _number(text: str) -> int:
    """Return a number that FreeSWITCH printed; anything else is 0."""
    text = text.strip()
    # int() would take "1_000" and digits of other scripts, and be slow on megabytes of them.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else 0


def _pair(text: str) -> tuple[int, int]:
    """Return both numbers of a text like "1728x2156"."""
    left, _, right = text.partition("x")
    return _number(left), _number(right)


def _t38_status(text: str) -> T38Status:
    if text in ("requested", "negotiated", "refused"):
        return text  # type: ignore[return-value]  # narrowed by the line above
    return "off"


def _at(event: Event) -> float:
    return _number(event.get("Event-Date-Timestamp")) / 1_000_000


def observe_caller(event: Event) -> Created:
    """Return the numbers of caller and called, which every event of a channel has."""
    return Created(
        at=_at(event),
        inbound=event.get("Call-Direction") == "inbound",
        from_number=one_line(event.get("Caller-Caller-ID-Number")),
        from_name=one_line(event.get("Caller-Caller-ID-Name")),
        to_number=one_line(event.get("Caller-Destination-Number")),
    )


def _execute(event: Event) -> Observation | None:
    if event.get("Application") not in FAX_APPLICATIONS:
        return None
    return FaxStarted(at=_at(event), path=event.get("Application-Data"))


def _execute_complete(event: Event) -> Observation | None:
    if event.get("Application") not in FAX_APPLICATIONS:
        return None
    response = event.get("Application-Response")
    # switch_core_session_exec reports "_none_" if the application set no response.
    return FaxStopped(
        at=_at(event), response="" if response == "_none_" else one_line(response, 200)
    )


def _background_job(event: Event) -> Observation | None:
    if event.get("Job-Command") not in ("originate", ""):
        return None
    reply = event.body.decode("utf-8", "replace").strip()
    if reply.startswith("+OK"):
        return OriginateReply(at=_at(event), cause="")
    if reply.startswith("-ERR"):
        return OriginateReply(at=_at(event), cause=one_line(reply.removeprefix("-ERR")) or "NONE")
    return None


def _hangup_complete(event: Event) -> HungUp:
    disposition = event.variable("sip_hangup_disposition")
    return HungUp(
        at=_at(event),
        cause=one_line(event.get("Hangup-Cause")) or "NONE",
        answered=_number(event.get("Caller-Channel-Answered-Time")) > 0,
        sip_status=_number(event.variable("sip_term_status")),
        by_far_end=disposition.startswith("recv_"),
    )


def _negotiated(event: Event) -> Observation:
    return Negotiated(
        at=_at(event),
        rate=_number(event.get("fax-transfer-rate")),
        ecm=event.get("fax-ecm-used") == "on",
        t38_status=_t38_status(event.get("fax-t38-status")),
        remote_station_id=one_line(event.get("fax-remote-station-id")),
        local_station_id=one_line(event.get("fax-local-station-id")),
        remote_country=one_line(event.get("fax-remote-country")),
        remote_vendor=one_line(event.get("fax-remote-vendor")),
        remote_model=one_line(event.get("fax-remote-model")),
    )


def _page(event: Event, value: Callable[[str], str] | None = None) -> PageDone:
    value = value or event.get
    width, rows = _pair(value("fax-image-pixel-size"))
    x_resolution, y_resolution = _pair(value("fax-image-resolution"))
    return PageDone(
        at=_at(event),
        page=PageRecord(
            number=_number(value("fax-document-transferred-pages")),
            image_bytes=_number(value("fax-image-size")),
            width=width,
            rows=rows,
            x_resolution=x_resolution,
            y_resolution=y_resolution,
            bad_rows=_number(value("fax-bad-rows")),
            longest_bad_row_run=_number(value("fax-longest-bad-row-run")),
            encoding=one_line(value("fax-encoding-name")),
        ),
        total=_number(value("fax-document-total-pages")),
    )


def _result(event: Event, value: Callable[[str], str] | None = None) -> FaxFinished:
    value = value or event.get
    code = value("fax-result-code").strip()
    return FaxFinished(
        at=_at(event),
        success=value("fax-success") == "1",
        # A missing code must not read as 0, "OK".
        code=_number(code) if code.isdigit() else -1,
        text=one_line(value("fax-result-text"), 200),
        pages=_number(value("fax-document-transferred-pages")),
        total=_number(value("fax-document-total-pages")),
        bad_rows=_number(value("fax-bad-rows")),
        rate=_number(value("fax-transfer-rate")),
        ecm=value("fax-ecm-used") == "on",
        t38_status=_t38_status(value("fax-t38-status")),
        remote_station_id=one_line(value("fax-remote-station-id")),
        local_station_id=one_line(value("fax-local-station-id")),
    )


def _result_in_variables(event: Event) -> FaxFinished | None:
    """Return the result that phase E left in the channel's variables, None if there is none.

    mod_spandsp sets a variable for each header of its result event (``fax_success`` for
    ``fax-success``), so the hangup event, and ``uuid_dump`` of a lingering channel, still have
    the result if the result event itself was lost.
    """
    if not event.variable("fax_success"):
        return None
    return _result(event, _variables(event))


def _variables(event: Event) -> Callable[[str], str]:
    """Return a function that reads the channel variable instead of the header of that name."""
    return lambda name: event.variable(name.replace("-", "_"))


_READERS: Mapping[str, Callable[[Event], Observation | None]] = {
    "CHANNEL_CREATE": observe_caller,
    "CHANNEL_PROGRESS": lambda event: Ringing(at=_at(event)),
    "CHANNEL_PROGRESS_MEDIA": lambda event: Ringing(at=_at(event), early_media=True),
    "CHANNEL_ANSWER": lambda event: Answered(at=_at(event)),
    "CHANNEL_PARK": lambda event: Parked(at=_at(event)),
    "CHANNEL_EXECUTE": _execute,
    "CHANNEL_EXECUTE_COMPLETE": _execute_complete,
    "BACKGROUND_JOB": _background_job,
    "spandsp::txfaxnegociateresult": _negotiated,
    "spandsp::rxfaxnegociateresult": _negotiated,
    "spandsp::txfaxpageresult": _page,
    "spandsp::rxfaxpageresult": _page,
    "spandsp::txfaxresult": _result,
    "spandsp::rxfaxresult": _result,
}


def observe(event: Event) -> tuple[Observation, ...]:
    """Return the observations that ``event`` gives, in order; none if it says nothing of a fax."""
    if event.name == "CHANNEL_HANGUP_COMPLETE":
        result = _result_in_variables(event)
        return (result, _hangup_complete(event)) if result else (_hangup_complete(event),)
    reader = _READERS.get(event.subclass if event.name == "CUSTOM" else event.name)
    observation = reader(event) if reader else None
    return (observation,) if observation else ()


def observe_dump(event: Event) -> tuple[Observation, ...]:
    """Return the observations that the channel data of a call give (``uuid_dump``).

    Used after events were missed: the data show how far the call has come, but not each step.
    """
    at = _at(event)
    seen: list[Observation] = [observe_caller(event)]
    if event.get("Answer-State") == "answered":
        seen.append(Answered(at=at))
    if event.variable("current_application") in FAX_APPLICATIONS:
        seen.append(FaxStarted(at=at, path=event.variable("current_application_data")))
    # The last page that phase D confirmed; after phase E the result says how many there were.
    page = _page(event, _variables(event))
    if page.number and not event.variable("fax_success"):
        seen.append(page)
    # Phase B sets the rate, but so does phase E, even on a call that no fax machine answered.
    if event.variable("fax_transfer_rate") and not event.variable("fax_success"):
        result = _result(event, _variables(event))
        seen.append(
            Negotiated(
                at=at,
                rate=result.rate,
                ecm=result.ecm,
                t38_status=result.t38_status,
                remote_station_id=result.remote_station_id,
                local_station_id=result.local_station_id,
                remote_country=one_line(event.variable("fax_remote_country")),
                remote_vendor=one_line(event.variable("fax_remote_vendor")),
                remote_model=one_line(event.variable("fax_remote_model")),
            )
        )
    if found := _result_in_variables(event):
        seen.append(found)
    return tuple(seen)
