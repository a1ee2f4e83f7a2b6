"""Faxes, mails, faxboxes, webhooks and notifications as the Faxes API shows them. Pure.

The stored result is a `fsfax.values.results.FaxResult`; Kazoo's Faxes API has two sets of names for
its fields, those of its documentation and those of later versions, and answers contain both.
``status`` is the job's state; during a call it is the present step, in Kazoo's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fsfax.accounts.faxboxes import Faxbox
from fsfax.db.records import Job, JobEvent, gregorian
from fsfax.db.states import Direction, JobState
from fsfax.mail.smtplog import MailRecord
from fsfax.notify.deliveries import Delivery
from fsfax.notify.subscriptions import Webhook
from fsfax.notify.targets import without_password
from fsfax.values.events import EventKind
from fsfax.values.results import FaxResult, RxResult, TxResult

UNDEFINED = "undefined"
"""The value of an unknown field in Kazoo's documentation."""

_OWN = frozenset(
    [
        "id",
        "created",
        "status",
        "delivered",
        "attempts",
        "retries",
        "from_number",
        "from_name",
        "to_number",
        "to_name",
        "tx_result",
        "rx_result",
        "revision",
        "modified",
        "hold",
        "resubmit_of",
        "pages",
        "faxbox_id",
    ]
)
"""Fields that the service sets; values that a client sent under these names are not returned."""

_INTERNAL = frozenset({"file", "node", "gateway", "failed_gateways", "still_up"})
"""Fields that clients do not get: names of machines and gateways."""

_NOTHING_SENT: Mapping[str, Any] = {
    "error_message": "",
    "fax_bad_rows": 0,
    "fax_error_correction": False,
    "fax_receiver_id": "",
    "fax_speed": 0,
    "pages_sent": 0,
    "success": False,
    "time_elapsed": 0,
}


def sent(job: Job, live: str | None = None) -> dict[str, Any]:
    """Return an outbound fax as the API shows it; ``live`` is the present step of its call."""
    shown = _client_fields(job) | _common(job, live)
    preferences = job.preferences
    shown |= {
        "attempts": job.attempts,
        "retries": job.retries,
        "delivered": _delivered(job),
        "priority": job.priority,
        "fax_timezone": preferences.timezone or UNDEFINED,
        "tx_result": tx_result(job.result),
    }
    if job.source:
        shown["document"] = {"method": "get", **job.source.as_dict()}
    optional = {
        "fax_identity_number": preferences.ident,
        "fax_identity_name": preferences.header,
        "resolution": preferences.resolution,
        "resubmit_of": job.resubmit_of,
    }
    return shown | {name: value for name, value in optional.items() if value}


def received(job: Job, live: str | None = None) -> dict[str, Any]:
    """Return an inbound fax as the API shows it."""
    shown = _client_fields(job) | _common(job, live)
    if isinstance(result := job.result, RxResult):
        shown["rx_result"] = rx_result(result)
    return shown


def shown(job: Job, live: str | None = None) -> dict[str, Any]:
    """Return a fax of either direction as the API shows it."""
    return sent(job, live) if job.direction is Direction.OUT else received(job, live)


def summary(job: Job) -> dict[str, Any]:
    """Return a row of a list of faxes that are not final."""
    row = {
        "id": job.id,
        "status": job.state.value,
        "to": job.to_number,
        "from": job.from_number,
        "attempts": job.attempts,
        "created": job.created,
    }
    return row | ({"faxbox_id": job.faxbox_id} if job.faxbox_id else {})


def full_row(job: Job) -> dict[str, Any]:
    """Return a row of a folder: the whole fax and the fields of `summary`."""
    return shown(job) | summary(job)


def tx_result(result: FaxResult | None) -> dict[str, Any]:
    """Return ``tx_result`` under all of its names; zeros before the first attempt ended."""
    if not isinstance(result, TxResult):
        return dict(_NOTHING_SENT)
    return _both_names(result) | {
        "transferred_pages": result.pages_sent,
        "total_pages": result.pages_total,
    }


def rx_result(result: RxResult) -> dict[str, Any]:
    """Return ``rx_result`` under all of its names."""
    pages = result.pages_received
    return _both_names(result) | {
        "partial": pages > 0 and not result.success,
        "transferred_pages": pages,
        "total_pages": result.pages_total or pages,
    }


def _both_names(result: FaxResult) -> dict[str, Any]:
    names = {name: value for name, value in result.as_dict().items() if name not in _INTERNAL}
    return names | {
        "transfer_rate": result.fax_speed,
        "bad_rows": result.fax_bad_rows,
        "ecm_used": result.fax_error_correction,
        "t38_used": result.t38_status == "negotiated",
    }


