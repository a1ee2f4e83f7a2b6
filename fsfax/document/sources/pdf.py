"""PDF pages drawn by pdfium, directly at the resolution of the fax page.

pdfium scales across and down independently, so a page is drawn once at 204 by 98, 196 or 391
dots per inch in 8-bit grey; drawing it with square pixels and shrinking it takes six times as
long. pdfium applies /Rotate and the crop box, draws annotations as on a screen, and the fields
of a form as they are filled in, without the tint that it gives them by default.

Runs in a worker process only: pdfium must not be called from two threads.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2.raw as pdfium

from fsfax.document.bilevel import Grey, Rect
from fsfax.document.ccitt import Coding
from fsfax.document.geometry import MM_PER_INCH, PageSize, Paper, Placement, Resolution
from fsfax.document.limits import Limits, check_pages, check_pixels
from fsfax.errors import DocumentDamaged, DocumentEncrypted, DocumentError

POINTS_PER_INCH = 72.0
_MAX_FORM_DEPTH = 4
_MAX_OBJECTS = 200_000
_TAIL = 65536  # Some senders pad files with zeros.
_END_WINDOW = 2048

_OPEN_ERRORS: dict[int, DocumentError] = {
    pdfium.FPDF_ERR_PASSWORD: DocumentEncrypted(
        "this PDF needs a password to be opened; save a copy without a password and send that"
    ),
    pdfium.FPDF_ERR_SECURITY: DocumentEncrypted(
        "this PDF is protected in a way that cannot be opened here; print it to a new PDF"
    ),
}


def _check_end(path: Path) -> None:
    """Raise for a PDF without its end: pdfium would rebuild it and drop what is missing."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        tail = file.read().rstrip(b"\0\t\n\f\r ")[-_END_WINDOW:]
    if b"startxref" not in tail and b"%%EOF" not in tail:
        raise _damaged()


def _damaged() -> DocumentDamaged:
    return DocumentDamaged(
        "this PDF cannot be read: it is cut off or damaged; send it again, or open it in a "
        "viewer and save or print it to a new PDF"
    )


