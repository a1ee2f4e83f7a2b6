"""Forwarding: a fax that arrived in a faxbox is sent to the number in its ``forward_to``.

The new job is written in the transaction that stores the received fax: either both are stored or
neither is. Only complete faxes are forwarded; the recipient of an incomplete one could not see that
pages are missing.

A fax must not be forwarded in a loop. It is not sent to the number that was called, to another
number of the same account, to a number of this service whose faxbox forwards as well, nor back to
its sender.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from fsfax.accounts.faxbox_config import FaxboxConfig
from fsfax.accounts.numbers import number_key, plain_number
from fsfax.db import transitions
from fsfax.db.records import Job
from fsfax.db.schema import faxboxes, inbound_numbers
from fsfax.errors import FsfaxError
from fsfax.jobs import intake
from fsfax.log import get_logger
from fsfax.values.events import EventKind

_log = get_logger(__name__)


def forward(connection: Connection, job: Job, now: datetime) -> str | None:
    """Forward a complete fax if its faxbox has ``forward_to``; return the new job's id, or None.

    A fax that cannot be forwarded (the number is invalid, there would be a loop) is stored all the
    same; the reason is in the log and among the job's events.
    """
    config = _config_of(connection, job)
    target = config.forward_to
    if not target:
        return None
    problem = _loop(connection, job, target)
    if not problem:
        try:
            with connection.begin_nested():
                changes = _changes(job, config, target)
                new_id = intake.insert_resubmission(connection, job, changes, now)
        except FsfaxError as error:
            problem = str(error)
        else:
            transitions.record_event(
                connection, job.id, EventKind.FORWARDED, now, to=target, job=new_id
            )
            transitions.notify_workers(connection)
            return new_id
    _log.warning("fax_not_forwarded", job=job.id, to=target, why=problem)
    transitions.record_event(
        connection, job.id, EventKind.NOT_FORWARDED, now, to=target, why=problem
    )
    return None


def _config_of(connection: Connection, job: Job) -> FaxboxConfig:
    if job.faxbox_id is None:
        return FaxboxConfig()
    query = select(faxboxes.c.data).where(faxboxes.c.id == job.faxbox_id)
    stored = connection.execute(query).scalar_one_or_none()
    return FaxboxConfig.from_stored(stored, faxbox=job.faxbox_id)


def _loop(connection: Connection, job: Job, target: str) -> str:
    """Return why forwarding would send the fax in a loop, "" if it would not."""
    key = number_key(target)
    if key == number_key(job.to_number):
        return "it came to that very number"
    if key == number_key(job.from_number):
        return "it came from that very number"
    query = (
        select(inbound_numbers.c.account_id, inbound_numbers.c.faxbox_id, faxboxes.c.data)
        .outerjoin(faxboxes, faxboxes.c.id == inbound_numbers.c.faxbox_id)
        .where(inbound_numbers.c.number == key)
    )
    owner = connection.execute(query).first()
    if owner is None:
        return ""
    if owner.account_id == job.account_id:
        return "that number is the account's own"
    config = FaxboxConfig.from_stored(owner.data, faxbox=owner.faxbox_id)
    return "that number is forwarded as well" if config.forward_to else ""


def _changes(job: Job, config: FaxboxConfig, target: str) -> dict[str, Any]:
    """Return the values of the new job that come from the faxbox instead of the received fax."""
    return {
        "to_number": target,
        "from_number": config.caller_id or _own_number(job),
        "from_name": config.caller_name or "",
        "retries": config.retries,
        "preferences": config.send_preferences(),
        "fields": {"forwarded_from": job.id},
    }


def _own_number(job: Job) -> str:
    """Return the called number as a caller id; "" where it is empty or a name."""
    plain = plain_number(job.to_number)
    return plain if plain.removeprefix("+").isdigit() else ""
