"""The public names of fsfax.document, and their arguments."""

from __future__ import annotations

import pytest

from fsfax import document
from fsfax.document import compare, inspect, read_pages, to_pdf, to_png
from tests.document.samples import make_pdf, text_content


def test_the_exported_names_are_there():
    for name in document.__all__:
        assert getattr(document, name) is not None
    with pytest.raises(AttributeError):
        _ = document.no_such_name


def test_paths_may_be_strings(converter, tmp_path):
    source, target = str(tmp_path / "in.pdf"), str(tmp_path / "fax.tif")
    (tmp_path / "in.pdf").write_bytes(make_pdf([text_content()]))
    assert converter.convert(source, target).path == tmp_path / "fax.tif"
    assert inspect(target).fax
    assert inspect(source, converter=converter).kind == "pdf"
    assert len(list(read_pages(target))) == 1
    assert compare(target, target).identical
    assert to_pdf(target, str(tmp_path / "fax.pdf")) == 1
    assert to_png(target, 1, str(tmp_path / "fax.png"), width=100)[0] == 100
