"""Sections ``document`` and ``fetch`` of the settings: limits of conversion and of fetching."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from fsfax.settings.base import Seconds, Section, WebLimits


class DocumentSettings(Section):
    """Limits of document conversion, and the number of its processes."""

    workers: int = Field(
        default=0, ge=0, description="worker processes; 0 = one per processor core"
    )
    max_bytes: int = Field(default=100 * 1024 * 1024, gt=0)
    max_pages: int = Field(default=500, gt=0)
    max_pixels: int = Field(default=200_000_000, gt=0, description="pixels of one source image")
    memory: int = Field(
        default=1024 * 1024 * 1024, gt=0, description="bytes of memory of one worker process"
    )
    timeout: Seconds = Field(default=120.0, description="for one document")
    office: bool = Field(
        default=True, description="convert office documents, if LibreOffice is installed"
    )


class FetchSettings(WebLimits):
    """Limits of fetching documents from URLs."""

    section: ClassVar[str] = "fetch"
    refusal: ClassVar[str] = "documents are not fetched from"

    max_bytes: int = Field(
        default=100 * 1024 * 1024, gt=0, description="bytes of the document, uncompressed"
    )
    max_redirects: int = Field(default=5, ge=0, le=50)
