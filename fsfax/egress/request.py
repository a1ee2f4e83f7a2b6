"""The request for the document at a URL: ``document`` of the Faxes API. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

from fsfax.egress.target import parse_url
from fsfax.errors import InvalidFetch

MAX_CONTENT = 256
"""Characters of ``document.content``, as the Faxes API has it."""

_HEADER = re.compile(r"[!-~]([ -~]*[!-~])?")  # RFC 9110 5.5, without what is obsolete
_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_MAX_HEADER = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """The URL of a document and how to request it, as ``document`` in the Faxes API has it.

    ``content`` (at most 256 characters) is the body of a post, ``content_type`` its type, by
    default plain text; ``host`` replaces the Host header. The URL may contain a user and a
    password: they, the content and these headers are for the origin of ``url`` and are not
    sent to another origin after a redirect.

    Raises:
        InvalidFetch: a field is malformed; the message names it.
    """

    url: str
    method: Literal["get", "post"] = "get"
    content: str | None = None
    content_type: str | None = None
    host: str | None = None
    referer: str | None = None

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Raise InvalidFetch if the URL or a field cannot be sent."""
        parse_url(self.url)
        if self.method not in ("get", "post"):
            raise InvalidFetch('document.method is neither "get" nor "post"')
        if len(self.content or "") > MAX_CONTENT:
            raise InvalidFetch(
                f"document.content has {len(self.content or '')} characters, at most "
                f"{MAX_CONTENT} are sent"
            )
        for name, value in (("content_type", self.content_type), ("referer", self.referer)):
            if value and (len(value) > _MAX_HEADER or not _HEADER.fullmatch(value)):
                raise InvalidFetch(
                    f"document.{name} is no header value: only ASCII without line breaks, "
                    f"at most {_MAX_HEADER} characters"
                )
        if self.host and not _HOST.fullmatch(self.host):
            raise InvalidFetch("document.host is no host name, with or without :port")

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that are set, as JSON values."""
        return {
            item.name: value
            for item in fields(self)
            if (value := getattr(self, item.name)) is not None
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the request that `as_dict` wrote; unknown fields are ignored.

        A stored request was checked when it was accepted, and stays readable when the rules
        change: it is not checked again here, but when it is fetched.
        """
        request = object.__new__(cls)
        for item in fields(cls):
            object.__setattr__(request, item.name, values.get(item.name, item.default))
        return request
