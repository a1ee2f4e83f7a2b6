"""The compose rig, as far as it can be checked without a Docker engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from fsfax.engine.spool import Spool
from fsfax.settings import Settings, load_settings

REPOSITORY = Path(__file__).parents[2]
DOCKER = REPOSITORY / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILES = sorted(DOCKER.rglob("Dockerfile"))
VARIABLE = re.compile(r"\$\{(\w+)(?::[-?]([^}]*))?\}")


def filled(text: str) -> str:
    """The text with compose's variables filled in."""
    return VARIABLE.sub(
        lambda match: {"ESL_PASSWORD": "s3cret"}.get(match[1], match[2] or ""), text
    )


def test_the_services() -> None:
    assert set(SERVICES) == {"fs-a", "fs-b", "fsfax", "fsfax-inbox"}
    for name in ("fs-a", "fs-b", "fsfax-inbox"):
        check = SERVICES[name]["healthcheck"]
        assert check["test"][0] == "CMD"
        assert {"interval", "timeout", "retries"} <= set(check)
    for service in SERVICES.values():
        assert service["networks"] == ["rig"]
        dockerfile = REPOSITORY / service["build"]["dockerfile"]
        assert dockerfile in DOCKERFILES


def test_only_loopback_is_published() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == 2
    hosts = {filled(port).rsplit(":", 2)[0] for port in published}
    assert hosts == {"127.0.0.1"}
    assert len({filled(port).rsplit(":", 2)[1] for port in published}) == 2, "one for each switch"


def test_every_volume_is_declared() -> None:
    named = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service["volumes"]
        if not volume.startswith(".")
    }
    assert named == set(COMPOSE["volumes"])


def test_where_freeswitch_comes_from_is_a_build_argument() -> None:
    for name in ("fs-a", "fs-b"):
        assert set(SERVICES[name]["build"]["args"]) == {"FREESWITCH_IMAGE", "FREESWITCH_SOURCE"}
    text = (DOCKER / "freeswitch" / "Dockerfile").read_text()
    for argument in SERVICES["fs-a"]["build"]["args"]:
        assert re.search(rf"^ARG {argument}=", text, re.M)


def test_each_switch_is_the_others_peer() -> None:
    assert SERVICES["fs-a"]["environment"]["FSFAX_PEER"] == "fs-b"
    assert SERVICES["fs-b"]["environment"]["FSFAX_PEER"] == "fs-a"


def test_fsfax_waits_for_healthy_switches() -> None:
    for name in ("fsfax", "fsfax-inbox"):
        for other, needs in SERVICES[name]["depends_on"].items():
            assert other in SERVICES
            assert needs == {"condition": "service_healthy"}


