"""The sender of mails: what it attaches of the fax, and what it says if it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pypdf

from fsfax.document import to_pdf
from fsfax.notify.deliveries import Deliveries
from tests.api.service import until
from tests.notify.dispatchers import MAIL, Send, dispatcher, settings, states
from tests.notify.mailbox import Mailbox, parts


class TestDispatched:
    def test_the_mail_about_a_sent_fax_has_its_pages_attached(
        self, database_url: str, mailbox: Mailbox, sent: Send, tiff: Path, tmp_path: Path,
        seen: Deliveries, account: str,
    ) -> None:  # fmt: skip
        job_id = sent(notify=MAIL, fields={"notifications": MAIL | {"language": "de"}})
        with dispatcher(settings(database_url, mailbox)):
            (mail,) = mailbox.wait(1)
            until(lambda: states(seen, account) == {"done": 1}, "it is stored as delivered")
        assert mailbox.recipients == ["a@b.org"]
        assert mail["subject"].startswith("Fax gesendet an 155501")
        (delivery,) = seen.list(account).deliveries
        assert mail["message-id"] == f"<{delivery.id}@localhost>"
        found = parts(mail)
        assert job_id in found["text/plain"]
        assert found["page1.png"].startswith(b"\x89PNG")
        name = next(name for name in found if name.endswith(".pdf") and "report" not in name)
        mine, theirs = tmp_path / "mine.pdf", tmp_path / "theirs.pdf"
        to_pdf(tiff, mine)
        theirs.write_bytes(found[name])
        assert len(pypdf.PdfReader(theirs, strict=True).pages) == 3
        assert [p.images[0].data for p in pypdf.PdfReader(theirs).pages] == [
            p.images[0].data for p in pypdf.PdfReader(mine).pages
        ], "the transmitted pixels"

    def test_the_mail_says_what_is_too_large_or_removed(
        self, sqlite: str, mailbox: Mailbox, sent: Send, store: Any
    ) -> None:
        job_id = sent(notify=MAIL)
        with dispatcher(settings(sqlite, mailbox, mail={"max_attachment": 1000})):
            (mail,) = mailbox.wait(1)
        text = parts(mail)["text/plain"]
        assert "is larger than" in text
        assert not [name for name in parts(mail) if name.endswith(".pdf") and "report" not in name]
        store.remove_documents(job_id)
        found = Deliveries(store.database)
        found.repeat(found.list().deliveries[0].id)
        with dispatcher(settings(sqlite, mailbox)):
            _, mail = mailbox.wait(2)
        assert "attached" not in parts(mail)["text/plain"]

    def test_the_mail_says_that_the_document_cannot_be_read(
        self, sqlite: str, mailbox: Mailbox, sent: Send, tiff: Path, monkeypatch: Any
    ) -> None:
        from fsfax.errors import DocumentDamaged
        from fsfax.notify import mail as module

        def broken(*_: Any) -> None:
            raise DocumentDamaged("it is no TIFF")

        monkeypatch.setattr(module, "to_pdf", broken)
        sent(notify=MAIL)
        with dispatcher(settings(sqlite, mailbox)):
            (mail,) = mailbox.wait(1)
        assert "its document cannot be read" in parts(mail)["text/plain"]
