"""The states of jobs and attempts, and the legal moves between them. Pure.

    outbound   attaching_files ─► pending ◄─► processing ─► completed | failed
                       └────────────┴──────────────┴──────► cancelled   (by request)
                       └────────────┴─────────────────────► failed      (bad document)
    inbound    processing ─► completed | failed,  failed ─► completed (its file was found)
    attempt    intended ─► dialling ─► answered ─► negotiated ─► sending ─► succeeded | failed
                                                                        └─► uncertain

The names of the job's states are those of the Faxes API. An attempt may skip stages, because
events can be missed, but it never goes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from fsfax.errors import IllegalMove


class Direction(StrEnum):
    """The direction of a fax: outbound or inbound."""

    OUT = "out"
    IN = "in"


class JobState(StrEnum):
    """The state of a job."""

    ATTACHING_FILES = "attaching_files"
    """An uploaded document is being prepared."""
    PENDING = "pending"
    """The job waits for its (next) call, or is held."""
    PROCESSING = "processing"
    """A worker is calling, or the fax is being received."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """The job cannot change any more."""
        return not OUTBOUND[self]


class Hold(StrEnum):
    """Why a pending job is not called."""

    NO = ""
    OPERATOR = "operator"
    """An operator or a client held it."""
    UNCERTAIN = "uncertain"
    """The outcome of its last call cannot be proved, and policy leaves it to an operator."""


class AttemptState(StrEnum):
    """The stage that an attempt has reached."""

    INTENDED = "intended"
    """Stored before dialling; whether anything was dialled has to be asked of FreeSWITCH."""
    DIALLING = "dialling"
    ANSWERED = "answered"
    NEGOTIATED = "negotiated"
    SENDING = "sending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNCERTAIN = "uncertain"

    @property
    def is_final(self) -> bool:
        """The attempt is settled."""
        return self in _SETTLED

    @property
    def rank(self) -> int:
        """The place in the order of the stages, from 0."""
        return _ATTEMPT_ORDER.index(self)


_SETTLED = frozenset({AttemptState.SUCCEEDED, AttemptState.FAILED, AttemptState.UNCERTAIN})
_ATTEMPT_ORDER = tuple(AttemptState)

OUTBOUND: Mapping[JobState, frozenset[JobState]] = {
    JobState.ATTACHING_FILES: frozenset({JobState.PENDING, JobState.FAILED, JobState.CANCELLED}),
    JobState.PENDING: frozenset({JobState.PROCESSING, JobState.FAILED, JobState.CANCELLED}),
    JobState.PROCESSING: frozenset(
        {JobState.PENDING, JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.COMPLETED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
"""Every legal move of an outbound job."""

INBOUND: Mapping[JobState, frozenset[JobState]] = {
    **{state: frozenset() for state in JobState},
    JobState.PROCESSING: frozenset({JobState.COMPLETED, JobState.FAILED}),
    # A file that is found late proves more than its absence did.
    JobState.FAILED: frozenset({JobState.COMPLETED}),
}
"""Every legal move of an inbound job."""


def require_move(direction: Direction, old: JobState, new: JobState) -> None:
    """Check that a job may move from one state to another.

    Raises:
        IllegalMove: the table does not have that move.
    """
    table = OUTBOUND if direction is Direction.OUT else INBOUND
    if new not in table[old]:
        raise IllegalMove(f"a job that is {old} cannot become {new}")


def require_attempt_move(old: AttemptState, new: AttemptState) -> None:
    """Check that an attempt may move from one stage to another.

    Raises:
        IllegalMove: the attempt is settled, or the stage is an earlier one.
    """
    if old.is_final or new.rank < old.rank:
        raise IllegalMove(f"an attempt that is {old} cannot become {new}")
