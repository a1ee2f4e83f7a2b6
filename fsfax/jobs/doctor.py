"""Checks of the jobs' database: whether it can be used, and whether workers run.

Nothing is created or changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, false, func, select, update

from fsfax.accounts.routing import owner_of
from fsfax.db.database import Database, sqlite_file
from fsfax.db.schema import CLAIMABLE, UNPREPARED, jobs, workers
from fsfax.db.states import Hold
from fsfax.engine.doctor import Check, CheckStatus
from fsfax.errors import ConfigurationError, StoreError, StoreOutdated
from fsfax.settings import InboundSettings

_REACH = "see that the server runs and that the setting `database` has the right host and password"


def examine_database(url: str, inbound: InboundSettings | None = None) -> Iterator[Check]:
    """Check the jobs' database; yield findings as they come.

    ``inbound`` names the owner of faxes to unknown numbers.
    """
    try:
        database = Database(url)
        file = sqlite_file(url)
    except ConfigurationError as error:
        yield Check("database", CheckStatus.BROKEN, str(error), "correct the setting `database`")
        return
    if file is not None and not file.exists():
        yield _missing(file)
        return
    try:
        yield from _examine(database, inbound or InboundSettings())
    except StoreOutdated as error:
        yield Check("tables", CheckStatus.BROKEN, str(error), "fsfax db upgrade")
    except StoreError as error:
        remedy = f"make {file} and its folder writable, or restore it" if file else _REACH
        yield Check("database", CheckStatus.BROKEN, str(error), remedy)
    finally:
        database.close()


def _missing(file: Path) -> Check:
    """Return the check of a SQLite file that does not exist yet: the first job creates it."""
    folder = next(parent for parent in file.parents if parent.exists())
    if os.access(folder, os.W_OK | os.X_OK):
        return Check("database", CheckStatus.OK, f"none yet; the first job makes {file}")
    return Check(
        "database",
        CheckStatus.BROKEN,
        f"{file} cannot be made: {folder} is not writable",
        "make it writable for this user, or name another place in the setting `database`",
    )


def _examine(database: Database, inbound: InboundSettings) -> Iterator[Check]:
    database.require_current()
    yield Check("tables", CheckStatus.OK, f"version {database.version()}")
    with database.write() as connection:
        # Updates no row: needs the permission and the lock, and changes nothing.
        connection.execute(update(jobs).where(false()).values(revision=0))
    yield Check("database", CheckStatus.OK, f"{database.shown} can be read and written")
    with database.read() as connection:
        yield _workers(connection)
        yield _unknown_numbers(connection, inbound)
        if uncertain := _count(connection, jobs.c.hold == Hold.UNCERTAIN):
            yield Check(
                "held",
                CheckStatus.WARNING,
                f"{uncertain} wait for a decision: the outcome of their last call is unknown",
                "ask the other side, then `fsfax release ID` (dials again) or `fsfax cancel ID`",
            )


def _unknown_numbers(connection: Connection, inbound: InboundSettings) -> Check:
    """Check who gets the faxes to numbers without an owner."""
    owner = owner_of(connection, "", inbound)
    place = f"faxbox {owner.faxbox_id}" if owner.faxbox_id else f"account {owner.account_id}"
    detail = f"faxes to numbers without an owner go to {place}"
    wanted = inbound.faxbox or inbound.account
    if wanted and wanted not in (owner.faxbox_id, owner.account_id):
        remedy = "correct the settings `inbound.faxbox` and `inbound.account`"
        return Check("inbound", CheckStatus.WARNING, f"there is no {wanted}: {detail}", remedy)
    return Check("inbound", CheckStatus.OK, detail)


def _workers(connection: Connection) -> Check:
    query = select(func.count()).where(workers.c.lease_until > datetime.now(UTC))
    count = connection.execute(query).scalar_one()
    if count:
        return Check("workers", CheckStatus.OK, f"{count} running")
    waiting = _count(connection, CLAIMABLE) + _count(connection, UNPREPARED)
    if waiting:
        return Check(
            "workers", CheckStatus.WARNING, f"none, and {waiting} faxes wait", "run `fsfax worker`"
        )
    return Check("workers", CheckStatus.OK, "none, and nothing waits")


def _count(connection: Connection, where: object) -> int:
    query = select(func.count()).select_from(jobs).where(where)  # type: ignore[arg-type]
    return int(connection.execute(query).scalar_one())
