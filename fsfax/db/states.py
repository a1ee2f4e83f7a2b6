"""What a job and an attempt may become: two tables, the only ones.

    outbound   attaching_files ─► pending ◄─► processing ─► completed | failed
                       └────────────┴──────────────┴──────► cancelled   (by request)
                       └────────────┴─────────────────────► failed      (bad document)
    incoming   processing ─► completed | failed,  failed ─► completed (its file was found)
    attempt    intended ─► dialling ─► answered ─► negotiated ─► sending ─► succeeded | failed
                                                                        └─► uncertain

The names of the job's states are those of the Faxes API. An attempt may skip stages: events
can be missed, its order cannot be turned round.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from fsfax.errors import IllegalMove


class Direction(StrEnum):
    """Which way a fax goes."""

    OUT = "out"
    IN = "in"


class JobState(StrEnum):
    """Where a job stands."""

    ATTACHING_FILES = "attaching_files"
    """An uploaded document is being made ready."""
    PENDING = "pending"
    """Waiting for its (next) call, or held."""
    PROCESSING = "processing"
    """A worker has it, or the fax is coming in."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Nothing will happen to the job any more."""
        return not OUTBOUND[self]


class Hold(StrEnum):
    """Why a pending job is not called."""

    NO = ""
    OPERATOR = "operator"
    """Somebody held it."""
    UNCERTAIN = "uncertain"
    """What became of its last call cannot be proved, and policy leaves that to a person."""


class AttemptState(StrEnum):
    """How far one attempt came."""

    INTENDED = "intended"
    """Written down; whether anything was dialled has to be asked."""
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
"""Every legal move of a job that is sent."""

INCOMING: Mapping[JobState, frozenset[JobState]] = {
    **{state: frozenset() for state in JobState},
    JobState.PROCESSING: frozenset({JobState.COMPLETED, JobState.FAILED}),
    # A file that turns up late proves more than its absence did.
    JobState.FAILED: frozenset({JobState.COMPLETED}),
}
"""Every legal move of a job that is received."""


def require_move(direction: Direction, old: JobState, new: JobState) -> None:
    """Refuse a move that the table does not have.

    Raises:
        IllegalMove: it is not there.
    """
    table = OUTBOUND if direction is Direction.OUT else INCOMING
    if new not in table[old]:
        raise IllegalMove(f"a job that is {old} cannot become {new}")


def require_attempt_move(old: AttemptState, new: AttemptState) -> None:
    """Refuse to turn an attempt back, or to change one that is settled.

    Raises:
        IllegalMove: it would.
    """
    if old.is_final or new.rank < old.rank:
        raise IllegalMove(f"an attempt that is {old} cannot become {new}")
