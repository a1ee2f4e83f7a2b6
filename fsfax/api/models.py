"""Requests and answers of the Faxes API as models: they validate, and they are the description.

Names, limits and defaults are those of the API's document; what it does not know is marked
"beyond the original". Unknown fields of a fax are kept and given back, as the original does.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from fsfax.accounts.faxbox_config import FaxboxBody, Text, TimeZone
from fsfax.accounts.notification_config import Notifications, Url
from fsfax.accounts.tokens import Scope
from fsfax.jobs.intake import MAX_PRIORITY
from fsfax.values.preferences import MAX_RETRIES

ACCOUNT_ID = r"^[0-9a-f]{32}$"
FAX_ID = r"^(?:[0-9]{6}-)?[0-9a-f]{32}$"


class OpenModel(BaseModel):
    """A model that keeps fields it does not know."""

    model_config = ConfigDict(extra="allow", coerce_numbers_to_str=True)


class ClosedModel(BaseModel):
    """A model that knows all of its fields."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


# --- what comes in --------------------------------------------------------------------------


class DocumentSource(OpenModel):
    """Where the document is fetched from."""

    url: Url = Field(description="The URL of the fax document.")
    method: Literal["get", "post"] = Field("get", description="How it is retrieved.")
    content: str | None = Field(None, max_length=256, description="Body of a POST.")
    content_type: Text | None = Field(None, description="Content type of that body.")
    host: Text | None = Field(None, description="Host header of the request.")
    referer: Text | None = Field(None, description="Referer header of the request.")


class FaxBody(OpenModel):
    """A fax that is to be sent."""

    to_number: Text = Field(min_length=1, description="The recipient's number.")
    from_number: Text = Field(min_length=1, description="The sender's number.")
    to_name: Text | None = None
    from_name: Text | None = None
    document: DocumentSource | None = None
    retries: int = Field(
        1, ge=0, le=MAX_RETRIES, description="How often to try again after the first attempt."
    )
    notifications: Notifications | None = None
    fax_identity_number: Text | None = Field(None, description="Our station id.")
    fax_identity_name: Text | None = Field(None, description="Text of the header line.")
    fax_timezone: TimeZone | None = Field(None, description="Time zone of the header line.")
    timezone: TimeZone | None = Field(None, description="The same, as the original prefers it.")
    resolution: Literal["standard", "fine", "superfine"] | None = Field(
        None, description="Lines an inch: 98, 196 or 391 (beyond the original)."
    )
    priority: int = Field(
        0,
        ge=-MAX_PRIORITY,
        le=MAX_PRIORITY,
        description="Higher ones of an account go first (beyond the original).",
    )
    not_before: AwareDatetime | None = Field(
        None, description="Not called before (ISO 8601 with time zone; beyond the original)."
    )
    labels: list[Text] | None = Field(
        None, max_length=32, description="Words of your own, for filters (beyond the original)."
    )


class FaxRequest(OpenModel):
    """The body of a request that makes a fax."""

    data: FaxBody


class Action(OpenModel):
    """Send a fax that is over, or one that came in, once more."""

    action: Literal["resubmit", "forward"]
    data: dict[str, Any] = Field({}, description="Fields that replace those of the fax.")


class ListQuery(BaseModel):
    """Parameters of a list. Beside them go ``filter_FIELD`` and ``filter_not_FIELD``."""

    model_config = ConfigDict(extra="allow")

    page_size: int = Field(50, description="Rows of a page, 1 to 1000.")
    start_key: str | None = Field(None, description="``next_start_key`` of the page before.")
    paginate: bool = Field(True, description="false: everything at once, without paging.")
    ascending: bool = Field(False, description="The oldest first.")
    created_from: int | None = Field(None, description="Gregorian seconds.")
    created_to: int | None = Field(None, description="Gregorian seconds.")
    modified_from: int | None = Field(None, description="Gregorian seconds.")
    modified_to: int | None = Field(None, description="Gregorian seconds.")
    has_key: str | None = Field(None, description="Only faxes that have this field.")
    key_missing: str | None = Field(None, description="Only faxes that do not have it.")
    has_value: str | None = Field(None, description="Only faxes in which it is not empty.")
    value_missing: str | None = Field(None, description="Only faxes in which it is empty.")


