"""Section ``api`` of the settings: the HTTP API."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from fsfax.settings.base import Seconds, Section


class ApiSettings(Section):
    """The HTTP API."""

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535)
    certificate: Path | None = Field(
        default=None, description="PEM file of a certificate; without one, plain HTTP"
    )
    key: Path | None = Field(
        default=None, description="PEM file of its key, if that is a separate file"
    )
    max_upload: int = Field(
        default=50 * 1024 * 1024, gt=0, description="bytes of a request that creates a fax"
    )
    body_timeout: Seconds = Field(default=300.0, description="the whole body of a request")
    idle_timeout: Seconds = Field(
        default=60.0, description="a request's head, and any single read or write"
    )
    connections: int = Field(
        default=1000, ge=1, description="simultaneous connections; further ones wait"
    )
    streams: int = Field(
        default=200, ge=0, description="simultaneous streams of server-sent events"
    )
    threads: int = Field(default=8, ge=1, le=100, description="simultaneous database transactions")
    rate: float = Field(
        default=50.0, ge=0, description="requests per second of one token; 0 = no limit"
    )
    burst: int = Field(default=200, ge=1, description="requests of one token in a burst")
    drain: Seconds = Field(default=15.0, description="time for running requests at a stop")
