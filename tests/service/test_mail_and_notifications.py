"""From mail to fax and report, and from an inbound call to inbox, mail and webhook.

One process of the service, real mail clients, a mailbox, a receiver of webhooks.
"""

from __future__ import annotations

import email.message
import json
import re
import shutil
import signal
import smtplib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from fsfax.db.states import Direction
from fsfax.testing import LiveSoftswitch
from tests.api.conftest import ServiceFactory
from tests.api.service import Service, until
from tests.mail.mails import mail, raw
from tests.notify.mailbox import Mailbox, parts
from tests.notify.receiver import Receiver

SENDER = "ann@example.com"
NUMBER = "15550123"
HOSTILE = "x\r\nBcc: eve@example.com\x1b[2J<b>&\u202e../"
IDENT = "<b>&\x1b[2J\r\nBcc: x"
"""A station id has 20 characters (T.30, 5.3.6.2.4)."""


@pytest.fixture
def service(new_service: ServiceFactory, mailbox: Mailbox) -> Iterator[Service]:
    service = new_service(
        "--smtp",
        smtp__port=0,
        notify__relay__host="127.0.0.1",
        notify__relay__port=mailbox.port,
        notify__delay=0.1,
        notify__lease=2,
        notify__webhook__allow_private="true",
        jobs__lease=2,
    )
    yield service
    if service.process.poll() is None:
        service.stop()


def smtp_port(service: Service) -> int:
    found = re.findall(r"accepting mails at 127\.0\.0\.1:(\d+)", service.log.read_text())
    return int(found[-1])


def faxbox(service: Service, **data: Any) -> dict[str, Any]:
    answer = service.client.put("/faxboxes", json={"data": {"name": "Ward 7", **data}})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["data"]
    return made


def with_smtplib(port: int, to: str, document: Path) -> str:
    made = mail((document.name, "application/pdf", document.read_bytes()))
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        client.ehlo()
        client.mail(SENDER)
        client.rcpt(to)
        code, words = client.data(raw(made))
    return f"{code} {words.decode()}"


