"""Databases for the tests of every package; the order of the tests; what they may do.

SQLite lies in a file of the test's own, a copy of one with all tables. PostgreSQL is one server
for each process that runs tests, with a database for each test.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from fsfax.db.database import Database
from tests.postgresql import Server, programs

pytest_plugins = ["tests.job_fixtures"]

# No deadline: how long an example takes on a busy machine says nothing about what is tested.
hypothesis.settings.register_profile("fsfax", deadline=None)
hypothesis.settings.load_profile("fsfax")

# A shell starts what runs in its background with SIGINT ignored, and so would be the commands that
# tests start and interrupt. A signal with a handler gets its default in a new program.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# --- marks and order ------------------------------------------------------------------------

TESTS = Path(__file__).parent
PURE = {
    "accounts": (
        *("test_callers", "test_config_model", "test_faxbox_config", "test_notification_config"),
        *("test_numbers", "test_presets", "test_windows"),
    ),
    "api": (
        *("test_description", "test_fax_view", "test_http_head", "test_validation"),
        "test_webhook_models",
    ),
    "cli": ("test_exits", "test_options", "test_show"),
    "db": ("test_records", "test_states"),
    "dialplan": ("test_dialplan",),
    "document": (
        *("test_bilevel", "test_ccitt", "test_edges", "test_geometry", "test_kinds"),
        *("test_limits", "test_line_time", "test_mmr", "test_office"),
        *("test_pdf_file", "test_tiff_f"),
    ),
    "egress": ("test_request", "test_target"),
    "engine": (
        *("test_causes", "test_channel", "test_inbound_spool", "test_marks", "test_observations"),
        *("test_plan", "test_spool", "test_t30", "test_transcript", "test_verdict"),
        "test_watchdog",
    ),
    "esl": ("test_dialstring", "test_watch", "test_wire"),
    "jobs": ("test_destination", "test_ladder", "test_retry"),
    "mail": (
        *("test_address", "test_auto_reply", "test_message", "test_part_selection"),
        *("test_permission", "test_refusal"),
    ),
    "notify": (
        *("test_backoff", "test_events", "test_mail_message", "test_payload", "test_report_pdf"),
        *("test_send_result", "test_signature", "test_targets", "test_template_context"),
        "test_template_loader",
    ),
    "runtime": ("test_clock", "test_rate_limit", "test_sanitize", "test_timezone"),
    "softswitch": (
        *("test_causes", "test_channel", "test_events", "test_line", "test_spandsp"),
        "test_terminal",
    ),
    "values": (
        *("test_events", "test_numbers", "test_outcome", "test_plan", "test_preferences"),
        *("test_results", "test_stored_results", "test_webhook_secret"),
    ),
    "settings": (
        *("test_api", "test_base", "test_calls", "test_documents", "test_jobs", "test_loading"),
        *("test_model", "test_notify", "test_smtp"),
    ),
    "": ("test_errors", "test_log"),
}
"""Modules that are ``pure``, by folder; those of their tests that use files or tables are not."""

_BY_FOLDER = {
    **dict.fromkeys(
        ("api", "cli", "service", "torture"), frozenset({"process", "database", "network"})
    ),
    **dict.fromkeys(("e2e", "engine"), frozenset({"process", "network"})),
    **dict.fromkeys(("esl", "softswitch"), frozenset({"network"})),
}
_BY_FIXTURE = {
    "process": {"converter"},
    "database": {"sqlite_template", "_postgresql"},
    "network": {
        *("fsfax_softswitch", "fsfax_softswitch_factory", "fsfax_softswitch_session"),
        *("web", "service", "new_service", "mailbox", "receiver"),
    },
}
_BY_IMPORT = {"process": {"subprocess", "Converter"}, "network": {"socket", "smtplib", "httpx"}}
_SLOWEST_FIRST = ("process", "database", "network")
_FORBIDDEN = {
    **dict.fromkeys(("subprocess.Popen", "os.fork", "os.posix_spawn"), "process"),
    **dict.fromkeys(("socket.bind", "socket.connect", "socket.getaddrinfo"), "network"),
    "sqlite3.connect": "database",
}
"""What a pure test does not do: events that Python reports to audit hooks."""


def _marks(item: pytest.Item) -> set[str]:
    place = item.path.relative_to(TESTS)
    folder = place.parts[0] if len(place.parts) > 1 else ""
    fixtures = set(getattr(item, "fixturenames", ()))
    if place.stem in PURE.get(folder, ()):
        files = fixtures & {"tmp_path", "tmp_path_factory", *_BY_FIXTURE["database"]}
        return {"database"} if files & _BY_FIXTURE["database"] else set() if files else {"pure"}
    names = set(vars(getattr(item, "module", None) or object))
    found = set(_BY_FOLDER.get(folder, ()))
    found |= {mark for mark, those in _BY_FIXTURE.items() if those & fixtures}
    return found | {mark for mark, those in _BY_IMPORT.items() if those & names}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests; put modules whose tests take long first, so that no process idles at last."""
    ranks: dict[Path, int] = {}
    for item in items:
        marks = _marks(item)
        for mark in marks:
            item.add_marker(mark)
        rank = min([_SLOWEST_FIRST.index(mark) for mark in marks - {"pure"}], default=9)
        ranks[item.path] = min(rank, ranks.get(item.path, 9))
    items.sort(key=lambda item: ranks[item.path])


_found: list[str] | None = None
"""What the test that runs did although it is pure; None if it is not pure."""


def _watch(event: str, _: object) -> None:
    if _found is not None and event in _FORBIDDEN and threading.current_thread() is _MAIN:
        _found.append(event)


_MAIN = threading.main_thread()
sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def _pure_is_pure(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that is marked as pure and starts a process or opens a socket or a database."""
    global _found  # noqa: PLW0603
    _found = [] if request.node.get_closest_marker("pure") else None
    yield
    found, _found = _found, None
    if found:
        pytest.fail(f"this is not pure: {', '.join(found)}; see PURE in tests/conftest.py")


# --- databases ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[Server]:
    if programs() is None:
        pytest.fail("PostgreSQL is missing: `make test` installs it, or apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="fsfax-pg-", dir="/tmp"))
    folder.chmod(0o711)  # the server runs as another user
    server = Server(folder / "server")
    with Database(server.url("template1")) as database:
        database.upgrade()
    yield server
    server.stop("immediate")
    shutil.rmtree(folder)


@pytest.fixture
def postgresql_server(_postgresql: Server) -> Iterator[Server]:
    """The server, which a test may stop or kill: it runs again afterwards."""
    yield _postgresql
    _postgresql.ensure_running()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables and no rows, to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    with Database(f"sqlite:///{file}") as database:
        database.upgrade()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database with all tables."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        shutil.copy(template, tmp_path / "fsfax.db")
        yield f"sqlite:///{tmp_path}/fsfax.db"
        return
    server: Server = request.getfixturevalue("postgresql_server")
    url = server.database()
    yield url
    server.give_back(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root alone")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)