def live_text(job: Job, last: JobEvent | None) -> str:
    """Return the present step of a call, in Kazoo's words."""
    inbound = job.direction is Direction.IN
    data = last.data if last else {}
    match last.kind if last else None:
        case EventKind.ANSWERED | EventKind.FAX_STARTED:
            return "negotiating"
        case EventKind.NEGOTIATED:
            return f"{'fax' if inbound else 'Fax'} negotiated at {data.get('rate', 0)}"
        case EventKind.PAGE_DONE if inbound:
            return f"Received  Page {data.get('page', 0)}"
        case EventKind.PAGE_DONE:
            return f"Sent Page {data.get('page', 0)} of {job.pages_total}"
        case _ if inbound:
            return f"New Fax from {job.from_number or 'unknown'}"
        case _:
            return "preparing"


def event(noted: JobEvent, job: Job) -> dict[str, Any]:
    """Return an event of a job, as `/events` sends it."""
    known = {"kind": noted.kind, "at": gregorian(noted.at), "time": _iso(noted.at)}
    words = live_text(job, noted) if job.state is JobState.PROCESSING else ""
    data = {name: value for name, value in noted.data.items() if name not in _INTERNAL}
    return known | data | ({"text": words} if words else {})


def mail(record: MailRecord) -> dict[str, Any]:
    """Return an entry of the mail log."""
    return {
        **record.data,
        **mail_row(record),
        "errors": list(record.errors),
        "job_ids": list(record.job_ids),
        "account_id": record.account_id,
        "faxbox_id": record.faxbox_id,
    }


def mail_row(record: MailRecord) -> dict[str, Any]:
    """Return a row of the list of mails."""
    row: dict[str, Any] = {
        "id": record.id,
        "created": gregorian(record.created_at),
        "from": record.from_address,
        "to": record.to_address,
    }
    return row | ({"error": record.errors[0]} if record.errors else {})


def faxbox(box: Faxbox) -> dict[str, Any]:
    """Return a faxbox."""
    shown = {
        **box.config.as_dict(),
        "id": box.id,
        "name": box.name,
        "numbers": list(box.numbers),
        "smtp_email_address": box.smtp_email_address,
        "created": gregorian(box.created_at),
    }
    custom = box.custom_smtp_email_address
    return shown | ({"custom_smtp_email_address": custom} if custom else {})


def webhook(hook: Webhook) -> dict[str, Any]:
    """Return a webhook, without its secret."""
    return {
        "id": hook.id,
        "url": without_password(hook.url),
        "form": hook.form,
        "events": list(hook.events),
        "enabled": hook.enabled,
        "created": gregorian(hook.created_at),
    }


def notification(delivery: Delivery) -> dict[str, Any]:
    """Return a notification to one recipient, and the state of its delivery."""
    shown: dict[str, Any] = {
        "id": delivery.id,
        "fax_id": delivery.job_id,
        "event": delivery.kind.replace("_", "."),
        "channel": delivery.channel.value,
        "target": without_password(delivery.target),
        "status": delivery.state,
        "tries": delivery.tries,
        "problem": delivery.problem,
        "created": gregorian(delivery.created_at),
    }
    if finished := delivery.done_at or delivery.dead_at:
        return shown | {"finished": gregorian(finished)}
    return shown | {"due": gregorian(delivery.due_at)}


def _client_fields(job: Job) -> dict[str, Any]:
    """Return the fields that the client sent and that fsfax does not interpret."""
    return {name: value for name, value in job.fields.items() if name not in _OWN}


def _common(job: Job, live: str | None) -> dict[str, Any]:
    created = job.created
    common: dict[str, Any] = {
        "id": job.id,
        "status": live or job.state.value,
        "created": created,
        "modified": gregorian(job.modified_at),
        "to_number": job.to_number,
        "from_number": job.from_number,
        "pages": job.pages_total,
        "_read_only": {"created": created, "status": job.state.value},
    }
    optional = {
        "to_name": job.to_name,
        "from_name": job.from_name,
        "hold": job.hold.value,
        "faxbox_id": job.faxbox_id,
    }
    return common | {name: value for name, value in optional.items() if value}


def _delivered(job: Job) -> int | str:
    done = job.state is JobState.COMPLETED and job.finished_at is not None
    return gregorian(job.finished_at) if done and job.finished_at else UNDEFINED


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
