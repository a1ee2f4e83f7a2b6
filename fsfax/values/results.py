"""Results of fax calls, in the words of the Faxes API and of T.30. Pure.

`fsfax.engine.verdict` makes them. They are immutable, and `as_dict` returns plain JSON values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import TypeAdapter, ValidationError

from fsfax.errors import FaxFailed, InvalidRequest
from fsfax.values.outcome import Doubt, Outcome

T38Status = Literal["off", "requested", "negotiated", "refused"]


class Status(StrEnum):
    """How an attempt ended; the values are those of the attempt's final state."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    """The outcome cannot be proved: neither a result nor a mark was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRecord:
    """One confirmed page.

    number: of the page in the document, from 1; in an observation, among the pages of the call.
    seconds: time since the page before, or since phase B ended; 0.0 where that is not known (it
        follows from several events, so only a result has it).
    image_bytes: size on the line.
    x_resolution, y_resolution: in dots per metre (204 dpi = 8031 or 8040, 196 lines per inch =
        7700 or 7716), as SpanDSP counts.
    """

    number: int
    seconds: float = 0.0
    image_bytes: int
    width: int
    rows: int
    x_resolution: int
    y_resolution: int
    bad_rows: int
    longest_bad_row_run: int
    encoding: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the page that `as_dict` wrote; unknown fields are ignored."""
        return cls(**{item.name: values[item.name] for item in fields(cls) if item.name in values})


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayAttempt:
    """A gateway that was tried and failed before the call left it."""

    node: str
    gateway: str
    call_id: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaxResult:
    """The result of a call, in either direction.

    success: every page that was to be sent is confirmed.
    status: succeeded, failed or uncertain.
    outcome: how the call ended, one stable word.
    error_message: the reason in plain words, "" on success.
    retry: another attempt may succeed although nothing is changed.
    doubt: whether a page beyond the confirmed ones may have been delivered.
    result_code: SpanDSP's T.30 completion code; for a call that was not answered the SIP
        status; None where neither is known.
    result_text: SpanDSP's text, or the hangup cause of a call without a fax result.
    result_cause: FreeSWITCH's hangup cause, "" if there was no hangup event.
    fax_speed: bits per second.
    fax_bad_rows: rows that were received with errors (0 with error correction).
    encoding: image coding on the line ("T.6", "T.85", …), as last reported.
    pages_total: pages of the document that is sent, or pages received; 0 if not known.
    time_elapsed: whole seconds from dialling (or ringing) to the end.
    started_at: seconds since 1970.
    remote_*: texts of the far end; escape them for HTML, markup or a shell.
    """

    call_id: str
    success: bool
    status: Status
    outcome: Outcome
    error_message: str
    retry: bool
    doubt: Doubt
    result_code: int | None
    result_text: str
    result_cause: str
    fax_bad_rows: int = 0
    fax_error_correction: bool = False
    fax_speed: int = 0
    t38_status: T38Status = "off"
    encoding: str = ""
    pages_total: int = 0
    pages: tuple[PageRecord, ...] = ()
    time_elapsed: int = 0
    started_at: float = 0.0
    remote_station_id: str = ""
    local_station_id: str = ""
    remote_country: str = ""
    remote_vendor: str = ""
    remote_model: str = ""
    node: str = ""

    def raise_for_failure(self) -> Self:
        """Return the result itself if the fax was delivered.

        Raises:
            FaxFailed: it was not, or that cannot be proved; the error holds the result.
        """
        if not self.success:
            raise FaxFailed(self.error_message, result=self)
        return self

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        kind: Any = type(self)
        plain: dict[str, Any] = _adapter(kind).dump_python(self, mode="json", warnings=False)
        return plain

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the result that `as_dict` wrote; unknown fields are ignored.

        Raises:
            InvalidRequest: it is not a result: a value is missing or of the wrong type.
        """
        kind: Any = cls
        try:
            result: Self = _adapter(kind).validate_python(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"])) or "all of it"
            raise InvalidRequest(f"not a stored {cls.__name__}: {place}: {first['msg']}") from error
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class TxResult(FaxResult):
    """The result of an outbound fax (``tx_result`` of the Faxes API).

    pages_sent: pages that the far end confirmed.
    fax_receiver_id: the far end's station id.
    first_unconfirmed_page: where another attempt has to start, counted in the document from
        1; None if nothing is left to be sent.
    failed_gateways: gateways that were tried before the last one.
    still_up: the call's channel is still up in FreeSWITCH; nothing else may be dialled for this
        fax before it is gone.
    line_seconds: whole seconds that all calls of a job took together, in `fsfax.Job.result`, where
        ``time_elapsed`` counts from the acceptance of the fax; 0 in the result of one call.
    """

    pages_sent: int = 0
    fax_receiver_id: str = ""
    first_unconfirmed_page: int | None = None
    gateway: str = ""
    failed_gateways: tuple[GatewayAttempt, ...] = ()
    still_up: bool = False
    line_seconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RxResult(FaxResult):
    """The result of an inbound fax (``rx_result`` of the Faxes API).

    pages_received: pages in the file; after a broken call those that were received before.
    file: where the TIFF was stored; None if no page was received.
    fax_sender_id, from_name: texts of the far end.
    blocked: the caller was refused; no page of the fax was stored.
    """

    pages_received: int = 0
    fax_sender_id: str = ""
    from_number: str = ""
    from_name: str = ""
    to_number: str = ""
    file: Path | None = None
    blocked: bool = False
    gaps: tuple[str, ...] = field(default=())
    """What is not known about this call, and why (events missed, found after a restart)."""


@cache
def _adapter(kind: type[FaxResult]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
