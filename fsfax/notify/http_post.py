"""One request to somebody else's web server, and what its answer means.

The URL is a stranger's choice, so it goes through what fetches documents
(`fsfax.egress.exchange`): names are resolved once, the address is judged and then connected
to, TLS is verified, everything has a time limit. Redirects are not followed: a webhook that moved
is to be changed by whoever owns it.
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

_LONGEST_WAIT = 3600.0
"""Seconds of a Retry-After that are respected."""

_SAID = 200
"""Characters of an answer that are kept as the reason."""

_READ = 4096
_GONE = 410
_NOT_NOW = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class PostRequest:
    """A request; Host, User-Agent and lengths are added."""

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
    """Send a request and say what came of it.

    2xx is delivered. 410 says that nobody wants this any more. Another 4xx is a refusal, which is
    tried again at most ``refusals`` times: whoever rolls out a new receiver may answer so for a
    while. Everything else is tried again; ``Retry-After`` is respected up to an hour.

    Args:
        request: what to send where.
        settings: time limits, networks, authorities.
        refusals: tries where the answer is 4xx or a redirect.
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
        # A name that is not there, or a certificate that is no good, may be mended soon.
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
    whole = [
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
        whole.append(("Authorization", target.authorization))
    if request.method != "GET":
        whole.append(("Content-Length", str(len(body))))
    with Exchange(target, settings, resolver) as exchange:
        exchange.ask(request.method, target.path, whole, body)
        status = exchange.status
        if 200 <= status < 300:  # noqa: PLR2004
            return Delivered()
        problem = f"HTTP response {status}"
        if said := one_line(_beginning(exchange), _SAID):
            problem += f": {said}"
    if status == _GONE:
        return Rejected(problem, gone=True)
    after = _retry_after(exchange.headers.get("retry-after", ""), now())
    if status in _NOT_NOW or status >= 500:  # noqa: PLR2004
        return RetryLater(problem, after=after)
    return RetryLater(problem, after=after, tries=refusals)


def _beginning(exchange: Exchange) -> str:
    """The first words of an answer; an error that cannot be read whole is one all the same."""
    data = b""
    with suppress(FetchError):
        for piece in exchange.body():
            data += piece
            if len(data) >= _READ:
                break
    return data[:_READ].decode("utf-8", "replace")


def _retry_after(value: str, now: float) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3), None if there is none."""
    value = value.strip()
    seconds: float | None = None
    if value.isdecimal() and value.isascii():
        seconds = float(value[:9])
    elif value:
        with suppress(ValueError):
            seconds = parsedate_to_datetime(value).timestamp() - now
    return None if seconds is None else min(_LONGEST_WAIT, max(0.0, seconds))