@pytest.mark.parametrize(("name", "switch"), [("fsfax", "fs-a"), ("fsfax-inbox", "fs-b")])
def test_fsfax_reads_the_settings(
    name: str, switch: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable, value in SERVICES[name]["environment"].items():
        monkeypatch.setenv(variable, filled(value))
    settings = load_settings()
    (node,) = settings.nodes
    assert node.host == switch
    assert node.password.get_secret_value() == "s3cret"
    # Both sides mount the same volume, under the names that the mapping translates.
    mounts = {volume.split(":")[0]: volume.split(":")[1] for volume in SERVICES[name]["volumes"]}
    theirs = {v.split(":")[0]: v.split(":")[1] for v in SERVICES[switch]["volumes"]}
    (shared,) = set(mounts) & set(theirs)
    assert str(settings.spool) == mounts[shared]
    assert Spool(node.spool).remote(settings.spool / "out" / "a.tif") == (
        f"{theirs[shared]}/out/a.tif"
    )
    assert shared in COMPOSE["volumes"]


@pytest.mark.parametrize("name", ["fsfax", "fsfax-inbox"])
def test_every_variable_is_a_setting(name: str) -> None:
    """A misspelt variable would be ignored without a word."""
    for variable in SERVICES[name]["environment"]:
        field = variable.removeprefix("FSFAX_").lower().split("__")[0]
        assert field in Settings.model_fields, variable


def test_the_password_must_be_set() -> None:
    text = (DOCKER / "compose.yaml").read_text()
    assert all(match[2] for match in VARIABLE.finditer(text) if match[1] == "ESL_PASSWORD")
    assert "ClueCon" not in text


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_everything_that_is_copied_exists(path: Path) -> None:
    for line in path.read_text().splitlines():
        if line.startswith("COPY "):
            for source in line.split()[1:-1]:
                assert (REPOSITORY / source).exists(), source


def test_fsfax_does_not_run_as_root() -> None:
    text = (DOCKER / "fsfax" / "Dockerfile").read_text()
    assert re.search(r"^USER fsfax$", text, re.M)


@pytest.mark.parametrize("name", ["install", "start", "healthy"])
def test_scripts_are_shell(name: str) -> None:
    subprocess.run(["sh", "-n", DOCKER / "freeswitch" / name], check=True)


def test_the_configuration_includes_what_is_shipped() -> None:
    text = (DOCKER / "freeswitch" / "freeswitch.xml").read_text()
    ET.fromstring(text)  # noqa: S314  # our own file
    for pattern in re.findall(r'cmd="include" data="([^"]+)"', text):
        assert list((REPOSITORY / "dialplan").glob(pattern)), pattern


def test_start_fills_in_variables_that_exist() -> None:
    script = (DOCKER / "freeswitch" / "start").read_text()
    variables = (REPOSITORY / "dialplan" / "fsfax_vars.xml").read_text()
    for name in re.findall(r"^put (\w+)", script, re.M):
        assert f'data="{name}=' in variables


@pytest.fixture
def run_script(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run one of the scripts with stand-ins for the programs that need root or FreeSWITCH."""
    programs = tmp_path / "bin"
    programs.mkdir()

    def run(
        name: str,
        *arguments: str,
        programs_say: Mapping[str, str] = MappingProxyType({}),
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        for program, script in programs_say.items():
            (programs / program).write_text(f"#!/bin/sh\n{script}\n")
            (programs / program).chmod(0o755)
        return subprocess.run(
            ["sh", DOCKER / "freeswitch" / name, *arguments],
            env={"PATH": f"{programs}:{os.environ['PATH']}", **environment},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    return run


_START = {
    **dict.fromkeys(["chown", "chmod", "mkdir"], ":"),
    "hostname": "echo '172.30.7.2 10.0.0.9'",
    "freeswitch": 'echo "freeswitch $*"',
}


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """The configuration as the image has it."""
    folder = tmp_path / "conf"
    shutil.copytree(REPOSITORY / "dialplan", folder / "dialplan")
    for name in ("freeswitch.xml", "peer.xml"):
        shutil.copy(DOCKER / "freeswitch" / name, folder)
    return folder


def test_start_fills_in_the_configuration(run_script: Any, conf: Path) -> None:
    for ident in ("+1 555 0100", "Other. ident-2"):  # the second time is a restart
        done = run_script(
            "start",
            programs_say=_START,
            ESL_PASSWORD="s3cret",
            FSFAX_PEER="fs-b",
            FSFAX_IDENT=ident,
            FSFAX_CONF=str(conf),
        )
        assert done.returncode == 0, done.stderr
        # It does not stay root.
        assert "-u freeswitch -g freeswitch" in done.stdout
        variables = (conf / "fsfax_vars.xml").read_text()
        assert 'data="fsfax_esl_password=s3cret"' in variables
        assert 'data="fsfax_sip_ip=172.30.7.2"' in variables
        assert f'data="fsfax_ident={ident}"' in variables
        assert 'value="fs-b:5080"' in (conf / "sip_profiles" / "fsfax" / "peer.xml").read_text()
        acl = ET.parse(conf / "autoload_configs" / "acl.conf.xml")  # noqa: S314  # our own file
        for network in acl.iter("list"):
            cidrs = [node.get("cidr") for node in network.iter("node")]
            assert cidrs.count("172.30.7.2/16") == 1
        # The template is not taken for a gateway.
        assert [p.name for p in (conf / "sip_profiles" / "fsfax").glob("*.xml")] == ["peer.xml"]


@pytest.mark.parametrize("value", ['a"b', "a&b", "a$b", "a|b", "<a>", "a\nb", "ä"])
@pytest.mark.parametrize("name", ["ESL_PASSWORD", "FSFAX_PEER", "FSFAX_IDENT"])
def test_start_refuses_what_means_something_in_xml(
    run_script: Any, conf: Path, name: str, value: str
) -> None:
    environment = {"ESL_PASSWORD": "s3cret", "FSFAX_PEER": "fs-b", "FSFAX_CONF": str(conf)}
    done = run_script("start", programs_say=_START, **{**environment, name: value})
    assert done.returncode == 1
    assert done.stderr.startswith(f"{name} may hold")
    assert value not in done.stderr, "it may be a secret"


@pytest.mark.parametrize(
    ("says", "code"),
    [
        # What `sofia status` of FreeSWITCH 1.10.12 prints.
        ("   fsfax\tprofile\t   sip:mod_sofia@172.30.7.2:5080\tRUNNING (0)", 0),
        ("   fsfax\tprofile\t   sip:mod_sofia@172.30.7.2:5080\tDOWN", 1),
        ("   voice\tprofile\t   sip:mod_sofia@172.30.7.2:5060\tRUNNING (0)", 1),
        ("[ERROR] fs_cli.c:1699 main() Error Connecting []", 1),
        ("", 1),
    ],
)
def test_the_health_check_believes_the_words(run_script: Any, says: str, code: int) -> None:
    program = f"printf '{says}\\n'"
    done = run_script("healthy", programs_say={"fs_cli": program}, ESL_PASSWORD="s3cret")
    assert done.returncode == code


def test_install_says_what_is_missing(run_script: Any, tmp_path: Path) -> None:
    empty = tmp_path / "token"
    empty.touch()
    for source, words in [
        ("image", "FREESWITCH_IMAGE has no freeswitch"),
        ("package", "SIGNALWIRE_TOKEN_FILE"),
        ("elsewhere", "use image or package"),
    ]:
        done = run_script("install", source, str(empty))
        assert done.returncode == 1
        assert words in done.stderr
