"""Rules of the repository that a machine can hold."""

from __future__ import annotations

import ast
import fnmatch
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import fsfax
from fsfax import errors
from fsfax.db.states import Direction, JobState, require_move

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "fsfax").rglob("*.py"))
PACKAGES = sorted(
    path.parent
    for path in MODULES
    if path.name == "__init__.py" and path.parents[1] != ROOT and "migrations" not in path.parts
)
PAGES = [
    ROOT / "README.md",
    ROOT / ".github" / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
SHARED_NAMES = {"_Connection"}
"""Names of private classes that two modules have, for one thing each: HTTP and SMTP."""
ALLOWED = {
    "pyproject.toml",
    "README.md",
    "fsfax",
    "dialplan",
    "tests",
    "docker",
    "docs",
    "Makefile",
    "CHANGELOG.md",
    "LICENSE",
}


def tracked() -> list[str]:
    """The files of the repository; of an archive without git, what is not ignored."""
    # safe.directory: the clone may belong to another user, as in a container.
    git = ["git", "-c", "safe.directory=*", "ls-files"]
    if (ROOT / ".git").exists() and shutil.which("git"):
        done = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]
    return [
        path.name
        for path in ROOT.iterdir()
        if not any(fnmatch.fnmatch(path.name, pattern) for pattern in ignored)
    ]


def test_the_top_level_is_tidy() -> None:
    top = {name.split("/")[0] for name in tracked()}
    assert {name for name in top if not name.startswith(".")} <= ALLOWED


def test_the_readme_starts_with_the_two_commands() -> None:
    start = (ROOT / "README.md").read_text().splitlines()[:6]
    commands = [line.split("#")[0].strip() for line in start if line.startswith("    ")]
    assert commands == ["make demo", "make test"]


def test_the_changelog_knows_the_version() -> None:
    version = re.search(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(), re.M)
    assert version
    assert version[1] == fsfax.__version__
    assert f"## {version[1]}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_module_has_one_subject(path: Path) -> None:
    assert path.stat().st_size <= 25 * 1024, "more than one subject: split the module"
    assert path.stem not in {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    assert ast.get_docstring(ast.parse(path.read_text())), "say what the module is for"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_package_lists_its_modules(package: Path) -> None:
    """A module stands at the beginning of a line of the table, alone or in ``a, b   text``."""
    overview = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    listed = {
        name
        for line in overview.splitlines()
        if (entry := re.match(r" +([a-z0-9_]+/?(?:, [a-z0-9_]+/?)*)(?:  | [─—]|$)", line))
        for name in entry[1].replace("/", "").split(", ")
    }
    modules = {
        path.stem
        for path in package.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
        if not path.name.startswith("_") and path.name != "migrations"
    }
    missing = sorted(modules - listed)
    assert not missing, f"the docstring of {package.name}/__init__.py does not list {missing}"


def test_each_class_name_stands_for_one_class() -> None:
    places: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    shared = {name: where for name, where in places.items() if len(where) > 1}
    assert {name: where for name, where in shared.items() if name not in SHARED_NAMES} == {}
    assert shared.keys() >= SHARED_NAMES, "SHARED_NAMES lists a name that is not shared any more"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", path):
            continue  # another site
        found = page if not path else (page.parent / path).resolve()
        assert found.exists(), f"{page.relative_to(ROOT)} links to {target}"
        if anchor:
            assert anchor in anchors(found), f"{page.relative_to(ROOT)} links to {target}"


def defined(tree: ast.AST) -> dict[str, ast.AST]:
    """What a module or class defines: classes, functions, constants, fields."""
    found: dict[str, ast.AST] = {}
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.ClassDef() | ast.FunctionDef():
                found[node.name] = node
            case ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = node
            case ast.Assign(targets=[ast.Name(id=name)]):
                found[name] = node
    return found


def is_a_setting(path: list[str]) -> bool:
    fields = fsfax.Settings.model_fields
    for name in path:
        if name not in fields:
            return False
        fields = getattr(fields[name].annotation, "model_fields", {})
    return True


def exists(path: list[str]) -> bool:
    """Return whether ``package.module[.name[.method]]`` is there, or a setting of that name."""
    if is_a_setting(path):
        return True
    folder, rest = ROOT / "fsfax", list(path)
    while rest and (folder / rest[0]).is_dir():
        folder /= rest.pop(0)
    if not rest:
        return True
    module = folder / f"{rest.pop(0)}.py"
    if not module.is_file():
        return False
    here: ast.AST = ast.parse(module.read_text())
    for name in rest:
        inside = defined(here)
        if name not in inside:
            return False
        here = inside[name]
    return True


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_name_what_exists(page: Path) -> None:
    """`jobs.claims.Claims.claim` in a page: the module has that class, and it that method.

    Not in README.md, where `engine` is a variable of the examples.
    """
    packages = {path.name for path in PACKAGES if path.parent == ROOT / "fsfax"}
    for text in re.findall(r"`(?:fsfax\.)?([a-z]+(?:\.\w+)+)(?:\(.*?\))?`", page.read_text()):
        path = text.split(".")
        if path[0] in packages:
            assert exists(path), f"{page.relative_to(ROOT)} names {text}"


@pytest.mark.parametrize(
    ("title", "direction"), [("Outbound job", Direction.OUT), ("Inbound job", Direction.IN)]
)
def test_the_diagrams_show_the_tables_of_states(title: str, direction: Direction) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    diagram = text.partition(f"### {title}\n")[2].split("```")[1]
    drawn = re.findall(r"^ +(\w+) --> (\w+)", diagram, re.M)

    def is_legal(old: JobState, new: JobState) -> bool:
        try:
            require_move(direction, old, new)
        except errors.IllegalMove:
            return False
        return True

    legal = {(old.value, new.value) for old in JobState for new in JobState if is_legal(old, new)}
    assert set(drawn) == legal


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ +(.*?) *$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_module_has_tests_under_its_own_name(path: Path) -> None:
    """``fsfax/a/b.py`` is tested by ``tests/a/test_b.py``."""
    place = path.relative_to(ROOT / "fsfax")
    if not path.stem.startswith("_") and "migrations" not in place.parts:
        assert (ROOT / "tests" / place.parent / f"test_{path.stem}.py").is_file()


@pytest.mark.parametrize("name", ["setup", "run"])
def test_what_make_runs_can_be_run(name: str) -> None:
    script = ROOT / ".ci" / name
    assert script.stat().st_mode & 0o111
    shell = script.read_text().splitlines()[0].removeprefix("#!").split()[-1].rpartition("/")[2]
    subprocess.run([shell, "-n", script], check=True)


def test_ci_runs_what_people_run() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if line.startswith("make ")] == ["make test", "make lint"]
    # Without it, the first failure would be forgotten.
    assert any(re.match(r"set -e", line) for line in lines)