class AttachmentQuery(BaseModel):
    """Parameters of an attachment."""

    format: Literal["pdf", "tiff", "original"] | None = Field(
        None, description="Goes above Accept; else PDF."
    )
    disposition: Literal["attachment", "inline"] = "attachment"


class AccountBody(ClosedModel):
    """An account."""

    name: str = Field(min_length=1, max_length=128)
    max_calls: int = Field(0, ge=0, le=100_000, description="Calls at once; 0 = the settings'.")
    windows: list[dict[str, Any]] = Field(
        [], max_length=64, description="Times of day in which it calls; none = always."
    )
    numbers: list[Text] = Field([], max_length=1000, description="Called numbers that are its own.")


class AccountChange(ClosedModel):
    """Fields of an account that change."""

    name: str | None = Field(None, min_length=1, max_length=128)
    max_calls: int | None = Field(None, ge=0, le=100_000)
    windows: list[dict[str, Any]] | None = Field(None, max_length=64)
    numbers: list[Text] | None = Field(None, max_length=1000)


class TokenBody(ClosedModel):
    """A token."""

    name: Text = ""
    scopes: list[Scope] = [Scope.READ, Scope.WRITE]
    expires_at: AwareDatetime | None = None


class FaxboxRequest(OpenModel):
    """The body of a request that creates or replaces a faxbox."""

    data: FaxboxBody


class FaxboxPatch(OpenModel):
    """The body of a request that changes fields of a faxbox; null removes one."""

    data: dict[str, Any]


class AccountRequest(OpenModel):
    """The body of a request that makes an account."""

    data: AccountBody


class AccountPatch(OpenModel):
    """The body of a request that changes an account."""

    data: AccountChange


class TokenRequest(OpenModel):
    """The body of a request that makes a token."""

    data: TokenBody = TokenBody()


# --- what goes out --------------------------------------------------------------------------


class Result(OpenModel):
    """What became of the fax, in both sets of the original's names, and more."""

    error_message: str
    fax_bad_rows: int
    fax_error_correction: bool
    fax_receiver_id: str
    fax_speed: int
    pages_sent: int
    success: bool
    time_elapsed: int


class ReceivedResult(OpenModel):
    """What came in."""

    error_message: str
    success: bool
    partial: bool = Field(description="It broke off; the pages that had come are here.")
    time_elapsed: int


class FaxSummary(OpenModel):
    """A row of a list."""

    id: str = Field(pattern=FAX_ID)
    status: str
    created: int
    to: str
    from_: str = Field(alias="from")


class Fax(OpenModel):
    """A fax."""

    id: str = Field(pattern=FAX_ID)
    status: str
    created: int
    to_number: str
    from_number: str


class SentFax(Fax):
    """A fax that is, or was, sent."""

    attempts: int
    retries: int
    delivered: int | Literal["undefined"]
    fax_timezone: str
    tx_result: Result


class ReceivedFax(Fax):
    """A fax that comes, or came, in."""

    rx_result: ReceivedResult | None = None


class MailLogSummary(OpenModel):
    """A row of the mail log."""

    id: str
    created: int
    from_: str = Field(alias="from")
    to: str
    error: str | None = None


class MailLog(MailLogSummary):
    """A mail that came, and what became of it."""

    errors: list[str]
    job_ids: list[str]


class AccountShown(OpenModel):
    """An account."""

    id: str = Field(pattern=ACCOUNT_ID)
    name: str


class TokenShown(OpenModel):
    """A token; its secret is shown when it is made, and never again."""

    id: str
    account_id: str
    name: str
    scopes: list[Scope]
    secret: str | None = None


class FaxboxShown(OpenModel):
    """A faxbox."""

    id: str = Field(pattern=ACCOUNT_ID)
    name: str
    smtp_email_address: str


class Nothing(ClosedModel):
    """Nothing is left to be told."""
