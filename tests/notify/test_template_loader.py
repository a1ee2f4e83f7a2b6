"""Templates by language: those of fsfax, and those of the user."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from jinja2 import TemplateNotFound

from fsfax.db.states import Direction, JobState
from fsfax.notify.events import BY_MAIL, NotificationKind
from fsfax.notify.template_context import template_context
from fsfax.notify.template_loader import Templates
from fsfax.values.outcome import Outcome
from tests.jobs.results import TROUBLE
from tests.notify.faxes import TEXTS, a_job, mail_of
from tests.notify.mailbox import parts


@pytest.mark.parametrize("kind", sorted(BY_MAIL | {NotificationKind.OUT_CANCELLED}))
@pytest.mark.parametrize("language", ["en", "de", "fr", None, "../.."])
@pytest.mark.parametrize("attachment", ["attached", "too_large", "unreadable", "none"])
def test_every_kind_language_and_attachment_can_be_rendered(
    kind: NotificationKind, language: str, attachment: Any
) -> None:
    state = JobState.COMPLETED if "completed" in kind else JobState.FAILED
    direction = Direction.IN if kind.is_inbound else Direction.OUT
    broken = replace(TROUBLE, error_message="It broke.").as_dict()
    for result in (None, TROUBLE.as_dict(), broken, a_job().stored_result):
        job = a_job(state=state, direction=direction, stored_result=result, pages_confirmed=1)
        mail = mail_of(kind, job, language=language, attachment=attachment)
        assert mail["subject"]
        assert "None" not in parts(mail)["text/plain"]


def test_templates_of_the_user_replace_those_of_fsfax(tmp_path: Path) -> None:
    (tmp_path / "de").mkdir()
    (tmp_path / "de" / "mail.subject").write_text("Fax von {{ from_number }}, {{ pages }} S.")
    (tmp_path / "de" / "mail.html").write_text("<p>{{ station }}{% if broken %}")
    (tmp_path / "de" / "sms.txt").write_text("{{ ''.__class__.__mro__ }}")
    texts = Templates(tmp_path, "de")
    mail = mail_of(texts=texts)
    assert mail["subject"] == "Fax von 15550199, 3 S."
    found = parts(mail)
    assert "SENDEBERICHT" in found["text/plain"]
    assert "Ergebnis" in found["text/html"], "a template that is broken does not lose a mail"
    known = template_context(NotificationKind.OUT_COMPLETED, a_job(), (), None, UTC)
    assert "mro" not in texts.render("sms.txt", "de", known)


@pytest.mark.parametrize("language", ["en", "de"])
def test_each_outcome_has_words(language: str) -> None:
    environment = TEXTS._environment(language, "x", own=False)
    words = environment.get_template("words.txt").module.outcomes  # type: ignore[attr-defined]
    assert words.keys() == {outcome.value for outcome in Outcome}


def test_an_unknown_language_falls_back_to_the_default_and_then_to_english(tmp_path: Path) -> None:
    known = template_context(NotificationKind.OUT_COMPLETED, a_job(), (), None, UTC)
    assert Templates(None, "de").subject("fr", known).startswith("Fax gesendet an")
    assert Templates(None, "fr").subject(None, known).startswith("Fax sent to")
    assert Templates(tmp_path / "missing", "en").subject("de", known).startswith("Fax gesendet")


def test_a_name_with_a_path_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "templates" / "en" / "more").mkdir(parents=True)
    (tmp_path / "templates" / "en" / "more" / "sms.txt").write_text("more")
    for name in (
        "more/sms.txt",
        "../../secret.txt",
        "..\\secret.txt",
        str(tmp_path / "secret.txt"),
    ):
        with pytest.raises(TemplateNotFound):
            Templates(tmp_path / "templates", "en").render(name, "en", {})


def test_values_are_escaped_in_html_alone(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    for name in ("mail.html", "mail.txt"):
        (tmp_path / "en" / name).write_text("{{ name }}")
    templates = Templates(tmp_path, "en")
    assert templates.render("mail.html", "en", {"name": "<b>&"}) == "&lt;b&gt;&amp;"
    assert templates.render("mail.txt", "en", {"name": "<b>&"}) == "<b>&"


def test_a_subject_is_one_line_of_at_most_160_characters(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "mail.subject").write_text("a\n=?b {{ 'c' * 500 }}")
    subject = Templates(tmp_path, "en").subject("en", {})
    assert subject.startswith("a = ?b ccc")
    assert len(subject) == 160