def with_swaks(port: int, to: str, document: Path) -> str:
    command = ["swaks", "--server", "127.0.0.1", "--port", str(port), "--from", SENDER, "--to", to]
    command += ["--attach-type", "application/pdf", "--attach", f"@{document}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    (answer,) = re.findall(r"^<(?:~|-)[ *]* (250 2\.0\.0 accepted.*)$", done.stdout, re.MULTILINE)
    return str(answer)


@pytest.mark.parametrize("client", [with_smtplib, with_swaks])
def test_a_mail_becomes_a_fax_and_a_report_comes_back(
    service: Service, mailbox: Mailbox, letter: Path, client: Any
) -> None:
    if client is with_swaks and not shutil.which("swaks"):
        pytest.skip("Debian's swaks is not installed")
    box = faxbox(service, smtp_permission_list=[SENDER], caller_id="+1 555 0199")
    to = f"{NUMBER}@{box['smtp_email_address']}"
    found = re.fullmatch(
        rf"250 2\.0\.0 accepted as (\S+) to {NUMBER}", client(smtp_port(service), to, letter)
    )
    assert found
    done = service.over(found[1])
    assert (done["status"], done["tx_result"]["pages_sent"]) == ("completed", 2)
    (entry,) = service.get("/faxes/smtplog")
    shown = service.get(f"/faxes/smtplog/{entry['id']}")
    assert (shown["from"], shown["to"]) == (SENDER, to)
    assert (shown["errors"], shown["job_ids"]) == ([], [found[1]])

    (report,) = mailbox.wait(1)
    assert mailbox.recipients == [SENDER]
    assert report["Auto-Submitted"] == "auto-generated"
    there = parts(report)
    kinds = {part.get_content_type() for part in report.walk()}
    assert {"text/plain", "text/html", "image/png", "application/pdf"} <= kinds
    assert NUMBER in there["text/plain"]
    assert any(isinstance(part, bytes) and part[:5] == b"%PDF-" for part in there.values())


def test_refused_mails_get_a_reason(service: Service, letter: Path) -> None:
    box = faxbox(service, smtp_permission_list=[SENDER])
    good = f"{NUMBER}@{box['smtp_email_address']}"
    port = smtp_port(service)
    document = ("a.pdf", "application/pdf", letter.read_bytes())

    def answer(sender: str, to: str, made: email.message.Message) -> tuple[int, bytes]:
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            client.ehlo()
            size = len(raw(made))
            code, words = client.mail(sender, [f"size={size}"])
            if code == 250:
                code, words = client.rcpt(to)
            if code == 250:
                code, words = client.data(raw(made))
        return code, words

    assert answer(SENDER, "1@nowhere.example", mail(document))[0] == 550
    assert answer("eve@example.com", good, mail(document))[0] == 550
    assert answer(SENDER, f"abc@{box['smtp_email_address']}", mail(document))[0] == 550
    code, words = answer(SENDER, good, mail())
    assert (code, b"no valid attachment" in words) == (554, True)
    large = mail(("a.pdf", "application/pdf", letter.read_bytes() + bytes(30_000_000)))
    code, words = answer(SENDER, good, large)
    assert (code, b"Message too large" in words) == (552, True)
    errors = [row["error"] for row in service.get("/faxes/smtplog")]
    assert len(errors) == 4  # the unknown domain belongs to no account
    assert all(errors)
    assert service.get("/faxes/outgoing") == []


def test_a_mail_whose_250_was_lost_in_a_kill_is_faxed_once(service: Service, letter: Path) -> None:
    """250 was lost: the mailer sends the mail again, and there is one fax."""
    box = faxbox(service, smtp_permission_list=[SENDER])
    to = f"{NUMBER}@{box['smtp_email_address']}"
    data = raw(mail(("a.pdf", "application/pdf", letter.read_bytes())))

    def send() -> socket.socket:
        made = socket.create_connection(("127.0.0.1", smtp_port(service)), timeout=60)
        stream = made.makefile("rb")
        stream.readline()
        for line in (f"HELO x\r\nMAIL FROM:<{SENDER}>", f"RCPT TO:<{to}>", "DATA"):
            for each in line.split("\r\n"):
                made.sendall(f"{each}\r\n".encode())
                assert stream.readline()[:1] in b"23"
        made.sendall(data + b"\r\n.\r\n")
        return made

    first = send()
    jobs = until(lambda: service.store.list(service.account).jobs, "the fax is in the database")
    service.again(signal.SIGKILL)
    first.close()
    second = send()
    assert second.makefile("rb").readline() == (
        f"250 2.0.0 accepted as {jobs[0].id} to {NUMBER}\r\n".encode()
    )
    second.close()
    assert service.over(jobs[0].id)["status"] == "completed"
    out = [job for job in service.store.list(service.account).jobs if job.direction == "out"]
    assert [job.id for job in out] == [jobs[0].id]


def test_a_received_fax_reaches_inbox_mail_and_webhook(
    service: Service,
    mailbox: Mailbox,
    receiver: Receiver,
    switch: LiveSoftswitch,
    tiff: Path,
) -> None:
    """Exactly once in the inbox, although the service is killed during the call."""
    hook = {"url": receiver.url(), "events": ["fax.in.completed"]}
    answer = service.client.put("/webhooks", json={"data": hook})
    assert answer.status_code == 201, answer.text
    secret = answer.json()["data"]["secret"]
    box = faxbox(
        service,
        numbers=["1 555 0100"],
        notifications={"inbound": {"email": {"send_to": "office@example.org"}}},
    )
    switch.call_in("15550100", tiff, caller_number="+15550143", caller_name=HOSTILE, ident=IDENT)
    # On a busy machine the fax may be stored before it is seen here: then the kill comes later.
    inbound = Direction.IN
    until(
        lambda: service.store.list(service.account, direction=inbound).jobs,
        "the fax is being received",
    )
    service.again(signal.SIGKILL)
    (fax,) = until(lambda: service.get("/faxes/inbox"), "it is in the inbox")
    assert fax["faxbox_id"] == box["id"]
    assert fax["rx_result"]["success"] is True
    pdf = service.client.get(f"/faxes/inbox/{fax['id']}/attachment", params={"format": "pdf"})
    assert pdf.content.startswith(b"%PDF-")

    mails = mailbox.wait(1)
    assert {made["To"] for made in mails} == {"office@example.org"}
    assert len({made["Message-ID"] for made in mails}) == 1
    for made in mails:
        assert made["Bcc"] is None
        assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", str(made["Subject"]))
        there = parts(made)
        assert "&lt;b&gt;" in there["text/html"]
        assert "<b>&" not in there["text/html"]
        assert not any(
            set("/\r\n\x1b\u202e") & set(part.get_filename() or "") for part in made.walk()
        )
        assert any(isinstance(part, bytes) and part[:5] == b"%PDF-" for part in there.values())
    for call in receiver.wait(1):
        message = Webhook(secret).verify(call.body, call.headers)
        assert message == json.loads(call.body)
        assert message["data"]["fax"]["id"] == fax["id"]
    assert [each["id"] for each in service.get("/faxes/inbox")] == [fax["id"]]
    assert "\x1b" not in service.log.read_text()
    assert not any(line.startswith("Bcc:") for line in service.log.read_text().splitlines())


def test_a_receiver_that_was_down_is_notified_later_and_in_order(
    service: Service, receiver: Receiver, letter: Path
) -> None:
    receiver.down = True
    answer = service.client.put("/webhooks", json={"data": {"url": receiver.url()}})
    secret = answer.json()["data"]["secret"]
    made = [service.send(letter, "5550101", retries=0), service.send(letter, NUMBER)]
    for fax in made:
        service.over(fax["id"])
    receiver.wait_calls(2)
    service.again()
    receiver.down = False
    messages = [Webhook(secret).verify(c.body, c.headers) for c in receiver.wait(2)]
    kinds = {each["data"]["fax"]["id"]: each["type"] for each in messages}
    assert set(kinds) == {fax["id"] for fax in made}
    until(lambda: not service.get("/notifications", state="open"), "no delivery is open")
    times: dict[str, list[str]] = {}
    for call in receiver.taken:
        body = json.loads(call.body)
        times.setdefault(body["data"]["fax"]["id"], []).append(body["timestamp"])
    assert all(each == sorted(each) for each in times.values())
