"""A document becomes a TIFF-F, whole or not at all, drawn by all workers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fsfax.document import Converter
from fsfax.document.convert import portions_of
from fsfax.errors import ConversionFailed, DocumentDamaged, DocumentError
from fsfax.settings import DocumentSettings
from tests.document.pels import pels
from tests.document.samples import make_pdf, text_content


def test_pages_are_in_order_over_all_workers(converter, tmp_path):
    count = 30
    source, target = tmp_path / "long.pdf", tmp_path / "long.tif"
    source.write_bytes(
        make_pdf([f"0 g 100 {800 - 20 * number} 50 10 re f" for number in range(count)])
    )
    conversion = converter.convert(source, target)
    tops = [page.box()[1] for page in pels(target)]
    assert len(conversion.pages) == count
    assert [page.source_page for page in conversion.pages] == list(range(1, count + 1))
    assert tops == sorted(tops)
    assert len(set(tops)) == count


def test_the_same_document_gives_the_same_bytes(converter, tmp_path):
    source = tmp_path / "a.pdf"
    source.write_bytes(make_pdf([text_content(), text_content(5)] * 3))
    for name in ("1.tif", "2.tif"):
        converter.convert(source, tmp_path / name)
    assert (tmp_path / "1.tif").read_bytes() == (tmp_path / "2.tif").read_bytes()


@pytest.mark.parametrize(
    ("name", "code"),
    [("", "is_folder"), ("missing.pdf", "not_found"), ("null", "not_a_file")],
)
def test_files_that_cannot_be_read(converter, tmp_path, name, code):
    source = Path(os.devnull) if name == "null" else tmp_path / name
    with pytest.raises(DocumentError) as caught:
        converter.convert(source, tmp_path / "out.tif")
    assert caught.value.code == code


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(converter, small, tmp_path):
    small.chmod(0)
    with pytest.raises(DocumentError) as caught:
        converter.convert(small, tmp_path / "out.tif")
    assert caught.value.code == "unreadable"


def test_a_target_that_cannot_be_written(converter, small, tmp_path):
    with pytest.raises(ConversionFailed, match="cannot be written") as caught:
        converter.convert(small, tmp_path / "no" / "such" / "folder.tif")
    assert caught.value.code == "not_written"
    (tmp_path / "taken").mkdir()
    with pytest.raises(ConversionFailed):
        converter.convert(small, tmp_path / "taken")
    assert not list(tmp_path.glob(".*"))


def test_a_target_is_replaced_whole_or_left_alone(converter, small, tmp_path):
    target = tmp_path / "fax.tif"
    target.write_bytes(b"before")
    damaged = tmp_path / "bad.pdf"
    damaged.write_bytes(small.read_bytes()[:300])
    with pytest.raises(DocumentDamaged):
        converter.convert(damaged, target)
    assert target.read_bytes() == b"before"
    reader = target.open("rb")  # a reader of the old file can still read all of it
    converter.convert(small, target)
    assert target.read_bytes()[:4] == b"II*\0"
    with reader:
        assert reader.read() == b"before"


def test_a_name_that_is_no_utf8(converter, small, tmp_path):
    odd = tmp_path / os.fsdecode(b"caf\xe9 \xff.pdf")
    odd.write_bytes(small.read_bytes())
    assert converter.convert(odd, tmp_path / "out.tif").pages


@pytest.mark.parametrize("workers", [1, 2, 7])
@pytest.mark.parametrize("pages", [0, 1, 2, 11, 12, 40, 999])
def test_portions_are_all_of_the_pages_and_become_smaller(pages, workers):
    portions = list(portions_of(range(pages), workers))

    assert [page for portion in portions for page in portion] == list(range(pages))
    sizes = [len(portion) for portion in portions]
    assert sizes == sorted(sizes, reverse=True)
    assert all(1 <= size <= 8 for size in sizes)
    # The last ones are so small that no worker waits long for another.
    assert not sizes or sizes[-1] == 1


@pytest.mark.parametrize(("pages", "tasks"), [(1, ["plan"]), (3, ["plan", "draw", "draw", "draw"])])
def test_a_document_of_one_page_is_one_request(monkeypatch, tmp_path, pages, tasks):
    source, seen = tmp_path / "document.pdf", []
    source.write_bytes(make_pdf([text_content()] * pages))
    with Converter(DocumentSettings(workers=2)) as converter:
        run = converter.pool.run

        def watched(request, timeout, what):
            seen.append(request["task"])
            return run(request, timeout, what)

        monkeypatch.setattr(converter.pool, "run", watched)
        converted = converter.convert(source, tmp_path / "fax.tif")

    assert len(converted.pages) == pages
    assert seen == tasks
