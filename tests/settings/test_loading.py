"""Loading settings: precedence, origins, and errors that name where a value came from."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsfax.errors import ConfigurationError
from fsfax.settings import NodeSettings, Settings, load_settings, load_with_origins


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and no FSFAX_ variables."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.upper().startswith("FSFAX_")]:
        monkeypatch.delenv(name)
    return tmp_path


def test_the_defaults() -> None:
    loaded = load_with_origins()
    assert loaded.settings == Settings()
    assert loaded.origins == {}
    assert loaded.settings.nodes == (NodeSettings(),)


def test_each_layer_overrides_the_one_below(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "fsfax.toml").write_text(
        "[timeouts]\nanswer = 1\nnegotiation = 1\npage = 1\n[fax]\nident = 'file'\n"
    )
    monkeypatch.setenv("FSFAX_TIMEOUTS__NEGOTIATION", "2")
    monkeypatch.setenv("FSFAX_TIMEOUTS__PAGE", "2")
    loaded = load_with_origins(overrides={"timeouts": {"page": 3}})
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
    assert [node.name for node in load_settings(named).nodes] == ["one", "two"]
    monkeypatch.setenv("FSFAX_CONFIG", str(named))
    assert load_settings().nodes[1].port == 8022


def test_lists_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSFAX_NODES", '[{"host": "pbx", "gateways": [{"name": "c"}]}]')
    (node,) = load_settings().nodes
    assert (node.host, node.gateways[0].name) == ("pbx", "c")


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
        load_with_origins()


def test_files_that_cannot_be_read(elsewhere: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.toml"):
        load_with_origins(elsewhere / "missing.toml")
    with pytest.raises(ConfigurationError, match="Is a directory"):
        load_with_origins(elsewhere)
    (elsewhere / "fsfax.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="not TOML"):
        load_with_origins()


def test_a_file_that_was_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSFAX_CONFIG", "nowhere.toml")
    with pytest.raises(ConfigurationError, match=r"cannot read nowhere\.toml: No such file"):
        load_with_origins()


def test_an_argument_overrides_the_variable_that_names_a_file(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "here.toml").write_text("marks_realm = 'here'\n")
    monkeypatch.setenv("FSFAX_CONFIG", "nowhere.toml")
    loaded = load_with_origins(elsewhere / "here.toml")
    assert loaded.settings.marks_realm == "here"
    assert loaded.origins == {"marks_realm": f"file {elsewhere / 'here.toml'}"}


def test_the_command_line_is_checked_too() -> None:
    with pytest.raises(ConfigurationError, match=r"timeouts\.answer: .*\(command line\)"):
        load_with_origins(overrides={"timeouts": {"answer": 0}})
    with pytest.raises(ConfigurationError, match=r"no_such: .*\(command line\)"):
        load_with_origins(overrides={"no_such": 1})


def test_every_mistake_is_named_at_once(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "fsfax.toml").write_text("[timeouts]\nanswer = -1\n")
    monkeypatch.setenv("FSFAX_FAX__RESOLUTION", "coarse")
    with pytest.raises(ConfigurationError) as caught:
        load_with_origins(overrides={"log": {"level": "loud"}})
    message = str(caught.value)
    for name, origin in [
        ("timeouts.answer", "file fsfax.toml"),
        ("fax.resolution", "environment"),
        ("log.level", "command line"),
    ]:
        assert any(
            part.startswith(f"{name}: ") and part.endswith(f"({origin})")
            for part in message.removeprefix("wrong settings: ").split("; ")
        ), message


def test_a_later_list_replaces_an_earlier_one(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node of the file and one of the environment are not mixed."""
    (elsewhere / "fsfax.toml").write_text('[[nodes]]\nname = "file"\nport = 8022\n')
    monkeypatch.setenv("FSFAX_NODES", '[{"name": "environment"}]')
    loaded = load_with_origins()
    assert [(node.name, node.port) for node in loaded.settings.nodes] == [("environment", 8021)]
    assert loaded.origins == {"nodes": "environment"}


