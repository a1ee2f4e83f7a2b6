"""Where a URL leads, and which addresses are refused."""

from __future__ import annotations

import ipaddress
import re
from ipaddress import IPv4Address, IPv6Address, ip_network
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsfax.egress.target import (
    Address,
    embedded_ipv4,
    normal_url,
    objection,
    parse_url,
    redirect_target,
    require_allowed,
)
from fsfax.errors import FetchForbidden, InvalidFetch

v4 = st.ip_addresses(v=4)
v6 = st.ip_addresses(v=6)


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("http://host", "host", "/"),
        ("HTTP://Host:80/A", "host", "/A"),
        ("https://host:443", "host", "/"),
        ("https://host:80/", "host:80", "/"),
        ("http://host?a=b", "host", "/?a=b"),
        ("http://host/a b/ü.pdf?q=ä b#part", "host", "/a%20b/%C3%BC.pdf?q=%C3%A4%20b"),
        ("http://host/a%2Fb%20c", "host", "/a%2Fb%20c"),  # encoded already: left alone
        ("http://host./", "host.", "/"),
        ("http://my_host/", "my_host", "/"),  # in use, though no host name
        ("http://münchen.example/", "xn--mnchen-3ya.example", "/"),
        ("http://[2001:DB8:0::1]:8080/x", "[2001:db8::1]:8080", "/x"),
        ("http://user:pass@host/", "host", "/"),
        ("http://0x7f.1/", "0x7f.1", "/"),  # the C library decides: judged when resolved
        (" http://host/ ", "host", "/"),
    ],
)
def test_urls_taken_apart(url: str, authority: str, path: str) -> None:
    target = parse_url(url)
    assert (target.authority, target.path) == (authority, path)
    assert parse_url(target.url).url == target.url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host/letter.pdf",
        "//host/letter.pdf",
        "file:///etc/passwd",
        "ftp://host/letter.pdf",
        "gopher://host/",
        "javascript:alert(1)",
        "http://",
        "http:///letter.pdf",
        "http:host",
        "http://host:port/",
        "http://host:0/",
        "http://host:65536/",
        "http://host:-1/",
        "http://a..b/",
        "http://.host/",
        "http://ü..host/",
        "http://-host/",
        "http://ho st/",
        "http://host\\@other/",
        "http://h%6fst/",
        "http://[::1/",
        "http://[host]/",
        "http://[fe80::1%25eth0]/",
        "http://[::1]evil/",
        "http://host/\r\nX-Evil: 1",
        "http://ho\tst/",
        "http://host/\x00",
        "http://" + "a" * 64 + "/",
        "http://" + "a." * 127 + "example/",
        "http://" + "ü" * 300 + "/",
        "http://host/" + "a" * 8192,
    ],
)
def test_urls_refused(url: str) -> None:
    with pytest.raises(InvalidFetch) as caught:
        parse_url(url)
    assert not caught.value.temporary
    assert isinstance(caught.value, ValueError)


@given(st.text(max_size=60) | st.from_regex(r"https?://[^/]{0,20}/\S{0,20}", fullmatch=True))
def test_any_text_is_taken_apart_or_refused(text: str) -> None:
    for url in (text, "http://" + text, "https://host/" + text):
        try:
            target = parse_url(url)
        except InvalidFetch:
            continue
        assert target.path.startswith("/")
        assert re.fullmatch(r"[!-~]+", target.url), "nothing that a request line cannot hold"
        assert urlsplit(target.url).username is None
        assert parse_url(target.url).url == target.url


def test_credentials_become_a_header() -> None:
    assert parse_url("http://host/").authorization is None
    target = parse_url("http://us%40er:p%3Aw@host/")
    assert target.authorization == "Basic dXNAZXI6cDp3"  # us@er:p:w
    assert "us" not in target.url


@pytest.mark.parametrize(
    ("location", "url", "same_origin"),
    [
        ("/other", "http://host/other", True),
        ("other?x#y", "http://host/a/other?x", True),
        ("http://host:80/", "http://host/", True),
        ("https://host/", "https://host/", True),  # the same host asks for TLS
        ("http://host:81/", "http://host:81/", False),
        ("https://host:8443/", "https://host:8443/", False),
        ("//other/", "http://other/", False),
        ("http://host.other/", "http://host.other/", False),
        ("http://you:there@other/", "http://other/", False),
    ],
)
def test_redirects(location: str, url: str, same_origin: bool) -> None:
    before = parse_url("http://user:pass@host/a/b")
    after = redirect_target(before, location)
    assert after.url == url
    assert after.authorization == (before.authorization if same_origin else None)


