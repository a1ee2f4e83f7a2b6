"""Requests and answers of the Faxes API as models, for validation and for the OpenAPI document.

Names, limits and defaults are those of Kazoo's Faxes API; fields that it does not have are marked
"not in Kazoo". Unknown fields of a fax are stored and returned, as Kazoo does.
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
    """A model that accepts unknown fields and includes them in its dump."""

    model_config = ConfigDict(extra="allow", coerce_numbers_to_str=True)


class ClosedModel(BaseModel):
    """A model that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


# --- requests -------------------------------------------------------------------------------


class DocumentSource(OpenModel):
    """The URL that the document is fetched from; the fields of `fsfax.FetchRequest`."""

    url: Url = Field(description="The URL of the fax document.")
    method: Literal["get", "post"] = Field("get", description="HTTP method of the fetch.")
    content: str | None = Field(None, max_length=256, description="Body of a POST.")
    content_type: Text | None = Field(None, description="Content type of that body.")
    host: Text | None = Field(None, description="Host header of the request.")
    referer: Text | None = Field(None, description="Referer header of the request.")


class FaxBody(OpenModel):
    """A fax to send."""

    to_number: Text = Field(min_length=1, description="The recipient's number.")
    from_number: Text = Field(min_length=1, description="The sender's number.")
    to_name: Text | None = None
    from_name: Text | None = None
    document: DocumentSource | None = None
    retries: int = Field(1, ge=0, le=MAX_RETRIES, description="Retries after the first attempt.")
    notifications: Notifications | None = None
    fax_identity_number: Text | None = Field(None, description="Station id that is sent (TSI).")
    fax_identity_name: Text | None = Field(None, description="Text of the header line.")
    fax_timezone: TimeZone | None = Field(None, description="Time zone of the header line.")
    timezone: TimeZone | None = Field(None, description="The same; takes precedence, as in Kazoo.")
    resolution: Literal["standard", "fine", "superfine"] | None = Field(
        None, description="Lines per inch: 98, 196 or 391 (not in Kazoo)."
    )
    priority: int = Field(
        0,
        ge=-MAX_PRIORITY,
        le=MAX_PRIORITY,
        description="Of an account's faxes, higher ones are called first (not in Kazoo).",
    )
    not_before: AwareDatetime | None = Field(
        None, description="No call before (ISO 8601 with time zone; not in Kazoo)."
    )
    labels: list[Text] | None = Field(
        None, max_length=32, description="The client's words, for filters (not in Kazoo)."
    )


class FaxRequest(OpenModel):
    """The body of a request that creates a fax."""

    data: FaxBody


class ResubmitAction(OpenModel):
    """Send a final or a received fax once more."""

    action: Literal["resubmit", "forward"]
    data: dict[str, Any] = Field({}, description="Fields that replace those of the fax.")


class ListQuery(BaseModel):
    """Parameters of a list; ``filter_FIELD`` and ``filter_not_FIELD`` are parameters as well."""

    model_config = ConfigDict(extra="allow")

    page_size: int = Field(50, description="Rows of a page, 1 to 1000.")
    start_key: str | None = Field(None, description="``next_start_key`` of the page before.")
    paginate: bool = Field(True, description="false: all rows at once, without paging.")
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
        None, description="Takes precedence over Accept; the default is PDF."
    )
    disposition: Literal["attachment", "inline"] = "attachment"


class AccountBody(ClosedModel):
    """An account."""

    name: str = Field(min_length=1, max_length=128)
    max_calls: int = Field(
        0, ge=0, le=100_000, description="Simultaneous calls; 0 = the service's setting."
    )
    windows: list[dict[str, Any]] = Field(
        [], max_length=64, description="Times of day in which calls are made; none = always."
    )
    numbers: list[Text] = Field(
        [], max_length=1000, description="Called numbers that belong to it."
    )


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
    """The body of a request that creates an account."""

    data: AccountBody


class AccountPatch(OpenModel):
    """The body of a request that changes an account."""

    data: AccountChange


class TokenRequest(OpenModel):
    """The body of a request that creates a token."""

    data: TokenBody = TokenBody()


# --- answers --------------------------------------------------------------------------------


class OutboundResult(OpenModel):
    """The result of an outbound fax, under both sets of Kazoo's names, and more."""

    error_message: str
    fax_bad_rows: int
    fax_error_correction: bool
    fax_receiver_id: str
    fax_speed: int
    pages_sent: int
    success: bool
    time_elapsed: int


class InboundResult(OpenModel):
    """The result of an inbound fax."""

    error_message: str
    success: bool
    partial: bool = Field(description="It broke off; the pages received until then are stored.")
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


class OutboundFax(Fax):
    """An outbound fax."""

    attempts: int
    retries: int
    delivered: int | Literal["undefined"]
    fax_timezone: str
    tx_result: OutboundResult


class InboundFax(Fax):
    """An inbound fax."""

    rx_result: InboundResult | None = None


class MailLogSummary(OpenModel):
    """A row of the mail log."""

    id: str
    created: int
    from_: str = Field(alias="from")
    to: str
    error: str | None = None


class MailLog(MailLogSummary):
    """A received mail, its errors and its faxes."""

    errors: list[str]
    job_ids: list[str]


class AccountDetails(OpenModel):
    """An account."""

    id: str = Field(pattern=ACCOUNT_ID)
    name: str


class TokenDetails(OpenModel):
    """A token; its secret is shown when it is created, and never again."""

    id: str
    account_id: str
    name: str
    scopes: list[Scope]
    secret: str | None = None


class FaxboxDetails(OpenModel):
    """A faxbox."""

    id: str = Field(pattern=ACCOUNT_ID)
    name: str
    smtp_email_address: str


class Empty(ClosedModel):
    """An empty object."""
