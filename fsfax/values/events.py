"""The names of job events, call events and notifications, as stored, sent and printed. Pure."""

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


class NotificationKind(StrEnum):
    """What a notification reports: stored in the outbox; webhooks write it with dots.

    The first five are of outbound faxes. Written by `fsfax.db.transitions.transition` when a job
    is over, OUT_UNCERTAIN and OUT_RETRYING by `fsfax.jobs.settle`.
    """

    OUT_COMPLETED = "fax_out_completed"
    OUT_FAILED = "fax_out_failed"
    OUT_CANCELLED = "fax_out_cancelled"
    OUT_UNCERTAIN = "fax_out_uncertain"
    """Whether the fax arrived cannot be proved; it is held for a decision."""
    OUT_RETRYING = "fax_out_retrying"
    """A call failed, and another one is planned."""
    IN_COMPLETED = "fax_in_completed"
    IN_FAILED = "fax_in_failed"
    """The call broke off; the pages that had come are stored."""

    @property
    def event(self) -> str:
        """The type of a webhook's message: ``fax.out.completed``."""
        return self.value.replace("_", ".")

    @property
    def is_inbound(self) -> bool:
        """The notification is about an inbound fax."""
        return self.value.startswith("fax_in_")
