"""Requests and answers of the Faxes API as models, for validation and for the OpenAPI document.

Names, limits and defaults are those of Kazoo's Faxes API; fields that it does not have are marked
"not in Kazoo". Unknown fields of a fax are stored and returned, as Kazoo does.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from fsfax.accounts.callers import kept_caller
from fsfax.accounts.numbers import kept_number, require_dialable
from fsfax.accounts.tokens import Scope
from fsfax.engine.plan import MAX_IDENT
from fsfax.jobs.intake import MAX_PRIORITY, MAX_RETRIES
from fsfax.jobs.retention import LONGEST
from fsfax.notify.signature import new_secret, require_secret
from fsfax.notify.targets import normal_url
from fsfax.runtime.timezone import posix_timezone

ACCOUNT_ID = r"^[0-9a-f]{32}$"
FAX_ID = r"^(?:[0-9]{6}-)?[0-9a-f]{32}$"

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?"
# As `fsfax.notify.targets` parses them; a path of SMTP has at most 254 (RFC 5321, 4.5.3.1.3).
Email = Annotated[
    str,
    StringConstraints(
        pattern=rf"^[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL}){{0,20}}$",
        max_length=254,
    ),
]
Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 ()./-]{1,30}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$")]
MOST_RECIPIENTS = 50
Text = Annotated[str, StringConstraints(max_length=1024)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://", max_length=4096)]


def _known_zone(zone: str) -> str:
    if zone:
        posix_timezone(zone)
    return zone


TimeZone = Annotated[Text, AfterValidator(_known_zone)]


Number = Annotated[Text, AfterValidator(require_dialable)]
Called = Annotated[Text, AfterValidator(kept_number)]
Caller = Annotated[Text, AfterValidator(kept_caller)]
Ident = Annotated[str, StringConstraints(pattern=r"^[ -~]*$", max_length=MAX_IDENT)]


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


class MailTargets(OpenModel):
    """Recipients of mails."""

    send_to: Email | Annotated[list[Email], Field(max_length=MOST_RECIPIENTS)] | None = Field(
        None, description="One address, or several."
    )


class SmsTargets(OpenModel):
    """Recipients of short messages."""

    send_to: Phone | Annotated[list[Phone], Field(max_length=MOST_RECIPIENTS)] | None = Field(
        None, description="One number, or several."
    )


class Notifications(OpenModel):
    """Recipients of notifications about a fax."""

    email: MailTargets | None = None
    sms: SmsTargets | None = None
    language: Language | None = Field(None, description="Language of the texts (not in Kazoo).")


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


class FaxboxMedia(OpenModel):
    """How a faxbox takes part in calls."""

    fax_option: bool | Literal["auto"] | None = Field(
        None, description="Offer T.38; false: faxes go in audio, both ways."
    )


def _normal_url(url: str) -> str:
    return normal_url(url)


def _good_secret(secret: str) -> str:
    return require_secret(secret)


WebhookUrl = Annotated[Url, AfterValidator(_normal_url)]
Secret = Annotated[str, StringConstraints(max_length=128), AfterValidator(_good_secret)]


class Callback(OpenModel):
    """A program that is told; messages are signed in the Standard Webhooks form."""

    url: WebhookUrl
    method: Literal["post", "put"] = "post"
    type: Literal["json", "www-url-form-encoded"] = "json"
    secret: Secret | None = Field(
        None, description="What messages are signed with; made if it is left out."
    )

    @model_validator(mode="before")
    @classmethod
    def _with_secret(cls, given: Any) -> Any:
        if isinstance(given, dict) and not given.get("secret"):
            return given | {"secret": new_secret()}
        return given


class DirectionNotifications(OpenModel):
    """Who is told of the faxes of one direction."""

    email: MailTargets | None = None
    sms: SmsTargets | None = None
    callback: Callback | None = None
    language: Language | None = None


class FaxboxNotifications(OpenModel):
    """Who is told of what."""

    inbound: DirectionNotifications | None = None
    outbound: DirectionNotifications | None = None
    language: Language | None = Field(None, description="Of the texts (beyond the original).")


class Callers(ClosedModel):
    """Who may send faxes to a faxbox; what is blocked is so whatever is allowed."""

    allow: list[Caller] = Field(
        [],
        max_length=1000,
        description="If there are any, nobody else may: numbers, beginnings of numbers (+3531*),"
        " ``anonymous``, ``*``.",
    )
    block: list[Caller] = Field([], max_length=1000, description="Who may not, in the same form.")


class FaxboxBody(OpenModel):
    """A faxbox: what the faxes to and from one number have in common."""

    name: str = Field(min_length=1, max_length=128)
    caller_id: Number | None = Field(None, description="The number that faxes are sent from.")
    caller_name: Text | None = None
    fax_identity: Ident | None = Field(None, description="Station id, both ways.")
    fax_header: Text | None = Field(None, description="Text of the header line.")
    fax_timezone: TimeZone | None = None
    retries: int = Field(1, ge=0, le=MAX_RETRIES)
    attempts: int = Field(0, ge=0, le=4)
    custom_smtp_email_address: Text | None = None
    smtp_permission_list: list[Text] = Field([], max_length=1000)
    notifications: FaxboxNotifications | None = None
    media: FaxboxMedia | None = None
    flags: list[Text] | None = None
    numbers: list[Called] = Field(
        [], max_length=1000, description="Called numbers that are its own (beyond the original)."
    )
    callers: Callers | None = Field(
        None, description="Who may send faxes to it (beyond the original)."
    )
    forward_to: Number | None = Field(
        None,
        max_length=64,
        description="A number that complete faxes are sent on to (beyond the original).",
    )
    retention_days: int | None = Field(
        None,
        ge=1,
        le=LONGEST,
        description="Days after which the documents of its faxes are removed, both ways; the faxes"
        " themselves stay (beyond the original).",
    )


class FaxboxRequest(OpenModel):
    """The body of a request that makes or replaces a faxbox."""

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


class AccountShown(OpenModel):
    """An account."""

    id: str = Field(pattern=ACCOUNT_ID)
    name: str


class TokenShown(OpenModel):
    """A token; its secret is shown when it is created, and never again."""

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


class Empty(ClosedModel):
    """An empty object."""