def test_make_explains_its_targets() -> None:
    text = (ROOT / "Makefile").read_text()
    explained = set(re.findall(r"^([a-z-]+):.*## ", text, re.M))
    assert {"demo", "test", "lint", "coverage", "bench", "test-freeswitch", "clean"} <= explained
    # A file or folder of that name ("docker", "tests") must never make a target look done.
    phony = re.search(r"^\.PHONY: (.*)$", text, re.M)
    assert phony
    assert explained <= set(phony[1].split())


def test_the_cores_that_coverage_watches_exist() -> None:
    cores = re.search(r"^CORES := (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert cores
    for name in cores[1].split(","):
        assert (ROOT / name).is_file(), name


def test_nothing_is_unfinished() -> None:
    for path in MODULES:
        found = re.search(r"TODO|FIXME|XXX|NotImplementedError|pragma: no cover", path.read_text())
        assert not found, f"{path}: {found}"


def test_every_public_name_is_there() -> None:
    assert fsfax.__all__ == sorted(fsfax.__all__)
    for name in fsfax.__all__:
        # Aliases of types have no docstring of their own.
        assert getattr(fsfax, name).__doc__ or name in {"Admit", "HubChoice"}, name
    assert set(dir(fsfax)) == set(fsfax.__all__)
    with pytest.raises(AttributeError):
        fsfax.nothing_of_the_kind  # noqa: B018


def test_the_public_names_do_not_change_unnoticed() -> None:
    """A name that is added or removed is a change for every embedding program: see CHANGELOG."""
    assert {
        "Engine",
        "Settings",
        "load_settings",
        "TxResult",
        "RxResult",
        "Outcome",
        "Status",
        "Doubt",
        "Fate",
        "SendCall",
        "ReceiveHandle",
        "FsfaxError",
        "FaxFailed",
        "DocumentError",
        "EslError",
        "NoCapacity",
    } <= set(fsfax.__all__)


def drawn_tree() -> dict[str, str]:
    """Child → parent, as drawn in the docstring of errors.py."""
    tree: dict[str, str] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"    ((?:[│├└─ ]{4})*)([A-Z]\w+)", line)
        if match:
            depth = len(match[1]) // 4
            del above[depth:]
            tree[match[2]] = above[-1] if above else "Exception"
            above.append(match[2])
    return tree


def test_the_error_tree_is_as_drawn() -> None:
    real = {
        name: value.__bases__[0].__name__
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.FsfaxError)
    }
    assert drawn_tree() == real