class PdfSource:
    """An open PDF document.

    Raises:
        DocumentEncrypted: it needs a password. One that has an owner's password only opens.
        DocumentDamaged: it cannot be parsed.
        DocumentEmpty, DocumentTooLarge: it has no pages, or too many.
    """

    def __init__(self, document: Path | bytes, limits: Limits, kind: str = "pdf") -> None:
        self.kind = kind
        self._limits = limits
        self._data = document  # pdfium reads from these bytes until the document is closed
        if isinstance(document, bytes):
            self._document = pdfium.FPDF_LoadMemDocument64(document, len(document), None)
        else:
            _check_end(document)
            self._document = pdfium.FPDF_LoadDocument(os.fsencode(document) + b"\0", None)
        if not self._document:
            raise _OPEN_ERRORS.get(
                pdfium.FPDF_GetLastError(),
                _damaged(),
            )
        count = pdfium.FPDF_GetPageCount(self._document)
        check_pages(count, limits)
        self._form: Any = None
        # pdfium holds a pointer to this structure until the form is closed.
        self._form_info = pdfium.FPDF_FORMFILLINFO(version=2)
        if pdfium.FPDF_GetFormType(self._document) != pdfium.FORMTYPE_NONE:
            self._form = pdfium.FPDFDOC_InitFormFillEnvironment(
                self._document, ctypes.byref(self._form_info)
            )
            pdfium.FPDF_SetFormFieldHighlightAlpha(self._form, 0)
        self.sizes = [self._size(index) for index in range(count)]

    def close(self) -> None:
        """Close the document and its form in pdfium."""
        if self._form:
            pdfium.FPDFDOC_ExitFormFillEnvironment(self._form)
            self._form = None
        if self._document:
            pdfium.FPDF_CloseDocument(self._document)
            self._document = None

    def _size(self, index: int) -> PageSize:
        size = pdfium.FS_SIZEF()
        if not pdfium.FPDF_GetPageSizeByIndexF(self._document, index, ctypes.byref(size)):
            raise DocumentDamaged(
                f"page {index + 1} of this PDF cannot be read; print it to a new PDF"
            )
        return PageSize(
            size.width / POINTS_PER_INCH * MM_PER_INCH, size.height / POINTS_PER_INCH * MM_PER_INCH
        )

    def draw(self, placement: Placement) -> tuple[Grey, list[Rect]]:
        """Return one fax page in grey, and the boxes of its continuous-tone pictures."""
        grey = np.full((placement.height, placement.width), 255, np.uint8)
        with self._page(placement.page) as page:
            pictures = list(self._pictures(page, placement))
            bitmap = pdfium.FPDFBitmap_CreateEx(
                placement.width,
                placement.height,
                pdfium.FPDFBitmap_Gray,
                grey.ctypes.data_as(ctypes.c_void_p),
                placement.width,
            )
            if not bitmap:
                raise MemoryError("pdfium has no memory for the page")
            box = (
                placement.left,
                placement.top,
                placement.drawn_width,
                placement.drawn_height,
                placement.turn,
                pdfium.FPDF_ANNOT,
            )
            try:
                pdfium.FPDF_RenderPageBitmap(bitmap, page, *box)
                if self._form:
                    pdfium.FPDF_FFLDraw(self._form, bitmap, page, *box)
            finally:
                pdfium.FPDFBitmap_Destroy(bitmap)
        return grey, pictures

    def fax_pages(self, index: int, paper: Paper, resolution: Resolution) -> list[Placement]:
        """Return no placement: no page of a PDF is a fax page already."""
        del index, paper, resolution
        return []

    def strip(self, placement: Placement, coding: Coding) -> bytes | None:
        """Return None: no page of a PDF is coded already."""
        del placement, coding
        return None

    @contextmanager
    def _page(self, index: int) -> Iterator[Any]:
        page = pdfium.FPDF_LoadPage(self._document, index)
        if not page:
            raise DocumentDamaged(
                f"page {index + 1} of this PDF cannot be read; print it to a new PDF"
            )
        try:
            if self._form:
                pdfium.FORM_OnAfterLoadPage(page, self._form)
            yield page
            if self._form:
                pdfium.FORM_OnBeforeClosePage(page, self._form)
        finally:
            pdfium.FPDF_ClosePage(page)

    def _pictures(self, page: Any, placement: Placement) -> Iterator[Rect]:
        """Yield the boxes, on the fax page, of images of more than one bit and of shadings."""
        visited = 0
        stack = [
            (pdfium.FPDFPage_GetObject(page, index), 0)
            for index in range(min(pdfium.FPDFPage_CountObjects(page), _MAX_OBJECTS))
        ]
        whole = (0, 0, placement.width, placement.height)
        width, height = ctypes.c_uint(), ctypes.c_uint()
        while stack and visited < _MAX_OBJECTS:
            item, depth = stack.pop()
            visited += 1
            form = pdfium.FPDFPageObj_GetType(item)
            if form == pdfium.FPDF_PAGEOBJ_FORM and depth < _MAX_FORM_DEPTH:
                stack += [
                    (pdfium.FPDFFormObj_GetObject(item, index), depth + 1)
                    for index in range(
                        min(pdfium.FPDFFormObj_CountObjects(item), _MAX_OBJECTS - len(stack))
                    )
                ]
            elif form == pdfium.FPDF_PAGEOBJ_IMAGE:
                pdfium.FPDFImageObj_GetImagePixelSize(
                    item, ctypes.byref(width), ctypes.byref(height)
                )
                check_pixels(width.value, height.value, self._limits, placement.page)
                details = pdfium.FPDF_IMAGEOBJ_METADATA()
                known = pdfium.FPDFImageObj_GetImageMetadata(item, page, ctypes.byref(details))
                if known and details.bits_per_pixel == 1:
                    continue
                yield self._box(page, item, placement) if depth == 0 else whole
            elif form == pdfium.FPDF_PAGEOBJ_SHADING:
                yield self._box(page, item, placement) if depth == 0 else whole

    @staticmethod
    def _box(page: Any, item: Any, placement: Placement) -> Rect:
        corners = [ctypes.c_float() for _ in range(4)]
        if not pdfium.FPDFPageObj_GetBounds(item, *(ctypes.byref(value) for value in corners)):
            return (0, 0, placement.width, placement.height)
        left, bottom, right, top = (value.value for value in corners)
        xs, ys = [], []
        x, y = ctypes.c_int(), ctypes.c_int()
        for across, up in ((left, bottom), (right, top)):
            pdfium.FPDF_PageToDevice(
                page,
                placement.left,
                placement.top,
                placement.drawn_width,
                placement.drawn_height,
                placement.turn,
                across,
                up,
                ctypes.byref(x),
                ctypes.byref(y),
            )
            xs.append(min(max(x.value, 0), placement.width))
            ys.append(min(max(y.value, 0), placement.height))
        return (min(xs), min(ys), max(xs), max(ys))
