"""Listening sockets, their TLS, and hosts in URLs, for the servers of the API and of mail."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from fsfax.errors import ConfigurationError

_BACKLOG = 256
"""Connections that wait to be accepted."""


def listening_socket(host: str, port: int, *, section: str) -> socket.socket:
    """Return a socket that listens for TCP connections.

    It is bound with SO_REUSEPORT: several processes may share the address, and each accepts some
    of the connections, so that a restart refuses none.

    Args:
        host: a name, or an address of IPv4 or IPv6.
        port: 0 = any that is free.
        section: the section of the settings that has ``host`` and ``port``, for the message.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host}:{port}: {error.strerror}; see {section}.host and"
            f" {section}.port"
        ) from error
    return listener


def server_tls(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """Return the TLS of a server, version 1.2 or later.

    Args:
        certificate: a PEM file with the certificate and those between it and the authority.
        key: a PEM file with the private key; None = it is in ``certificate``.

    Raises:
        ConfigurationError: a file cannot be read, or certificate and key do not fit.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(str(certificate), key and str(key))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"the certificate {certificate} or its key cannot be used: {error}"
        ) from error
    return context


def url_host(host: str) -> str:
    """Return a host as URLs have it: an IPv6 address in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]" if ":" in host else host
