"""Settings: precedence, origins, and errors that name where a value came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax.errors import ConfigurationError
from fsfax.settings import NodeSettings, Settings, load


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and no FSFAX_ variables."""
    monkeypatch.chdir(tmp_path)
    for name in ("FSFAX_CONFIG", "FSFAX_NODES", "FSFAX_SPOOL", "FSFAX_INBOX"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_the_defaults() -> None:
    loaded = load()
    assert loaded.settings == Settings()
    assert loaded.origins == {}
    assert loaded.settings.nodes == (NodeSettings(),)


def test_each_layer_beats_the_one_below(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "fsfax.toml").write_text(
        "[timeouts]\nanswer = 1\nnegotiation = 1\npage = 1\n[fax]\nident = 'file'\n"
    )
    monkeypatch.setenv("FSFAX_TIMEOUTS__NEGOTIATION", "2")
    monkeypatch.setenv("FSFAX_TIMEOUTS__PAGE", "2")
    loaded = load(overrides={"timeouts": {"page": 3}})
    timeouts = loaded.settings.timeouts
    assert (timeouts.answer, timeouts.negotiation, timeouts.page) == (1, 2, 3)
    assert timeouts.linger == Settings().timeouts.linger
    assert loaded.origins == {
        "timeouts.answer": "file fsfax.toml",
        "timeouts.negotiation": "environment",
        "timeouts.page": "command line",
        "fax.ident": "file fsfax.toml",
    }


def test_a_named_file(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = elsewhere / "other.toml"
    named.write_text('[[nodes]]\nname = "one"\n[[nodes]]\nname = "two"\nport = 8022\n')
    assert [node.name for node in load(named).settings.nodes] == ["one", "two"]
    monkeypatch.setenv("FSFAX_CONFIG", str(named))
    assert load().settings.nodes[1].port == 8022


def test_lists_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSFAX_NODES", '[{"host": "pbx", "gateways": [{"name": "c"}]}]')
    (node,) = load().settings.nodes
    assert (node.host, node.gateways[0].name) == ("pbx", "c")


def test_the_environment_is_read_by_load_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSFAX_TIMEOUTS__ANSWER", "7")
    assert Settings().timeouts.answer != 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[timeouts]\nanswer = -1\n", r"timeouts\.answer.*greater than 0.*fsfax\.toml"),
        ("[timeouts]\nanswr = 1\n", r"timeouts\.answr.*fsfax\.toml"),
        ("nonsense = 1\n", "nonsense"),
        ("[fax]\nident = 'much too long to be sent as T.30 has it'\n", r"fax\.ident.*20"),
        ("marks_realm = 'a/b'\n", "marks_realm"),
        ("[[nodes]]\nport = 70000\n", r"nodes.*port"),
        ("this is not toml", "not TOML"),
    ],
)
def test_wrong_files(elsewhere: Path, text: str, words: str) -> None:
    (elsewhere / "fsfax.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        load()


def test_files_that_cannot_be_read(elsewhere: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.toml"):
        load(elsewhere / "missing.toml")
    (elsewhere / "fsfax.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="not TOML"):
        load()


def test_wrong_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSFAX_NODES", "[{")
    with pytest.raises(ConfigurationError, match="JSON"):
        load()
    monkeypatch.setenv("FSFAX_NODES", "[]")
    monkeypatch.setenv("FSFAX_TIMEOUTS__ANSWER", "soon")
    with pytest.raises(ConfigurationError, match=r"timeouts\.answer.*environment"):
        load()


def test_secrets_are_never_printed() -> None:
    settings = Settings(nodes=({"password": "hush-hush"},))  # type: ignore[arg-type]
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert "hush-hush" not in shown
    assert settings.nodes[0].password.get_secret_value() == "hush-hush"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().timeouts.answer = 1  # type: ignore[misc]
