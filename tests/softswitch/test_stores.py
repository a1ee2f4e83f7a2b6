"""The stores db and hash: their answers, and what remains after a restart."""

from __future__ import annotations

from pathlib import Path

from fsfax.softswitch.stores import DbStore, HashStore
from fsfax.testing import SoftswitchFactory


def test_marks_are_stored_and_removed(connect):
    client = connect()
    for store in ("db", "hash"):
        assert client.ask(f"api {store} insert/r/k/value/with/slashes").strip() == "+OK"
        assert client.ask(f"api {store} select/r/k") == "value/with/slashes"
        assert client.ask(f"api {store} delete/r/k").strip() == "+OK"
        assert client.ask(f"api {store} select/r/k") == "-ERR no reply\n"


def test_answers_of_the_stores(connect):
    client = connect()

    def ask(store: str, arg: str) -> str:
        return client.ask(f"api {store} {arg}")

    assert ask("hash", "insert_ifempty/r/k/v") == "+OK\n"
    assert ask("hash", "insert_ifempty/r/k/w") == "-ERR key already exists\n"
    assert ask("hash", "delete_ifmatch/r/k/w") == "-ERR Doesn't match\n"
    assert ask("hash", "delete_ifmatch/r/k/v") == "+OK\n"
    assert ask("hash", "delete_ifmatch/r/k/v") == "-ERR Not found\n"
    ask("db", "insert/r/k/v")
    ask("db", "insert/s/k/v")
    assert ask("db", "exists/r/k") == "true"
    assert (ask("db", "count"), ask("db", "count/r")) == ("2", "1")
    assert (ask("db", "list"), ask("db", "list/r")) == ("r,s", "k")


def test_db_remains_after_the_process(
    fsfax_softswitch_factory: SoftswitchFactory, tmp_path: Path
) -> None:
    first = fsfax_softswitch_factory(root=tmp_path)
    first.api("db", "insert/fsfax/one/success")
    first.api("db", "insert/fsfax/two/failure")
    first.api("db", "delete/fsfax/two")
    first.api("hash", "insert/fsfax/one/ended")
    # The next one reads what the first one left, as if that had been killed.
    second = fsfax_softswitch_factory(root=tmp_path)
    assert second.api("db", "select/fsfax/one") == "success"
    assert "-ERR" in second.api("db", "select/fsfax/two")
    assert "-ERR" in second.api("hash", "select/fsfax/one")


def test_every_command_of_db() -> None:
    db = DbStore()
    assert db.command("insert/r/k/a/b") == "+OK"
    assert db.command("INSERT/r/l/2") == "+OK"
    assert db.command("select/r/k") == "a/b"
    assert db.command("select/r/none") == ""
    assert (db.command("exists/r/k"), db.command("exists/r/none")) == ("true", "false")
    assert (db.command("count"), db.command("count/r"), db.command("count/s")) == ("2", "2", "0")
    assert (db.command("list"), db.command("list/r"), db.command("list/s")) == ("r", "k,l", "")
    assert db.command("delete/r/k") == db.command("delete/r/k") == "+OK"
    assert db.command("count") == "1"
    for invalid in ("", "insert/r/k", "insert/r/k/", "select/r", "delete", "exists/r", "drop/r/k"):
        assert db.command(invalid) == "!err!"


def test_every_command_of_hash() -> None:
    store = HashStore()
    assert store.command("insert/r/k/a/b") == "+OK\n"
    assert store.command("select/r/k") == "a/b"
    assert store.command("insert_ifempty/r/k/c") == "-ERR key already exists\n"
    assert store.command("insert_ifempty/r/l/c") == "+OK\n"
    assert store.command("delete_ifmatch/r/k/c") == "-ERR Doesn't match\n"
    assert store.command("delete_ifmatch/r/k/a/b") == "+OK\n"
    assert store.command("delete/r/l") == "+OK\n"
    assert store.command("delete/r/l") == "-ERR Not found\n"
    for invalid in ("", "insert/r/k", "select/r", "delete/r", "count/r"):
        assert store.command(invalid).startswith("-ERR Usage: hash")


def test_realms_are_separate_and_clear_removes_all() -> None:
    for store in (DbStore(), HashStore()):
        store.command("insert/r/k/1")
        store.command("insert/s/k/2")
        assert (store.command("select/r/k"), store.command("select/s/k")) == ("1", "2")
        store.clear()
        assert store.command("select/r/k") == ""


def test_db_with_a_file_is_read_by_the_next_process(tmp_path: Path) -> None:
    file = tmp_path / "db.json"
    first = DbStore(file)
    assert not file.exists()
    first.command("insert/r/k/ü")
    first.command("insert/r/l/2")
    first.command("delete/r/l")
    assert DbStore(file).command("select/r/k") == "ü"
    assert DbStore(file).command("list/r") == "k"
    assert [path.name for path in tmp_path.iterdir()] == ["db.json"]
