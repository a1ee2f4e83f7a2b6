"""The configuration of a faxbox: checked when it is stored, read by attributes. Pure.

Field names are those of the Faxes API. What applies to inbound faxes:

    callers         the callers that may send faxes to it (`fsfax.accounts.callers`)
    forward_to      a number that complete faxes are sent on to (`fsfax.jobs.forward`)
    retention_days  days after which documents are removed, of both directions
                    (`fsfax.jobs.retention`)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)

from fsfax.accounts.callers import normalized_caller_pattern
from fsfax.accounts.config_model import STORED, ConfigModel, MaxItems
from fsfax.accounts.notification_config import DirectionNotifications, FaxboxNotifications
from fsfax.accounts.numbers import stored_number
from fsfax.engine.plan import MAX_IDENT
from fsfax.errors import InvalidRequest
from fsfax.runtime.timezone import posix_timezone
from fsfax.values.numbers import dialable
from fsfax.values.preferences import MAX_RETRIES, SendPreferences

DEFAULT_RETRIES = 3
"""Retries of faxes from a faxbox that has no ``retries``, as in Kazoo."""

MAX_RETENTION_DAYS = 36_500
"""A hundred years."""

_MAX_ENTRIES = 1000
"""Entries of one list."""

_COLUMNS = frozenset({"name", "numbers", "custom_smtp_email_address"})
"""Fields with columns of their own."""

_READ_ONLY = frozenset({"id", "created", "smtp_email_address"})
"""Fields that the API shows; a client that sends them back does not change them."""

UNREADABLE = "(unreadable"
"""Takes the place of a stored entry that cannot be read: neither a caller nor a valid expression,
so that it matches no caller and no mail address."""

_MAX_TEXT = 1024

Text = Annotated[str, StringConstraints(max_length=_MAX_TEXT)]


def _known_zone(zone: str) -> str:
    if zone:
        posix_timezone(zone)
    return zone


def _dialable_or_empty(number: str) -> str:
    if number:
        dialable(number)
    return number


def _caller_pattern(pattern: str, info: ValidationInfo) -> str:
    # A stored pattern that is not valid stays in its list, where it matches no caller. Without it
    # the list might be empty, and an empty list of callers admits all.
    return pattern if info.context == STORED else normalized_caller_pattern(pattern)


def _restriction(entries: Any, info: ValidationInfo) -> Any:
    # The list of a restriction permits everyone when it is empty: a stored one does not become
    # empty because its entries, or the list, cannot be read.
    if info.context != STORED or not entries:
        return entries
    return [
        entry if type(entry) is int or _is_text(entry) else UNREADABLE
        for entry in (entries if isinstance(entries, list) else [entries])
    ]


def _is_text(entry: Any) -> bool:
    if not isinstance(entry, str) or len(entry) > _MAX_TEXT:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in entry)


def _stored_list(entries: Any, info: ValidationInfo) -> Any:
    return [entries] if info.context == STORED and isinstance(entries, str) else entries


def _stored_number_of_days(days: Any, info: ValidationInfo) -> Any:
    # Documents are removed on the strength of it: a stored "1" or true may not mean a day.
    if info.context == STORED and days is not None and type(days) is not int:
        raise ValueError("not an integer")
    return days


TimeZone = Annotated[Text, AfterValidator(_known_zone)]
DialableNumber = Annotated[Text, AfterValidator(_dialable_or_empty)]
CalledNumber = Annotated[Text, AfterValidator(stored_number)]
CallerPattern = Annotated[Text, AfterValidator(_caller_pattern)]
Ident = Annotated[str, StringConstraints(pattern=r"^[ -~]*$", max_length=MAX_IDENT)]


class FaxboxMedia(ConfigModel):
    """How a faxbox takes part in calls."""

    fax_option: bool | Literal["auto"] | None = Field(
        default=None, description="Offer T.38; false: faxes go in audio, both ways."
    )


class Callers(ConfigModel):
    """Callers that may send faxes to a faxbox; a blocked one may not, even if it is allowed."""

    model_config = ConfigDict(extra="forbid")

    allow: Annotated[list[CallerPattern], MaxItems(_MAX_ENTRIES), BeforeValidator(_restriction)] = (
        Field(
            default=[],
            description="If there are any, only these callers may: numbers, beginnings of numbers"
            " (+3531*), ``anonymous``, ``*``.",
        )
    )
    block: Annotated[list[CallerPattern], MaxItems(_MAX_ENTRIES), BeforeValidator(_stored_list)] = (
        Field(default=[], description="Callers that may not, in the same form.")
    )


class FaxboxConfig(ConfigModel):
    """What the faxes to and from a faxbox have in common."""

    caller_id: DialableNumber | None = Field(
        default=None, description="The number that faxes are sent from."
    )
    caller_name: Text | None = None
    fax_identity: Ident | None = Field(default=None, description="Station id, both ways.")
    fax_header: Text | None = Field(default=None, description="Text of the header line.")
    fax_timezone: TimeZone | None = None
    retries: int = Field(default=DEFAULT_RETRIES, ge=0, le=MAX_RETRIES)
    attempts: int = Field(default=0, ge=0, le=4)
    smtp_permission_list: Annotated[
        list[Text], MaxItems(_MAX_ENTRIES), BeforeValidator(_restriction)
    ] = Field(default=[])
    notifications: FaxboxNotifications | None = None
    media: FaxboxMedia | None = None
    flags: list[Text] | None = None
    callers: Callers | None = Field(
        default=None, description="Callers that may send faxes to it (not in Kazoo)."
    )
    forward_to: DialableNumber | None = Field(
        default=None,
        max_length=64,
        description="A number that complete faxes are sent on to (not in Kazoo).",
    )
    retention_days: Annotated[int | None, BeforeValidator(_stored_number_of_days)] = Field(
        default=None,
        ge=1,
        le=MAX_RETENTION_DAYS,
        description="Days after which the documents of its faxes are removed, both ways; the faxes"
        " themselves stay (not in Kazoo).",
    )

    def send_preferences(self) -> SendPreferences:
        """Return how faxes from the faxbox are sent."""
        return SendPreferences(
            ident=self.fax_identity or None,
            header=self.fax_header or None,
            timezone=self.fax_timezone or None,
            # T.38 is offered without being asked for, and "auto" is decided by the history of the
            # destination.
            t38="off" if self.media and self.media.fax_option is False else None,
        )

    def inbound_notifications(self) -> DirectionNotifications:
        """Return the recipients for inbound faxes, without any if none are configured."""
        found = self.notifications.inbound if self.notifications else None
        return found or DirectionNotifications()

    def outbound_notifications(self) -> DirectionNotifications:
        """Return the recipients for outbound faxes, without any if none are configured."""
        found = self.notifications.outbound if self.notifications else None
        return found or DirectionNotifications()


class FaxboxBody(FaxboxConfig):
    """A faxbox: what the faxes to and from one number have in common."""

    name: str = Field(min_length=1, max_length=128)
    custom_smtp_email_address: Text | None = None
    numbers: Annotated[list[CalledNumber], MaxItems(_MAX_ENTRIES)] = Field(
        default=[], description="Called numbers that are its own (not in Kazoo)."
    )

    @classmethod
    def validated(cls, given: Mapping[str, Any]) -> Self:
        """Return the fields of a faxbox, checked and normalized.

        Raises:
            InvalidRequest: a field breaks a rule; the message names each one.
        """
        try:
            return cls.model_validate(dict(given))
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, each['loc']))}: {each['msg']}"
                for each in error.errors(include_url=False)
            )
            raise InvalidRequest(f"the faxbox was not stored: {wrong}") from error

    def stored_config(self) -> dict[str, Any]:
        """Return the fields that have no column of their own, as plain JSON values."""
        return {
            name: value
            for name, value in self.as_dict().items()
            if name not in _COLUMNS | _READ_ONLY
        }
