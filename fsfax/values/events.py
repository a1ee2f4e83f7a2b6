"""The names of the events of a job and of its calls, as stored, sent and printed. Pure."""

from __future__ import annotations

from enum import StrEnum


class EventKind(StrEnum):
    """The kind of an event. The values are stored and shown to clients: they never change."""

    # To a job.
    STATE = "state"
    """The job changed its state; the first event has the state in which it was accepted."""
    HELD = "held"
    RELEASED = "released"
    POSTPONED = "postponed"
    """The document could not be fetched or converted; the worker tries again later."""
    FORWARDED = "forwarded"
    NOT_FORWARDED = "not_forwarded"
    DOCUMENTS_REMOVED = "documents_removed"

    # On a call (`fsfax.engine.observations`).
    PREPARED = "prepared"
    """The document was converted to TIFF-F."""
    DIALLING = "dialling"
    CREATED = "created"
    RINGING = "ringing"
    ANSWERED = "answered"
    PARKED = "parked"
    FAX_STARTED = "fax_started"
    NEGOTIATED = "negotiated"
    """Phase B of T.30 is over: modem, ECM and image coding are agreed."""
    PAGE_DONE = "page_done"
    """The far end confirmed a page, or one was received (phase D)."""
    FAX_FINISHED = "fax_finished"
    """FreeSWITCH reported the fax's result (phase E)."""
    FAX_STOPPED = "fax_stopped"
    ORIGINATE_REPLY = "originate_reply"
    HUNG_UP = "hung_up"
    EVENTS_MISSED = "events_missed"
