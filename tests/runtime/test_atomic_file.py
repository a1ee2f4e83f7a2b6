"""Files that are written completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fsfax.runtime.atomic_file import write_atomic


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    target = tmp_path / "state.json"
    for data in (b"first", b"", b"second" * 100_000):
        write_atomic(target, data)
        assert target.read_bytes() == data
        assert list(tmp_path.iterdir()) == [target]


def test_a_long_name_leaves_space_for_the_temporary_files_name(tmp_path: Path) -> None:
    target = tmp_path / ("x" * 255)
    write_atomic(target, b"data")
    assert target.read_bytes() == b"data"


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "missing" / "file", b"data")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_step_leaves_the_old_file_and_no_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    target = tmp_path / "file"
    write_atomic(target, b"old")

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fail)
    with pytest.raises(OSError, match="the disk is full"):
        write_atomic(target, b"new")
    monkeypatch.undo()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_data_and_folder_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the rename the data, after it the folder, else a power failure may undo it."""
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def record_sync(descriptor: int) -> None:
        is_folder = Path(f"/proc/self/fd/{descriptor}").is_dir()
        steps.append("folder" if is_folder else "data")
        sync(descriptor)

    def record_replace(path: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(Path, "replace", record_replace)
    write_atomic(tmp_path / "file", b"data")
    assert steps == ["data", "rename", "folder"]
