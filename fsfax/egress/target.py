"""The parts of a URL, and whether fsfax may connect to its addresses. Pure: nothing is resolved.

The URL comes from a client, so it must not give access to services that only this machine can
reach. A host name proves nothing: each address that it resolved to is checked, and the connection
is then made to exactly that address (`fsfax.egress.exchange`).
"""

from __future__ import annotations

import ipaddress
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal
from urllib.parse import quote, unquote_to_bytes, urljoin, urlsplit

from fsfax.errors import FetchForbidden, InvalidFetch

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_URL = 8192
"""Characters of a URL; RFC 9110 4.1 asks for 8000 octets at least."""

_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")  # "_": not a host, yet in use
_MAX_HOST = 253  # RFC 1035 2.3.4, without the length octets

# What may stand in a request target as it is (RFC 3986 3.3 and 3.4, and "%" of what is
# already encoded); the rest is percent-encoded, as browsers do with spaces and letters.
_PATH_SAFE = "%/:@!$&'()*+,;=-._~"
_QUERY_SAFE = _PATH_SAFE + "?"


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a URL that a request needs.

    ``host`` is in ASCII and lower case, an IPv6 address without brackets; ``path`` is the
    request target with the query; ``authorization`` the header made of ``user:password@``.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str
    authorization: str | None = None

    @property
    def authority(self) -> str:
        """Host and port as in the Host header and in URLs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL, without credentials and fragment."""
        return f"{self.scheme}://{self.authority}{self.path}"

    def trusts(self, other: Target) -> bool:
        """Return whether credentials and content for this origin may be sent to ``other`` too.

        True for the same origin, and for a redirect from http to https of the same host.
        """
        origin = (self.scheme, self.host, self.port)
        if origin == (other.scheme, other.host, other.port):
            return True
        return origin == ("http", other.host, 80) and (other.scheme, other.port) == ("https", 443)


def parse_url(url: str) -> Target:
    """Parse a URL.

    Raises:
        InvalidFetch: it is not an absolute URL of http or https, or is malformed.
    """
    if len(url) > MAX_URL:
        raise InvalidFetch(f"the URL is longer than {MAX_URL} characters; use a shorter one")
    url = url.strip(" ")
    # urlsplit removes tabs and line breaks silently: not the checked URL would be used.
    if not url.isprintable():
        raise InvalidFetch("the URL contains control characters; remove them")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise InvalidFetch("the URL is malformed; check host and port") from None
    if parts.scheme == "http":
        scheme: Literal["http", "https"] = "http"
    elif parts.scheme == "https":
        scheme = "https"
    else:
        raise InvalidFetch("the URL does not begin with http:// or https://; use one that does")
    if "\\" in parts.netloc:  # browsers read it as a slash, and so find another host
        raise InvalidFetch("the URL is malformed; check host and port")
    if port == 0:
        raise InvalidFetch("the URL names port 0; check it")
    path = quote(parts.path, safe=_PATH_SAFE, errors="replace") or "/"
    if not path.startswith("/"):
        raise InvalidFetch("the URL is malformed; check host and path")
    if parts.query:
        path += "?" + quote(parts.query, safe=_QUERY_SAFE, errors="replace")
    return Target(scheme, _host(host), port or _PORTS[scheme], path, _basic(parts.netloc))


def normal_url(url: object) -> str:
    """Return a webhook's URL in its normal form: scheme and host in lower case, encoded path.

    Raises:
        InvalidFetch: it is not a URL.
    """
    target = parse_url(url if isinstance(url, str) else "")
    name, at, _ = urlsplit(str(url).strip(" ")).netloc.rpartition("@")
    # Credentials are kept: they are part of the address that the client gave.
    return f"{target.scheme}://{name}{at}{target.authority}{target.path}"


def redirect_target(target: Target, location: str) -> Target:
    """Return the target of a Location header.

    Credentials are sent to the same origin only (`Target.trusts`), and are never taken from the
    header: a server must not choose the credentials that are sent to another one.

    Raises:
        InvalidFetch: its scheme is neither http nor https, or it is malformed.
    """
    try:
        joined = urljoin(target.url, location.strip(" \t"))
    except ValueError:
        raise InvalidFetch("the URL is malformed; check host and port") from None
    to = parse_url(joined)
    authorization = target.authorization if target.trusts(to) else None
    return Target(to.scheme, to.host, to.port, to.path, authorization)


def _host(host: str) -> str:
    if not host:
        raise InvalidFetch("the URL names no host; it should be like https://host/letter.pdf")
    if ":" in host:
        try:
            return str(IPv6Address(_without_zone(host)))
        except ValueError:
            raise InvalidFetch("the URL names a malformed IPv6 address; check it") from None
    try:
        if not host.isascii() and len(host) <= _MAX_HOST:
            host = host.encode("idna").decode("ascii")
    except UnicodeError:
        raise InvalidFetch("the host in the URL is no name that can be looked up") from None
    host = host.lower()
    labels = host.removesuffix(".").split(".")
    if len(host) > _MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidFetch("the host in the URL is no name that can be looked up; check it")
    return host


