"""Sections ``document`` and ``fetch`` of the settings: limits of conversion and of fetching."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from fsfax.settings.base import Seconds, Section, WebLimits


class DocumentSettings(Section):
    """Limits of the document pipeline, and how many processes share the work."""

    workers: int = Field(default=0, ge=0, description="worker processes; 0 = one per core")
    max_bytes: int = Field(default=100 * 1024 * 1024, gt=0)
    max_pages: int = Field(default=500, gt=0)
    max_pixels: int = Field(default=200_000_000, gt=0, description="pixels of one source image")
    memory: int = Field(default=1024 * 1024 * 1024, gt=0, description="bytes one worker may use")
    timeout: Seconds = Field(default=120.0, description="for one document")
    office: bool = Field(
        default=True, description="take office documents, where LibreOffice is installed"
    )


class FetchSettings(WebLimits):
    """How documents are fetched from URLs, and from where they may come."""

    section: ClassVar[str] = "fetch"
    refusal: ClassVar[str] = "documents are not fetched from"

    max_bytes: int = Field(
        default=100 * 1024 * 1024, gt=0, description="size of the document, uncompressed"
    )
    max_redirects: int = Field(default=5, ge=0, le=50)
