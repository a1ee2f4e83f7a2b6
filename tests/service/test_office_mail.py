"""An office document in a mail becomes a fax; a script stands in for LibreOffice."""

from __future__ import annotations

import os
import smtplib
from pathlib import Path

import pytest

from tests.api.conftest import ServiceFactory
from tests.mail.mails import OFFICE_HEAD, PDF, mail, raw
from tests.service.test_mail_and_notifications import SENDER, faxbox, smtp_port

_SCRIPT = """\
#!/bin/sh
case "$*" in
*document.odt) mkdir -p out; exec cp "{page}" out/document.pdf ;;
esac
"""


def test_an_office_document_becomes_a_fax(
    new_service: ServiceFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.pdf"
    page.write_bytes(PDF)
    program = tmp_path / "soffice"
    program.write_text(_SCRIPT.format(page=page))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    service = new_service("--smtp", smtp__port=0)
    box = faxbox(service, smtp_permission_list=[SENDER])
    made = mail(
        ("a.odt", "application/octet-stream", OFFICE_HEAD),
        ("letter.pdf", "application/pdf", PDF),
    )
    with smtplib.SMTP("127.0.0.1", smtp_port(service), timeout=60) as client:
        client.sendmail(SENDER, f"15550123@{box['smtp_email_address']}", raw(made))
    (entry,) = service.get("/faxes/smtplog")
    (id,) = service.get(f"/faxes/smtplog/{entry['id']}")["job_ids"]
    done = service.over(id)
    assert (done["status"], done["pages"]) == ("completed", 2)
    original = service.client.get(f"/faxes/outbox/{id}/attachment", params={"format": "original"})
    assert original.headers["Content-Type"] == "application/zip"

    # A document that LibreOffice cannot read fails with a reason, and is not tried again.
    program.write_text("#!/bin/sh\nexit 1\n")
    with smtplib.SMTP("127.0.0.1", smtp_port(service), timeout=60) as client:
        made.replace_header("Message-ID", "<2@example.com>")
        client.sendmail(SENDER, f"15550123@{box['smtp_email_address']}", raw(made))
    (newest, _) = service.get("/faxes/smtplog")
    (id,) = service.get(f"/faxes/smtplog/{newest['id']}")["job_ids"]
    failed = service.over(id)
    assert failed["status"] == "failed"
    assert "LibreOffice cannot read an OpenDocument text" in failed["tx_result"]["error_message"]
