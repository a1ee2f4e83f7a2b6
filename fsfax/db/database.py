"""Connections and transactions: SQLite or PostgreSQL, their errors as `fsfax.errors.StoreError`.

A transaction is a ``with`` block: `Database.write` and `Database.read`. What is in one block is
committed together or not at all.

SQLite: one file in WAL mode, where readers do not wait for a writer. ``synchronous=FULL`` makes
every commit reach the disk before anything is promised. A writer begins with ``BEGIN IMMEDIATE``: a
transaction that first reads and then writes could otherwise be refused in the middle
(SQLITE_BUSY_SNAPSHOT). Writers of one process wait for each other in a queue: SQLite itself would
let each of them try again and again, after up to 100 ms, without any order.

These calls block their thread. From a greenlet call them in a thread pool, see
`fsfax.runtime.threads`.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self

import gevent.monkey
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.engine import URL, make_url

from fsfax.errors import (
    ConfigurationError,
    StoreError,
    StoreFull,
    StoreOutdated,
    StoreUnavailable,
)
from fsfax.log import get_logger

_log = get_logger(__name__)

_WAIT = 30.0
"""Seconds to wait for another writer; transactions take milliseconds."""

_SHORT = 0.005

# Real locks, also after gevent has patched them: writers run in real threads.
_allocate_lock = gevent.monkey.get_original("_thread", "allocate_lock")
_TURNS: dict[str, Any] = {}
"""The lock of each SQLite file for the writing threads of this process."""

_POSTGRESQL: dict[str, str | int] = {
    "connect_timeout": 5,
    # A server that went away without closing is noticed within half a minute, not within hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
"""Parameters of libpq; the URL may replace them."""

_SQLITE_FULL = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_SHMSIZE,  # no space for the index of the write-ahead log
}
_SQLITE_CLOSED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
# PostgreSQL's SQLSTATEs: class 53 is "insufficient resources" (53100 disk_full).
_POSTGRESQL_FULL = "53100"
_READ_ONLY: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_ALONE: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"}
_ALONE_SQLITE: dict[str, Any] = {"fsfax_alone": True}  # these are in autocommit mode already
_OUTDATED = ("no such table", "no such column", "UndefinedTable", "UndefinedColumn")


class Database:
    """A database that any number of threads may use.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/NAME``.
        connections: the largest number of connections at once.
        wait: seconds that a transaction waits for the lock of another one.

    Raises:
        ConfigurationError: the URL is none of these.
    """

    def __init__(self, url: str, *, connections: int = 10, wait: float = _WAIT) -> None:
        self.url = _parse(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {}
        if self.is_sqlite:
            options["connect_args"] = {"timeout": wait}
        else:
            options["connect_args"] = {
                name: value for name, value in _POSTGRESQL.items() if name not in self.url.query
            }
            # A connection that a restart of the server has closed is replaced.
            options["pool_pre_ping"] = True
        self.engine: Engine = create_engine(
            self.url, pool_size=connections, max_overflow=0, hide_parameters=True, **options
        )
        self._wait = wait
        self._turns: Any = None
        if self.is_sqlite:
            file = str(Path(self.url.database or "").absolute())
            self._turns = _TURNS.setdefault(file, _allocate_lock())
            event.listen(self.engine, "connect", partial(_set_up_sqlite, wait))
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            event.listen(self.engine, "connect", partial(_set_up_postgresql, wait))

    def __repr__(self) -> str:
        return f"Database({self.shown!r})"

    @property
    def shown(self) -> str:
        """The URL without its password, for messages."""
        return self.url.difference_update_query(["sslpassword"]).render_as_string()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all idle connections."""
        self.engine.dispose()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that may write; it commits when the block ends without an exception.

        Raises:
            StoreUnavailable, StoreFull, StoreOutdated, StoreError: see the classes.
        """
        with self._translated(), self.engine.connect() as plain, self._turn():
            connection = plain.execution_options(fsfax_write=True)
            with connection.begin():
                yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for the turn to write; after too long go on, so that SQLite raises its own error."""
        mine = self._turns is not None and self._turns.acquire(timeout=self._wait)
        try:
            yield
        finally:
            if mine:
                self._turns.release()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads, and sees one snapshot throughout.

        Raises:
            StoreUnavailable, StoreOutdated, StoreError: see the classes.
        """
        options = {} if self.is_sqlite else _READ_ONLY
        with self._translated(), self.engine.connect() as plain:
            connection = plain.execution_options(**options)
            with connection.begin():
                yield connection

    @contextmanager
    def read_statement(self) -> Iterator[Connection]:
        """Open a connection for one statement that only reads, outside a transaction.

        Beginning and ending a transaction would cost more than finding a row by its id.

        Raises:
            StoreUnavailable, StoreOutdated, StoreError: see the classes.
        """
        options = _ALONE_SQLITE if self.is_sqlite else _ALONE
        with self._translated(), self.engine.connect() as plain:
            yield plain.execution_options(**options)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except exc.IntegrityError:
            raise  # callers handle violated constraints
        except exc.DBAPIError as error:
            raise self._explain(error) from error
        except exc.TimeoutError as error:
            raise StoreUnavailable(
                "the database did not answer in time: all connections are in use"
            ) from error

    def _explain(self, error: exc.DBAPIError) -> StoreError:
        where = self.shown
        original = error.orig
        reason = str(original).strip().splitlines()[0] if str(original).strip() else "no reason"
        code = getattr(original, "sqlite_errorcode", None)
        state = getattr(original, "sqlstate", None)
        if (isinstance(code, int) and code in _SQLITE_FULL) or state == _POSTGRESQL_FULL:
            return StoreFull(
                f"the disk of the database {where} is full ({reason}); make room, nothing of what"
                " was accepted is lost"
            )
        if any(sign in f"{type(original).__name__} {reason}" for sign in _OUTDATED):
            return StoreOutdated(
                f"the database {where} has no tables of this version ({reason}):"
                " run `fsfax db upgrade`"
            )
        if isinstance(error, exc.OperationalError | exc.InterfaceError) or (
            error.connection_invalidated
        ):
            hint = ""
            if isinstance(code, int) and code & 0xFF in _SQLITE_CLOSED:
                hint = " (may this user write to the file and to its folder?)"
            return StoreUnavailable(f"the database {where} cannot be used: {reason}{hint}")
        return StoreError(f"the database {where} refused: {reason}")

    # --- the version of the tables --------------------------------------------------------

    def upgrade(self, revision: str = "head") -> None:
        """Migrate the tables to this version; a new database gets all of them.

        Several processes may call it at once.

        Raises:
            StoreOutdated: a newer fsfax made these tables.
            StoreError: the migration failed, see the subclasses.
        """
        if self.is_sqlite and (file := self.url.database) and file != ":memory:":
            try:
                Path(file).absolute().parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreUnavailable(
                    f"the folder of the database {file} cannot be made: {error.strerror}"
                ) from error
        with self.write() as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})")
            config = _alembic()
            if not _is_known(have := _revision(connection)):
                raise self._newer(have)
            config.attributes["connection"] = connection
            command.upgrade(config, revision)

    def version(self) -> str:
        """Return the revision of the tables, "" if there are none.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """
        with self._translated(), self.engine.connect() as connection:
            return _revision(connection)

    def require_current(self) -> None:
        """Check that the tables are those of this version.

        Raises:
            StoreOutdated: they are older or newer than this fsfax.
            StoreUnavailable: the database cannot be reached.
        """
        have, need = self.version(), newest_version()
        if not _is_known(have):
            raise self._newer(have)
        if have != need:
            raise StoreOutdated(
                f"the database {self.shown} has"
                f" {f'version {have}' if have else 'no tables'}, this fsfax needs {need}:"
                " run `fsfax db upgrade`"
            )

    def _newer(self, have: str) -> StoreOutdated:
        return StoreOutdated(
            f"the database {self.shown} has version {have}, which this fsfax does not know: it was"
            " made by a newer one, run that"
        )


_UPGRADE_LOCK = 0x66736661


def newest_version() -> str:
    """Return the revision of the tables that this fsfax works with."""
    return ScriptDirectory.from_config(_alembic()).get_current_head() or ""


def _alembic() -> Config:
    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config


def _revision(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _is_known(revision: str) -> bool:
    known = ScriptDirectory.from_config(_alembic()).walk_revisions()
    return not revision or revision in {script.revision for script in known}


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (exc.ArgumentError, exc.NoSuchModuleError, ValueError):
        # The cause may quote the URL, with its password.
        raise ConfigurationError(_HELP) from None
    if backend == "sqlite":
        if parsed.host or parsed.query:
            raise ConfigurationError(_HELP)
        if not parsed.database or parsed.database == ":memory:":
            raise ConfigurationError(f"jobs must outlive the process: name a file. {_HELP}")
        return parsed.set(drivername="sqlite")
    if backend == "postgresql":
        password = parsed.query.get("password")
        if isinstance(password, str):
            # Where SQLAlchemy hides it.
            parsed = parsed.set(password=password).difference_update_query(["password"])
        return parsed.set(drivername="postgresql+psycopg")
    raise ConfigurationError(_HELP)


_HELP = (
    "the setting `database` must be sqlite:///FILE (four slashes for an absolute path) or"
    " postgresql://USER:PASSWORD@HOST/NAME"
)


def _set_up_sqlite(wait: float, connection: sqlite3.Connection, _record: object) -> None:
    # Autocommit mode: transactions begin with an explicit BEGIN, see _begin_sqlite.
    connection.isolation_level = None
    _switch_to_wal(connection, wait)
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        # Shrinks the write-ahead log again after a large transaction.
        "journal_size_limit=67108864",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _switch_to_wal(connection: sqlite3.Connection, wait: float) -> None:
    """Switch the file to WAL, which only the first connection to a new file has to do.

    If several are the first at once, SQLite does not wait but fails: each holds the lock that the
    other one needs. So it is tried again here.
    """
    deadline = time.monotonic() + wait
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_SHORT)
        else:
            return


def _set_up_postgresql(wait: float, connection: Any, _record: object) -> None:
    # As SQLite's busy timeout: a writer that is stopped in the middle of its transaction must not
    # block the others for longer than this.
    milliseconds = max(1, round(wait * 1000))
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {milliseconds}")
        cursor.execute(f"SET idle_in_transaction_session_timeout = {milliseconds}")
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("fsfax_alone"):
        return
    writes = options.get("fsfax_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite database, None for PostgreSQL."""
    parsed = _parse(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    return Path(os.fspath(parsed.database or "")).absolute()
