"""One HTTP request to a webhook or an SMS provider, and what its answer means.

Users choose the URL, so the request is made like the download of a document
(`fsfax.egress.exchange`): the name is resolved once, the address is checked before it is connected
to, TLS is verified, everything has a time limit. Redirects are not followed: the owner of a webhook
that moved has to change its URL.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import gevent

from fsfax.egress.exchange import Exchange, Resolver, resolve
from fsfax.egress.target import parse_url
from fsfax.errors import ConfigurationError, FetchError, FetchForbidden, InvalidFetch
from fsfax.notify.send_result import Delivered, Rejected, Result, RetryLater
from fsfax.runtime.sanitize import one_line
from fsfax.settings.base import WebLimits

_MAX_RETRY_AFTER = 3600.0
"""Seconds of a Retry-After that are respected."""

_MAX_REASON = 200
"""Characters of an answer's body that become part of the problem."""

_READ = 4096
_GONE = 410
_TEMPORARY = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class PostRequest:
    """A request; Host, User-Agent and Content-Length are added."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


def send(
    request: PostRequest,
    settings: WebLimits,
    *,
    refusals: int,
    resolver: Resolver = resolve,
    now: Callable[[], float] = time.time,
) -> Result:
    """Send a request and return its result.

    2xx is delivered. 410 is rejected, with ``gone``. Another 4xx is tried again at most
    ``refusals`` times: a receiver that is being deployed may answer so for a while. Everything else
    is tried again; ``Retry-After`` is respected up to an hour.

    Args:
        request: the request.
        settings: time limits, networks, authorities.
        refusals: attempts while the answer is 4xx or a redirect.
        resolver, now: for tests.
    """
    limit = gevent.Timeout(settings.total)
    try:
        with limit:
            return _send(request, settings, refusals, resolver, now)
    except gevent.Timeout as timeout:
        if timeout is not limit:
            raise
        return RetryLater(f"timed out after {settings.total:g} s ({settings.section}.total)")
    except (FetchForbidden, InvalidFetch) as error:
        return Rejected(str(error))
    except (FetchError, ConfigurationError) as error:
        # A name without an address or an invalid certificate may be corrected soon.
        return RetryLater(str(error))


def _send(
    request: PostRequest,
    settings: WebLimits,
    refusals: int,
    resolver: Resolver,
    now: Callable[[], float],
) -> Result:
    target = parse_url(request.url)
    body = b"" if request.method == "GET" else request.body
    headers = [
        ("Host", target.authority),
        ("User-Agent", settings.user_agent),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
        *request.headers.items(),
    ]
    if target.authorization and not any(
        name.lower() == "authorization" for name in request.headers
    ):
        headers.append(("Authorization", target.authorization))
    if request.method != "GET":
        headers.append(("Content-Length", str(len(body))))
    with Exchange(target, settings, resolver) as exchange:
        exchange.send_request(request.method, target.path, headers, body)
        status = exchange.status
        if 200 <= status < 300:  # noqa: PLR2004
            return Delivered()
        problem = f"HTTP response {status}"
        if reason := one_line(_beginning(exchange), _MAX_REASON):
            problem += f": {reason}"
    if status == _GONE:
        return Rejected(problem, gone=True)
    after = _retry_after(exchange.headers.get("retry-after", ""), now())
    if status in _TEMPORARY or status >= 500:  # noqa: PLR2004
        return RetryLater(problem, after=after)
    return RetryLater(problem, after=after, tries=refusals)


def _beginning(exchange: Exchange) -> str:
    """Return the beginning of an answer's body, also if the rest cannot be read."""
    data = b""
    with suppress(FetchError):
        for chunk in exchange.body():
            data += chunk
            if len(data) >= _READ:
                break
    return data[:_READ].decode("utf-8", "replace")


def _retry_after(value: str, now: float) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3), None without one."""
    value = value.strip()
    seconds: float | None = None
    if value.isdecimal() and value.isascii():
        seconds = float(value[:9])
    elif value:
        with suppress(ValueError):
            seconds = parsedate_to_datetime(value).timestamp() - now
    return None if seconds is None else min(_MAX_RETRY_AFTER, max(0.0, seconds))
