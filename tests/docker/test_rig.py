"""The compose rig, as far as it can be checked without a Docker engine."""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from fsfax.engine.spool import Spool
from fsfax.settings import load

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
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    for service in SERVICES.values():
        assert "ports" not in service, "nothing of the rig is published"
        assert service["networks"] == ["rig"]
        dockerfile = REPOSITORY / service["build"]["dockerfile"]
        assert dockerfile in DOCKERFILES


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
    settings = load().settings
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


@pytest.mark.parametrize("name", ["install", "start"])
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
