"""Section ``smtp``: email to fax."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from fsfax.settings import SmtpSettings


def test_tls_can_be_required_with_a_certificate_only() -> None:
    with pytest.raises(ValidationError, match="require_tls needs a certificate"):
        SmtpSettings(require_tls=True)
    assert SmtpSettings(require_tls=True, certificate=Path("a.pem")).require_tls
    assert SmtpSettings(certificate=Path("a.pem")).require_tls is False


@pytest.mark.parametrize("domain", ["fax.invalid", "localhost", "a-b.example.org"])
def test_domains(domain: str) -> None:
    assert SmtpSettings(domain=domain).domain == domain


@pytest.mark.parametrize(
    "domain", ["", "Fax.example.org", "a..b", ".a", "a.", "a b", "a" * 64, "a." * 120 + "b"]
)
def test_domains_that_are_refused(domain: str) -> None:
    with pytest.raises(ValidationError, match="domain"):
        SmtpSettings(domain=domain)


def test_a_host_name_cannot_end_the_greeting() -> None:
    with pytest.raises(ValidationError, match="hostname"):
        SmtpSettings(hostname="a\r\n250")


@pytest.mark.parametrize(("name", "value"), [("max_size", 1023), ("max_recipients", 0)])
def test_limits_that_are_refused(name: str, value: int) -> None:
    with pytest.raises(ValidationError, match=name):
        SmtpSettings.model_validate({name: value})
