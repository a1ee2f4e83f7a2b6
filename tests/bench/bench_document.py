"""Documents against Ghostscript: pages a second, bytes on the line, legibility.

    python tests/bench/bench_document.py [--rounds N] [--no-ocr]

Both convert the same PDFs in the same run, by turns, so that a busy machine slows both.
Times are processor seconds of the processes that do the work, for Ghostscript the whole process;
the smallest of all rounds is printed, and the median of the ratios of each round. On two cores
the ratios are of seconds. Needs ``gs``; measures legibility where tesseract is installed.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pypdf
import structlog
from PIL import Image

from fsfax.document import ccitt, read_pages
from fsfax.document.convert import Converter
from fsfax.settings import DocumentSettings

sys.path.insert(0, os.fspath(Path(__file__).parent))

import legibility
import sample_pdfs

RESOLUTIONS = {"standard": 98, "fine": 196}
REPEAT = 40


def ghostscript(pdf: Path, tiff: Path, y_dpi: int) -> tuple[float, float]:
    """Convert with Ghostscript; return processor seconds and seconds."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(
        ["gs", "-q", "-dNOPAUSE", "-dBATCH", "-sDEVICE=tiffg4", f"-r204x{y_dpi}",
         f"-sOutputFile={tiff}", pdf],
        check=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, time.monotonic() - started


def fsfax_times(
    converter: Converter, pdf: Path, tiff: Path, resolution: str
) -> tuple[float, float]:
    """Convert with fsfax; return processor seconds, of workers and this process, and seconds."""
    before, started = time.process_time(), time.monotonic()
    done = converter.convert(pdf, tiff, resolution=resolution)  # type: ignore[arg-type]
    return done.worker_seconds + time.process_time() - before, time.monotonic() - started


def repeated(pdf: bytes, pages: int) -> bytes:
    """Return a PDF of this number of pages, those of another one over and over."""
    reader, writer = pypdf.PdfReader(io.BytesIO(pdf)), pypdf.PdfWriter()
    for number in range(pages):
        writer.add_page(reader.pages[number % len(reader.pages)])
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def gs_pages(tiff: Path) -> list[np.ndarray]:
    """Return Ghostscript's pages as pels of 0 and 255."""
    with Image.open(tiff) as image:
        pages = []
        for number in range(image.n_frames):
            image.seek(number)
            pages.append(np.asarray(image.convert("L")).copy())
    return pages


def fsfax_pages(tiff: Path) -> list[np.ndarray]:
    """Return the pages of fsfax as pels of 0 and 255."""
    return [
        np.where(np.unpackbits(page.bits, axis=1)[:, : page.width] == 1, 0, 255).astype(np.uint8)
        for page in read_pages(tiff)
    ]


def strip_bytes(pages: list[np.ndarray]) -> int:
    """Return the bytes of the pages as MMR, all coded by the same coder."""
    return sum(
        len(ccitt.encode(np.packbits(page == 0, axis=1), page.shape[1], "mmr")) for page in pages
    )


def bytes_and_times(folder: Path, one: Converter, two: Converter, rounds: int) -> None:
    print(
        f"{'sample':12}{'':10}{'bytes a page':>26}{'ms of a core a page':>30}{'on two cores':>22}"
    )
    print(
        f"{'':22}{'gs':>10}{'fsfax':>8}{'ratio':>8}{'gs':>12}{'fsfax':>9}{'gs/fsfax':>9}"
        f"{'to one':>12}{'to gs':>10}"
    )
    for sample in sample_pdfs.samples():
        pdf = folder / f"{sample.name}.pdf"
        pages = REPEAT if sample.name in ("text", "letters") else 12
        pdf.write_bytes(repeated(sample.pdf, pages))
        for resolution, y_dpi in RESOLUTIONS.items():
            theirs, mine = folder / "gs.tif", folder / "fsfax.tif"
            rows = []
            for _ in range(rounds):
                their_time, their_wall = ghostscript(pdf, theirs, y_dpi)
                used, wall = fsfax_times(one, pdf, mine, resolution)
                both = fsfax_times(two, pdf, mine, resolution)[1]
                ratios = (their_time / used, wall / both, their_wall / both)
                rows.append((their_time, used, *ratios))
            their_best, best = np.min(rows, axis=0)[:2] / pages * 1000
            quicker, gain, gain_on_gs = np.median(rows, axis=0)[2:]
            gs, fsfax = strip_bytes(gs_pages(theirs)), strip_bytes(fsfax_pages(mine))
            print(
                f"{sample.name:12}{resolution:10}{gs // pages:10,}{fsfax // pages:8,}"
                f"{fsfax / gs:8.2f}{their_best:12.1f}{best:9.1f}{quicker:9.2f}"
                f"{gain:11.2f}x{gain_on_gs:9.2f}x",
                flush=True,
            )


def legible(folder: Path, converter: Converter) -> None:
    print(f"\n{'small print':22}{'bytes a page':>26}{'character error %':>24}")
    for resolution, y_dpi in RESOLUTIONS.items():
        sample = sample_pdfs.small_print(seed=y_dpi, sizes=(8, 9) if y_dpi < 100 else (5, 6))
        pdf, theirs, mine = folder / "small.pdf", folder / "gs.tif", folder / "fsfax.tif"
        pdf.write_bytes(sample.pdf)
        ghostscript(pdf, theirs, y_dpi)
        converter.convert(pdf, mine, resolution=resolution)  # type: ignore[arg-type]
        figures = []
        for pages in (gs_pages(theirs), fsfax_pages(mine)):
            error = 100 * legibility.character_error(pages, y_dpi, sample.text)
            figures.append((strip_bytes(pages) // len(pages), error))
        (gs, gs_error), (fsfax, fsfax_error) = figures
        print(
            f"{'':12}{resolution:10}{gs:10,}{fsfax:8,}{fsfax / gs:8.2f}"
            f"{gs_error:12.2f}{fsfax_error:9.2f}",
            flush=True,
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-ocr", action="store_true")
    arguments = parser.parse_args()
    if shutil.which("gs") is None:
        print("Ghostscript (gs) is not installed; there is nothing to measure against.")
        return 1
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with (
        tempfile.TemporaryDirectory() as name,
        Converter(DocumentSettings(workers=1)) as one,
        Converter(DocumentSettings(workers=2)) as two,
    ):
        bytes_and_times(Path(name), one, two, arguments.rounds)
        if legibility.AVAILABLE and not arguments.no_ocr:
            legible(Path(name), two)
    return 0


if __name__ == "__main__":
    sys.exit(main())
