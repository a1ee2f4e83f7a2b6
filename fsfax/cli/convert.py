"""``fsfax convert``: convert a document to TIFF-F, or a fax TIFF to PDF or PNG."""

from __future__ import annotations

from pathlib import Path

import click

from fsfax.cli import options
from fsfax.cli.main import Common
from fsfax.cli.show import Show
from fsfax.document import Converter, inspect, to_pdf, to_png
from fsfax.errors import InvalidRequest


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--paper",
    type=click.Choice(["A4", "B4", "A3"]),
    default="A4",
    show_default=True,
    help="Page width.",
)
@click.option(
    "--coding",
    type=click.Choice(["mmr", "mh"]),
    default="mmr",
    show_default=True,
    help="T.6 (MMR) or T.4 one-dimensional (MH).",
)
@click.option("--page", type=click.IntRange(min=1), default=1, help="Page for a .png (default: 1).")
@options.resolution
@options.as_json
@click.pass_obj
def command(
    common: Common,
    *,
    source: Path,
    target: Path,
    paper: str,
    coding: str,
    page: int,
    resolution: str | None,
    as_json: bool | None,
) -> int:
    """Convert SOURCE to a fax file, or a fax file back.

    The suffix of TARGET selects the format:

    \b
    .tif .tiff   TIFF-F, as it is sent (from PDF, TIFF, PNG, JPEG or text)
    .pdf         PDF of a fax TIFF, without loss
    .png         one page of a fax TIFF, with square pixels
    """
    settings = common.load().settings
    show = Show(as_json)
    kind = target.suffix.lower()
    if kind in (".tif", ".tiff"):
        with Converter(settings.document) as converter:
            done = converter.convert(
                source,
                target,
                resolution=resolution or settings.fax.resolution,  # type: ignore[arg-type]
                paper=paper,  # type: ignore[arg-type]
                coding=coding,  # type: ignore[arg-type]
            )
        seconds = inspect(target).seconds_on_line()
        facts = {
            "event": "converted",
            "path": str(done.path),
            "pages": len(done.pages),
            "bytes": done.bytes,
            "resolution": done.resolution,
            "seconds": round(done.seconds, 3),
            "seconds_on_line": round(seconds),
        }
        words = (
            f"{target}: {len(done.pages)} pages, {done.bytes / 1000:.1f} kB, about {seconds:.0f} s"
            " on the line at 14,400 bit/s"
        )
    elif kind == ".pdf":
        pages = to_pdf(source, target)
        facts = {"event": "converted", "path": str(target), "pages": pages}
        words = f"{target}: {pages} pages"
    elif kind == ".png":
        width, height = to_png(source, page, target)
        facts = {"event": "converted", "path": str(target), "width": width, "height": height}
        words = f"{target}: page {page}, {width} by {height} pixels"
    else:
        raise InvalidRequest(f"TARGET {str(target)!r} does not end in .tif, .tiff, .pdf or .png")
    if show.as_json:
        show.line(facts)
    show.words(words)
    return 0
