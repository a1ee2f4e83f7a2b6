"""Routing: whose a fax is, by the number that was called, and who may send one there.

    called number ─► inbound_numbers ─► faxbox ─► account
                          └─ nobody's ─► settings: inbound.faxbox, inbound.account, the default one

A fax always goes somewhere: what is configured and gone by now is passed over for the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from fsfax.accounts.callers import may_send
from fsfax.accounts.faxboxes import preferences_of
from fsfax.accounts.numbers import number_key
from fsfax.db import transitions
from fsfax.db.schema import accounts, faxboxes, inbound_numbers
from fsfax.engine.admission import ACCEPT, REJECT, Admission
from fsfax.engine.plan import MAX_IDENT
from fsfax.log import get_logger
from fsfax.settings import InboundSettings

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose the faxes to a number are.

    faxbox_id: None where the account has them without one. data: what the faxbox says.
    is_known: the number is somebody's, and not merely nobody else's.
    """

    account_id: str
    faxbox_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    is_known: bool = True


def owner_of(connection: Connection, called: str, settings: InboundSettings) -> Owner:
    """Return whose the faxes to a called number are; only read, and there is always somebody.

    The default account may have to be made (`transitions.ensure_default_account`).
    """
    row = connection.execute(
        select(inbound_numbers).where(inbound_numbers.c.number == number_key(called))
    ).first()
    if row is None:
        return _of_nobody(connection, settings)
    if row.faxbox_id and (box := _faxbox(connection, row.faxbox_id)):
        return Owner(box.account_id, box.id, box.data)
    return Owner(row.account_id)


def route(
    connection: Connection, called: str, settings: InboundSettings, now: datetime, call_id: str
) -> Owner:
    """Return whose a fax is that comes in, and say so in the log where nobody has the number."""
    owner = owner_of(connection, called, settings)
    if owner.account_id == transitions.DEFAULT_ACCOUNT:
        transitions.ensure_default_account(connection, now)
    if not owner.is_known:
        _log.warning(
            "called_number_is_nobodys",
            call_id=call_id,
            called=called,
            account=owner.account_id,
            faxbox=owner.faxbox_id,
        )
    return owner


def admission(
    connection: Connection, caller: str, called: str, settings: InboundSettings
) -> Admission:
    """Return whether the owner of a called number takes faxes of a caller, and how."""
    owner = owner_of(connection, called, settings)
    if not may_send(caller, owner.data.get("callers")):
        _log.info("caller_refused", caller=caller, called=called, faxbox=owner.faxbox_id)
        return REJECT
    preferences = preferences_of(owner.data)
    ident = preferences.ident if preferences.ident and len(preferences.ident) <= MAX_IDENT else None
    if ident is None and preferences.t38 is None:
        return ACCEPT
    return Admission(ident=ident, t38=False if preferences.t38 == "off" else None)


def _of_nobody(connection: Connection, settings: InboundSettings) -> Owner:
    if settings.faxbox:
        if box := _faxbox(connection, settings.faxbox):
            return Owner(box.account_id, box.id, box.data, is_known=False)
        _log.warning("inbound_faxbox_is_gone", faxbox=settings.faxbox)
    if settings.account:
        query = select(accounts.c.id).where(accounts.c.id == settings.account)
        if connection.execute(query).first():
            return Owner(settings.account, is_known=False)
        _log.warning("inbound_account_is_gone", account=settings.account)
    return Owner(transitions.DEFAULT_ACCOUNT, is_known=False)


def _faxbox(connection: Connection, faxbox_id: str) -> Row[Any] | None:
    return connection.execute(select(faxboxes).where(faxboxes.c.id == faxbox_id)).first()
