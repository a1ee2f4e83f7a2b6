"""The stores db and hash: their answers, and what remains after a restart."""

from __future__ import annotations

from pathlib import Path

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


def test_the_database_outlives_the_process(
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
