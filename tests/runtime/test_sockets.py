"""Listening sockets and their TLS."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
import trustme

from fsfax.errors import ConfigurationError
from fsfax.runtime.sockets import listening_socket, server_tls, url_host


def test_several_sockets_share_an_address() -> None:
    with listening_socket("127.0.0.1", 0, section="api") as first:
        port = first.getsockname()[1]
        with listening_socket("127.0.0.1", port, section="api"):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()


@pytest.mark.parametrize("section", ["api", "smtp"])
def test_an_address_that_cannot_be_listened_on(section: str) -> None:
    with pytest.raises(ConfigurationError, match=f"192.0.2.1:80: .*see {section}.host and"):
        listening_socket("192.0.2.1", 80, section=section)


def test_tls_needs_a_certificate_that_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "server.pem"
    certificate = trustme.CA().issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(file)
    assert server_tls(file, None).minimum_version is ssl.TLSVersion.TLSv1_2
    with pytest.raises(ConfigurationError, match=r"missing\.pem or its key cannot be used"):
        server_tls(tmp_path / "missing.pem", None)


@pytest.mark.parametrize(("host", "shown"), [("::1", "[::1]"), ("localhost", "localhost")])
def test_an_ipv6_host_has_brackets_in_a_url(host: str, shown: str) -> None:
    assert url_host(host) == shown