def test_wrong_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSFAX_NODES", "[{")
    with pytest.raises(ConfigurationError, match="JSON"):
        load_with_origins()
    monkeypatch.setenv("FSFAX_NODES", "[]")
    monkeypatch.setenv("FSFAX_TIMEOUTS__ANSWER", "soon")
    with pytest.raises(ConfigurationError, match=r"timeouts\.answer.*environment"):
        load_with_origins()


_PLACES = [
    "file",
    "environment",
    "environment that is not JSON",
    "command line",
]


@pytest.mark.parametrize("place", _PLACES)
def test_a_mistake_beside_a_secret_does_not_print_it(
    place: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides: dict[str, object] = {}
    if place == "file":
        (elsewhere / "fsfax.toml").write_text('[[nodes]]\npassword = "hush-hush"\nport = 0\n')
    elif place == "environment":
        monkeypatch.setenv("FSFAX_NODES", '[{"password": "hush-hush", "port": 0}]')
    elif place == "environment that is not JSON":
        monkeypatch.setenv("FSFAX_NODES", '[{"password": "hush-hush"')
    else:
        overrides = {"nodes": [{"password": "hush-hush", "port": 0}]}
    with pytest.raises(ConfigurationError) as caught:
        load_with_origins(overrides=overrides)
    assert "nodes" in str(caught.value)
    # Also not in a traceback, which shows the errors behind the error.
    error: BaseException | None = caught.value
    while error is not None:
        assert "hush-hush" not in str(error), type(error)
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    "nodes",
    [
        [{"pasword": "hush-hush"}],
        [{"password": ["hush-hush"]}],
        ["hush-hush"],
        "hush-hush",
    ],
)
def test_a_secret_in_the_wrong_place_is_not_printed(nodes: object) -> None:
    with pytest.raises(ConfigurationError, match="nodes") as caught:
        load_with_origins(overrides={"nodes": nodes})
    assert "hush-hush" not in str(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    file=st.integers(1, 600) | st.none(),
    environment=st.integers(1, 600) | st.none(),
    command_line=st.integers(1, 600) | st.none(),
)
def test_the_strongest_layer_with_a_value_wins(
    elsewhere: Path,
    file: int | None,
    environment: int | None,
    command_line: int | None,
) -> None:
    text = f"[timeouts]\nanswer = {file}\n" if file is not None else ""
    (elsewhere / "fsfax.toml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        if environment is not None:
            patch.setenv("FSFAX_TIMEOUTS__ANSWER", str(environment))
        overrides = {} if command_line is None else {"timeouts": {"answer": command_line}}
        loaded = load_with_origins(overrides=overrides)
    said = [
        ("command line", command_line),
        ("environment", environment),
        ("file fsfax.toml", file),
        (None, Settings().timeouts.answer),
    ]
    origin, value = next((where, what) for where, what in said if what is not None)
    assert loaded.settings.timeouts.answer == value
    assert loaded.origins.get("timeouts.answer") == origin


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("FSFAX_TIMEOUT__ANSWER", "FSFAX_TIMEOUTS"),
        ("FSFAX_NODE", "FSFAX_NODES"),
        ("FSFAX_QWERTZUIOP", "fsfax config"),
    ],
)
def test_a_misspelt_variable(monkeypatch: pytest.MonkeyPatch, variable: str, hint: str) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(ConfigurationError, match=f"{variable} is no setting.*{hint}"):
        load_with_origins()


def test_a_traceback_shows_no_secret(elsewhere: Path) -> None:
    (elsewhere / "fsfax.toml").write_text('[[nodes]]\npasword = "hush-hush"\n')
    with pytest.raises(ConfigurationError) as caught:
        load_with_origins()
    assert "hush-hush" not in "".join(traceback.format_exception(caught.value))
