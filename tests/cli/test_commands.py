"""The command, as a shell runs it: a real process against the stand-in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fsfax.cli import exits
from fsfax.cli.sample import sample_pdf
from fsfax.errors import DocumentEmpty, FsfaxError, InvalidNumber, NoNode, SpandspMissing
from fsfax.softswitch import number_of
from fsfax.testing import LiveSoftswitch, SoftswitchFactory
from fsfax.values.outcome import Outcome
from tests.forked_command import run_fsfax

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="module")
def switch(
    fsfax_softswitch_session: SoftswitchFactory, tmp_path_factory: pytest.TempPathFactory
) -> LiveSoftswitch:
    return fsfax_softswitch_session(root=tmp_path_factory.mktemp("switch"))


@pytest.fixture
def environment(switch: LiveSoftswitch, tmp_path: Path) -> dict[str, str]:
    node = switch.node_settings()
    described = {
        "name": node.name,
        "port": node.port,
        "password": node.password.get_secret_value(),
        "gateways": [{"name": gateway.name} for gateway in node.gateways],
    }
    return {
        **os.environ,
        "FSFAX_NODES": json.dumps([described]),
        "FSFAX_SPOOL": str(switch.root),
        "FSFAX_INBOX": str(tmp_path / "inbox"),
        "FSFAX_DATABASE": f"sqlite:///{tmp_path}/fsfax.db",
    }


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    path = tmp_path / "letter.pdf"
    path.write_bytes(sample_pdf(2))
    return path


def run(
    *words: object, environment: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return run_fsfax(*words, environment=environment, cwd=cwd)


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_send(environment: dict[str, str], letter: Path) -> None:
    done = run("send", letter, "--to", "+1 (555) 0100", "--json", environment=environment)
    assert done.returncode == 0, done.stderr
    events = lines(done)
    names = [event["event"] for event in events]
    assert names[0] == "prepared"
    assert [name for name in names if name == "page_done"] == ["page_done"] * 2
    assert names[-1] == "result"
    assert events[-1]["pages_sent"] == 2
    assert events[-1]["success"] is True


def test_send_in_words(environment: dict[str, str], letter: Path) -> None:
    done = run(
        "send", letter, "--to", "5550100", "--no-json", "--pages", "2", environment=environment
    )
    assert done.returncode == 0, done.stderr
    assert "page 1 of 2 confirmed" in done.stdout
    assert "delivered: 1 page" in done.stdout


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("busy", Outcome.BUSY),
        ("unallocated", Outcome.BAD_NUMBER),
        ("rejected", Outcome.REFUSED),
        ("voice", Outcome.NOT_A_FAX),
        ("drop_in_page_1", Outcome.LINE_TROUBLE),
        ("congestion", Outcome.LOCAL_TROUBLE),
    ],
)
def test_exit_codes(environment: dict[str, str], letter: Path, name: str, outcome: Outcome) -> None:
    done = run("send", letter, "--to", number_of(name), "--no-json", environment=environment)
    assert done.returncode == exits.OUTCOMES[outcome], done.stdout + done.stderr
    assert outcome.value.replace("_", " ") in done.stdout


def test_exit_codes_are_listed_and_distinct() -> None:
    assert len({*exits.OUTCOMES.values(), 1, 2, 3, 4, 5, 6}) == len(exits.OUTCOMES) + 6
    assert set(exits.OUTCOMES) == set(Outcome)
    done = run("--help")
    for code in exits.OUTCOMES.values():
        assert f"  {code}  " in done.stdout


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidNumber("x"), 2),
        (DocumentEmpty("x"), 3),
        (NoNode("x"), 4),
        (SpandspMissing("x"), 5),
        (FsfaxError("x"), 1),
    ],
)
def test_errors_have_codes(error: FsfaxError, code: int) -> None:
    assert exits.code_of(error) == code


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["send", "missing.pdf", "--to", "1"], 3, "missing.pdf"),
        (["send", "letter.pdf", "--to", "12x"], 2, "dialled"),
        (["send", "letter.pdf", "--to", "1", "--pages", "x"], 2, "--pages"),
        (["send", "letter.pdf", "--to", "1", "--esl", "nowhere"], 2, "host:port"),
        (["send", "letter.pdf", "--to", "1", "--esl", "127.0.0.1:1"], 4, "FreeSWITCH"),
        (["--config", "missing.toml", "config"], 2, "missing.toml"),
        (["convert", "letter.pdf", "out.doc"], 2, ".doc"),
        (["doctor", "--esl", "127.0.0.1:1"], 4, "connection"),
    ],
)
def test_wrong_input_says_what_to_do(
    environment: dict[str, str], letter: Path, words: list[str], code: int, text: str
) -> None:
    done = run(*words, environment=environment, cwd=letter.parent)
    assert done.returncode == code, done.stdout + done.stderr
    assert text in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_the_call(
    environment: dict[str, str], letter: Path, switch: LiveSoftswitch
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "fsfax", "send", letter, "--to", number_of("no_answer"), "--json"],
        # A week; the stand-in's clock is hurried, and makes ten minutes of it.
        env={**environment, "FSFAX_TIMEOUTS__ANSWER": "604800"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    events = []
    for line in child.stdout:
        events.append(json.loads(line))
        if events[-1]["event"] == "ringing":
            child.send_signal(signal.SIGINT)
    assert child.wait(30) == exits.OUTCOMES[Outcome.CANCELLED]
    assert events[-1]["outcome"] == "cancelled"
    assert events[-1]["doubt"] == "none"


def test_receive(
    environment: dict[str, str], letter: Path, tmp_path: Path, switch: LiveSoftswitch
) -> None:
    # What earlier tests sent lies in the spool: nobody listened.
    assert run("receive", "--timeout", "1", environment=environment).returncode == 6
    listening = subprocess.Popen(
        [sys.executable, "-m", "fsfax", "receive", tmp_path / "in", "--count", "1", "--no-json"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert listening.stdout
    assert "waiting" in listening.stdout.readline()
    done = run("send", letter, "--to", "5550100", "--ident", "+1 555 0142", environment=environment)
    assert done.returncode == 0
    out, _ = listening.communicate(timeout=30)
    assert listening.returncode == 0
    assert "received: 2 pages" in out
    assert len(list((tmp_path / "in").glob("*.tif"))) == 1


def test_receive_that_waits_in_vain(environment: dict[str, str], tmp_path: Path) -> None:
    done = run("receive", tmp_path / "other", "--timeout", "0.2", environment=environment)
    assert done.returncode == exits.NO_FAX


def test_convert_and_inspect(letter: Path, tmp_path: Path) -> None:
    fax, pdf, png = tmp_path / "a.tif", tmp_path / "b.pdf", tmp_path / "c.png"
    done = run("convert", letter, fax, "--resolution", "standard", "--json")
    assert lines(done)[0]["pages"] == 2
    assert lines(run("convert", fax, pdf, "--json"))[0]["pages"] == 2
    assert run("convert", fax, png, "--page", "2").returncode == 0
    assert png.read_bytes().startswith(b"\x89PNG")
    found = lines(run("inspect", fax, "--json"))[0]
    assert found["fax"] is True
    assert found["seconds_on_line"]["14400"] > 15
    assert "on the line" in run("inspect", fax, "--no-json").stdout
    assert "pdf, 2 pages" in run("inspect", letter, "--no-json").stdout


def test_doctor(environment: dict[str, str], letter: Path) -> None:
    done = run("doctor", "--json", environment=environment)
    checks = {check["name"]: check for check in lines(done)}
    assert done.returncode == 0, checks
    assert checks["connection"]["verdict"] == "ok"
    assert {"mod_spandsp", "spool/out", "outcome marks in db", "T.38"} <= set(checks)
    broken = run("doctor", "--gateway", "nowhere", "--no-json", environment=environment)
    assert broken.returncode == exits.UNREACHABLE
    assert "→" in broken.stdout
    environment["FSFAX_DATABASE"] = f"sqlite:///{letter}"
    broken = run("doctor", "--no-json", environment=environment)
    assert broken.returncode == exits.STORE
    assert "not a database" in broken.stdout


def test_config_shows_origins_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "fsfax.toml").write_text(
        '[[nodes]]\nhost = "pbx"\npassword = "hush-hush"\n[timeouts]\nanswer = 33\n'
    )
    done = run(
        "config",
        "--no-json",
        cwd=tmp_path,
        environment={**os.environ, "FSFAX_FAX__IDENT": "+1 555"},
    )
    assert "timeouts.answer = 33.0   (file fsfax.toml)" in done.stdout
    assert "fax.ident = '+1 555'   (environment)" in done.stdout
    assert "hush-hush" not in done.stdout + done.stderr


def test_the_demo(tmp_path: Path) -> None:
    done = run("demo", "--out", tmp_path, "--speed", "0", "--no-json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "page 3 of 3 confirmed" in done.stdout
    assert "pixel-identical: yes" in done.stdout


def test_magic_numbers_are_listed() -> None:
    done = run("softswitch", "--numbers")
    assert number_of("busy") in done.stdout


@pytest.mark.parametrize("example", ["threaded_worker", "gevent_worker", "durable_jobs"])
def test_examples(environment: dict[str, str], letter: Path, example: str) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{example}.py", letter, "5550100", number_of("busy")],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "5550100 delivered" in done.stdout
    assert f"{number_of('busy')} busy" in done.stdout