def test_credentials_are_not_sent_from_https_to_http() -> None:
    assert (
        redirect_target(parse_url("https://user:pass@host/"), "http://host/").authorization is None
    )


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://[", "http://a..b/", "data:,x"])
def test_redirects_refused(location: str) -> None:
    with pytest.raises(InvalidFetch):
        redirect_target(parse_url("http://host/"), location)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("0.0.0.0", "unspecified"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("100.127.255.255", "private"),
        ("169.254.169.254", "link-local"),
        ("192.0.0.8", "reserved"),
        ("192.0.2.1", "reserved"),
        ("198.18.0.1", "reserved"),
        ("198.19.255.255", "reserved"),
        ("203.0.113.5", "reserved"),
        ("224.0.0.1", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("fe80::1", "link-local"),
        ("fec0::1", "link-local"),
        ("fd00::1", "private"),
        ("ff02::1", "multicast"),
        ("2001::1", "reserved"),  # Teredo hides an address too
        ("2001:db8::1", "reserved"),
        ("3fff::1", "reserved"),
        ("100::1", "reserved"),  # discard, RFC 6666
        ("5f00::1", "reserved"),
        ("::7f00:1", "reserved"),  # IPv4-compatible
        ("64:ff9b:1::a00:1", "reserved"),  # local NAT64, RFC 8215
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:169.254.169.254", "link-local"),
        ("64:ff9b::127.0.0.1", "loopback"),
        ("64:ff9b::a9fe:a9fe", "link-local"),
        ("2002:7f00:1::", "loopback"),
        ("2002:a9fe:a9fe::1", "link-local"),
        ("2002:a00:1:1::1", "private"),
    ],
)
def test_addresses_refused(address: str, name: str) -> None:
    refused = ipaddress.ip_address(address)
    assert (objection(refused) or "").startswith(name)
    assert objection(refused, allow_networks=[ip_network(refused)]) is None


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "223.255.255.255",
        "2606:4700::1111",
        "2001:4860:4860::8888",
        "2001:200::1",
        "::ffff:1.1.1.1",
        "64:ff9b::808:808",
        "2002:808:808::1",
    ],
)
def test_public_addresses(address: str) -> None:
    assert objection(ipaddress.ip_address(address)) is None


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("100.64.0.1", True),
        ("::1", True),
        ("fd12::1", True),
        ("::ffff:10.1.2.3", True),
        ("169.254.169.254", False),  # private networks do not include link-local addresses
        ("fe80::1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
    ],
)
def test_what_allow_private_allows(address: str, allowed: bool) -> None:
    assert (objection(ipaddress.ip_address(address), allow_private=True) is None) is allowed


@given(v4 | v6)
def test_never_more_permissive_than_the_standard_library(address: Address) -> None:
    """What `ipaddress` holds to be private, in any version, is refused here."""
    inner = embedded_ipv4(address)
    if objection(address) is None:
        for one in (address, inner):
            assert not one.is_loopback
            assert not one.is_link_local
            assert not one.is_multicast
            assert not one.is_unspecified
        assert inner.is_global or str(inner).startswith(("192.", "2001:"))


@given(v4)
def test_an_embedded_address_is_judged_like_itself(address: IPv4Address) -> None:
    number = int(address)
    disguises = [
        IPv6Address(0xFFFF << 32 | number),
        IPv6Address(0x64FF9B << 96 | number),
        IPv6Address(0x2002 << 112 | number << 80 | 0x1234),
    ]
    for disguise in disguises:
        assert embedded_ipv4(disguise) == address
        for allow in (False, True):
            assert objection(disguise, allow_private=allow) == objection(
                address, allow_private=allow
            )
        # A network that is allowed is allowed in disguise too.
        assert objection(disguise, allow_networks=[ip_network(address)]) is None


@given(v4 | v6, st.lists(st.ip_addresses().map(ip_network), max_size=3))
def test_allowing_more_never_forbids(
    address: Address, networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]
) -> None:
    if objection(address) is None:
        assert objection(address, allow_private=True, allow_networks=networks) is None
    if objection(address, allow_private=True) is not None:
        assert objection(address) is not None


def test_one_bad_address_is_enough() -> None:
    public, private = IPv4Address("1.1.1.1"), IPv4Address("10.0.0.7")
    require_allowed("host", [public])
    with pytest.raises(FetchForbidden) as caught:
        require_allowed("host", [public, private])
    assert not caught.value.temporary
    for word in ("private", "host has the address 10.0.0.7", "10.0.0.7/32", "fetch.allow_private"):
        assert word in str(caught.value)


def test_the_remedy_is_one_that_helps() -> None:
    with pytest.raises(FetchForbidden) as caught:
        require_allowed("169.254.169.254", [IPv4Address("169.254.169.254")], allow_private=True)
    assert "fetch.allow_private" not in str(caught.value)
    assert '"169.254.169.254/32"' in str(caught.value)
    with pytest.raises(FetchForbidden, match=r'add "127\.0\.0\.1/32"'):
        require_allowed("x", [IPv6Address("::ffff:127.0.0.1")])


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTPS://Hooks.Example:443/A b?x=ü#y", "https://hooks.example/A%20b?x=%C3%BC"),
        ("http://[::0:1]:8080", "http://[::1]:8080/"),
        ("https://Me:Pass@Host/", "https://Me:Pass@host/"),
    ],
)
def test_the_normal_form_of_a_webhook_keeps_its_credentials(url: str, normal: str) -> None:
    assert normal_url(url) == normal
    assert normal_url(normal) == normal


@pytest.mark.parametrize("url", [None, 7, "", "hooks.example/a", "ftp://host/"])
def test_a_webhook_without_a_url_is_refused(url: object) -> None:
    with pytest.raises(InvalidFetch):
        normal_url(url)


@pytest.mark.parametrize(
    ("origin", "other", "trusted"),
    [
        ("http://host/a", "http://host/b", True),
        ("http://host/", "https://host/", True),
        ("https://host/", "http://host/", False),
        ("http://host/", "http://host:8080/", False),
        ("http://host:8080/", "https://host/", False),
        ("http://host/", "https://host:8443/", False),
        ("https://host/", "https://host.example/", False),
    ],
)
def test_which_origins_may_get_credentials(origin: str, other: str, trusted: bool) -> None:
    assert parse_url(origin).trusts(parse_url(other)) is trusted
