"""Forwarding: a fax that came into a faxbox is sent on to the number that the faxbox names.

The new job is written in the transaction that stores the received fax, so that there is one if the
fax is in the inbox and none if it is not. Only complete faxes are sent on: what broke off would
arrive as something that looks whole.

A fax must not run in circles. It is not sent on to the number that was called, to another one of
the same account, to a number here whose faxbox sends on as well, nor back to where it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from fsfax.accounts.faxboxes import RETRIES, preferences_of
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
    """Send a complete fax on if its faxbox says so; return the new job's id, None without one.

    A fax that cannot be sent on (the number is wrong, it would run in a circle) is kept all the
    same; why is in the log and among what was seen of it.
    """
    box = _box_of(connection, job)
    target = box.data.get("forward_to") if box else None
    if not box or not target:
        return None
    problem = _circle(connection, job, str(target))
    if not problem:
        try:
            with connection.begin_nested():
                changes = _changes(job, box.data, str(target))
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


def _box_of(connection: Connection, job: Job) -> Row[Any] | None:
    if job.faxbox_id is None:
        return None
    return connection.execute(select(faxboxes).where(faxboxes.c.id == job.faxbox_id)).first()


def _circle(connection: Connection, job: Job, target: str) -> str:
    """Return why a fax would come back, "" if it would not."""
    key = number_key(target)
    if key == number_key(job.to_number):
        return "it came to that very number"
    if key == number_key(job.from_number):
        return "it came from that very number"
    query = (
        select(inbound_numbers.c.account_id, faxboxes.c.data)
        .outerjoin(faxboxes, faxboxes.c.id == inbound_numbers.c.faxbox_id)
        .where(inbound_numbers.c.number == key)
    )
    owner = connection.execute(query).first()
    if owner is None:
        return ""
    if owner.account_id == job.account_id:
        return "that number is the account's own"
    return "that number is forwarded as well" if (owner.data or {}).get("forward_to") else ""


def _changes(job: Job, data: Mapping[str, Any], target: str) -> dict[str, Any]:
    """What the new job has of the faxbox, in place of what came with the fax."""
    return {
        "to_number": target,
        "from_number": str(data.get("caller_id") or "") or _own_number(job),
        "from_name": str(data.get("caller_name") or ""),
        "retries": data.get("retries", RETRIES),
        "preferences": preferences_of(data),
        "fields": {"forwarded_from": job.id},
    }


def _own_number(job: Job) -> str:
    """The called number as a caller id; "" where it is a name or none."""
    plain = plain_number(job.to_number)
    return plain if plain.removeprefix("+").isdigit() else ""
