"""The Python examples of the documentation, and those of tests/examples, pass type checkers.

They are checked as an embedding program is: with ``mypy --strict`` and with pyright (basedpyright,
whose wheel brings its Node.js), once against the installation in this environment, and once
against a built and installed wheel.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
IMPORT = "import fsfax"
NAMES = {
    "settings": "settings = fsfax.load_settings()",
    "engine": "engine = fsfax.Engine(fsfax.load_settings())",
    "store": 'store = fsfax.JobStore("sqlite:///fsfax.db")',
    "job": 'job = fsfax.JobStore("sqlite:///fsfax.db").get("202611-0")',
}
"""What a block may use without defining it: an earlier block of its page did."""

_FENCED = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
_INDENTED = re.compile(r"(?:^ {4}.*\n(?:\s*\n(?= {4}))?)+", re.M)


def is_python(text: str) -> bool:
    """Whether an indented block is Python; a shell command of one word would parse as well."""
    try:
        parsed = ast.parse(text)
    except SyntaxError:
        return False
    return any(
        isinstance(node, ast.Call | ast.Import | ast.ImportFrom) for node in ast.walk(parsed)
    )


def blocks(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    indented = (textwrap.dedent(block) for block in _INDENTED.findall(_FENCED.sub("", text)))
    return [*_FENCED.findall(text), *filter(is_python, indented)]


def complete(block: str) -> str:
    """The block as a program: with the names that it uses but does not define."""
    nodes = list(ast.walk(ast.parse(block)))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    used = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    if "import fsfax" in block:
        used.discard("fsfax")
    prelude = [line for name, line in NAMES.items() if name in used - bound]
    if prelude or "fsfax" in used:
        prelude.insert(0, IMPORT)
    return "\n".join([*prelude, block])


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    for page in PAGES:
        for number, block in enumerate(blocks(page), start=1):
            name = re.sub(r"\W", "_", str(page.relative_to(ROOT).with_suffix("")))
            (folder / f"{name}_{number}.py").write_text(complete(block), encoding="utf-8")
    for example in (ROOT / "tests" / "examples").glob("[!_]*.py"):
        shutil.copy(example, folder)
    return folder


@pytest.fixture(scope="module")
def wheel_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel, and otherwise the packages of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    source, target = folder / "source", folder / "environment"
    source.mkdir()
    shutil.copytree(
        ROOT / "fsfax", source / "fsfax", ignore=shutil.ignore_patterns("*.so", "*.pyc")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # Without a compiler: what is written in C is optional, and has no types.
    environment = {**os.environ, "CC": "false"}
    command = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source]
    subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL)
    venv.create(target, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(target)}))
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", packages, wheel], check=True)
    # A path of a .pth file is not searched for .pth files: the editable fsfax stays unseen.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return target / "bin" / "python"


@pytest.fixture(params=["this environment", "wheel"])
def python(request: pytest.FixtureRequest) -> Path:
    if request.param == "wheel":
        found: Path = request.getfixturevalue("wheel_python")
        return found
    return Path(sys.executable)


def run(*command: str | Path, cwd: Path) -> str:
    """Run a checker; return what it found, "" if that is nothing."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_readme_has_examples() -> None:
    assert len(blocks(ROOT / "README.md")) >= 3


def test_mypy(programs: Path, python: Path, pytestconfig: pytest.Config) -> None:
    cache = pytestconfig.cache.mkdir("mypy") if pytestconfig.cache else programs / "cache"
    options = ["--strict", "--cache-dir", cache, "--python-executable", python]
    assert not run(sys.executable, "-m", "mypy", *options, programs, cwd=programs)


def test_pyright(programs: Path, python: Path) -> None:
    (programs / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
    options = ["--project", programs, "--pythonpath", python]
    assert not run(sys.executable, "-m", "basedpyright", *options, cwd=programs)
