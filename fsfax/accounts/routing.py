"""Routing: which account and faxbox an inbound fax belongs to, and whether its caller may send it.

    called number ─► inbound_numbers ─► faxbox ─► account
                          └─ not assigned ─► settings: inbound.faxbox, inbound.account,
                                             else the default account

Every fax has an owner: a configured faxbox or account that was removed is skipped for the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from fsfax.accounts.callers import may_send
from fsfax.accounts.faxbox_config import Callers, FaxboxConfig
from fsfax.accounts.numbers import number_key
from fsfax.db import transitions
from fsfax.db.schema import accounts, faxboxes, inbound_numbers
from fsfax.engine.admission import ACCEPT, REJECT, Admission
from fsfax.log import get_logger
from fsfax.settings import InboundSettings

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Owner:
    """The account and faxbox that the faxes to a number belong to.

    faxbox_id: None where they belong to the account alone; ``config`` is then empty.
    has_number: False where the number is not assigned and the settings choose the owner.
    """

    account_id: str
    faxbox_id: str | None = None
    config: FaxboxConfig = field(default_factory=FaxboxConfig)
    has_number: bool = True


def owner_of(connection: Connection, called: str, settings: InboundSettings) -> Owner:
    """Return the owner of the faxes to a called number; nothing is written.

    Where it is the default account, that may have to be created
    (`transitions.ensure_default_account`).
    """
    row = connection.execute(
        select(inbound_numbers).where(inbound_numbers.c.number == number_key(called))
    ).first()
    if row is None:
        return _default_owner(connection, settings)
    if row.faxbox_id and (box := _faxbox(connection, row.faxbox_id)):
        return _owner(box)
    return Owner(row.account_id)


def route(
    connection: Connection, called: str, settings: InboundSettings, now: datetime, call_id: str
) -> Owner:
    """Return the owner of an inbound fax; log a warning if its number is not assigned."""
    owner = owner_of(connection, called, settings)
    if owner.account_id == transitions.DEFAULT_ACCOUNT:
        transitions.ensure_default_account(connection, now)
    if not owner.has_number:
        _log.warning(
            "called_number_not_assigned",
            call_id=call_id,
            called=called,
            account=owner.account_id,
            faxbox=owner.faxbox_id,
        )
    return owner


def admission(
    connection: Connection, caller: str, called: str, settings: InboundSettings
) -> Admission:
    """Return whether the owner of a called number accepts faxes from a caller, and how."""
    owner = owner_of(connection, called, settings)
    lists = owner.config.callers or Callers()
    if not may_send(caller, allow=lists.allow, block=lists.block):
        _log.info("caller_refused", caller=caller, called=called, faxbox=owner.faxbox_id)
        return REJECT
    preferences = owner.config.send_preferences()
    if preferences.ident is None and preferences.t38 is None:
        return ACCEPT
    return Admission(ident=preferences.ident, t38=False if preferences.t38 == "off" else None)


def _default_owner(connection: Connection, settings: InboundSettings) -> Owner:
    if settings.faxbox:
        if box := _faxbox(connection, settings.faxbox):
            return _owner(box, has_number=False)
        _log.warning("inbound_faxbox_not_found", faxbox=settings.faxbox)
    if settings.account:
        query = select(accounts.c.id).where(accounts.c.id == settings.account)
        if connection.execute(query).first():
            return Owner(settings.account, has_number=False)
        _log.warning("inbound_account_not_found", account=settings.account)
    return Owner(transitions.DEFAULT_ACCOUNT, has_number=False)


def _owner(box: Row[Any], *, has_number: bool = True) -> Owner:
    config = FaxboxConfig.from_stored(box.data, faxbox=box.id)
    return Owner(box.account_id, box.id, config, has_number)


def _faxbox(connection: Connection, faxbox_id: str) -> Row[Any] | None:
    return connection.execute(select(faxboxes).where(faxboxes.c.id == faxbox_id)).first()