def _without_zone(host: str) -> str:
    if "%" in host:
        raise InvalidFetch("the URL names an address with a zone; use a global address")
    return host


def _basic(netloc: str) -> str | None:
    """Return the Authorization header for ``user:password@`` (RFC 7617; octets as %-encoded)."""
    userinfo, at, _ = netloc.rpartition("@")
    if not at:
        return None
    user, _, password = userinfo.partition(":")
    pair = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    return "Basic " + b64encode(pair).decode("ascii")


# Blocks that are not the public internet: IANA IPv4 and IPv6 Special-Purpose Address
# Registries (RFC 6890 and its updates), written out because the classification by `ipaddress`
# differs between versions of Python. True: permitted by ``allow_private``.
_BLOCKS: tuple[tuple[Network, str, bool], ...] = tuple(
    (ipaddress.ip_network(block), name, private)
    for block, name, private in (
        ("10.0.0.0/8", "private", True),  # RFC 1918
        ("172.16.0.0/12", "private", True),
        ("192.168.0.0/16", "private", True),
        ("100.64.0.0/10", "private (shared by a provider)", True),  # RFC 6598
        ("127.0.0.0/8", "loopback", True),  # RFC 1122
        ("0.0.0.0/8", "unspecified", False),  # Linux connects 0.0.0.0 to itself
        ("169.254.0.0/16", "link-local", False),  # RFC 3927; clouds serve credentials here
        ("192.0.0.0/24", "reserved", False),  # RFC 6890
        ("192.0.2.0/24", "reserved", False),  # documentation, RFC 5737
        ("198.51.100.0/24", "reserved", False),
        ("203.0.113.0/24", "reserved", False),
        ("192.88.99.0/24", "reserved", False),  # 6to4 relays, RFC 7526
        ("198.18.0.0/15", "reserved", False),  # benchmarks, RFC 2544
        ("224.0.0.0/4", "multicast", False),  # RFC 5771
        ("240.0.0.0/4", "reserved", False),  # RFC 1112, and broadcast
        ("::1/128", "loopback", True),  # RFC 4291
        ("::/128", "unspecified", False),
        ("fc00::/7", "private", True),  # RFC 4193
        ("fe80::/10", "link-local", False),
        ("fec0::/10", "link-local", False),  # site-local, RFC 3879
        ("ff00::/8", "multicast", False),
        ("2001::/23", "reserved", False),  # RFC 2928: Teredo, benchmarks, ORCHID
        ("2001:db8::/32", "reserved", False),  # documentation, RFC 3849
        ("3fff::/20", "reserved", False),  # documentation, RFC 9637
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")  # all that IANA assigns (RFC 4291 2.4)
_MAPPED = IPv6Network("::ffff:0:0/96")  # RFC 4291 2.5.5.2
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052 2.1
_6TO4 = IPv6Network("2002::/16")  # RFC 3056 2


def embedded_ipv4(address: Address) -> Address:
    """Return the IPv4 address inside a mapped, 6to4 or NAT64 address; any other one unchanged."""
    if not isinstance(address, IPv6Address):
        return address
    if address in _MAPPED or address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _6TO4:
        return IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    return address


def objection(
    address: Address, *, allow_private: bool = False, allow_networks: Sequence[Network] = ()
) -> str | None:
    """Return why ``address`` must not be connected to ("loopback", …); None if it may be."""
    inner = embedded_ipv4(address)
    if any(one in network for network in allow_networks for one in (address, inner)):
        return None
    for block, name, private in _BLOCKS:
        if inner in block:
            return None if private and allow_private else name
    if isinstance(inner, IPv6Address) and inner not in _GLOBAL_V6:
        return "reserved"
    return None


def require_allowed(
    host: str,
    addresses: Sequence[Address],
    *,
    allow_private: bool = False,
    allow_networks: Sequence[Network] = (),
    section: str = "fetch",
    refusal: str = "documents are not fetched from",
) -> None:
    """Raise FetchForbidden if one of a host's addresses is not allowed.

    One is enough: a name with public and private addresses is an attack or a mistake.

    Raises:
        FetchForbidden: the message says which address it is and which setting (of ``section``)
            would allow it.
    """
    for address in addresses:
        name = objection(address, allow_private=allow_private, allow_networks=allow_networks)
        if name is not None:
            network = ipaddress.ip_network(embedded_ipv4(address))
            where = f"{host} is" if host == str(address) else f"{host} has the address {address},"
            raise FetchForbidden(
                f"{refusal} {name} addresses, and {where} one; to allow it, "
                f'add "{network}" or its network to {section}.allow_networks'
                + (f" or set {section}.allow_private" if _is_private(address) else "")
            )


def _is_private(address: Address) -> bool:
    inner = embedded_ipv4(address)
    return any(private and inner in block for block, _, private in _BLOCKS)
