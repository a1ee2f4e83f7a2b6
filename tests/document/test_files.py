"""Documents read and results written: whole files, or errors that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsfax.document.files import read_document, write_result
from fsfax.errors import ConversionFailed, DocumentNotFound


def test_a_document_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "letter"
    file.write_bytes(b"\0letter\xff" * 10_000)
    assert read_document(file) == b"\0letter\xff" * 10_000


def test_a_document_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DocumentNotFound, match=r"no file .*missing; check the path") as caught:
        read_document(tmp_path / "missing")
    assert caught.value.code == "not_found"


def test_a_folder_is_no_document(tmp_path: Path) -> None:
    with pytest.raises(DocumentNotFound, match="name the document inside it") as caught:
        read_document(tmp_path)
    assert caught.value.code == "is_folder"


@pytest.mark.parametrize("name", ["x" * 300, "file/inside"])
def test_a_document_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DocumentNotFound, match=r"cannot be read: .*; check its perm") as caught:
        read_document(tmp_path / name)
    assert caught.value.code == "unreadable"


def test_a_result_replaces_the_file_before_it(tmp_path: Path) -> None:
    target = tmp_path / "fax.tif"
    target.write_bytes(b"a longer text before it")
    assert write_result(target, b"after") == 5
    assert target.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [target]


def test_a_result_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConversionFailed, match="cannot be written: No such file") as caught:
        write_result(tmp_path / "no" / "fax.tif", b"x")
    assert caught.value.code == "not_written"
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConversionFailed, match="folder cannot be written"):
        write_result(tmp_path / "folder", b"x")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]
