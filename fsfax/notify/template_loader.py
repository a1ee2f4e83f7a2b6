"""Templates of mails and short messages: Jinja2 templates, a folder for each language.

``mail.subject``, ``mail.txt``, ``mail.html``, ``report.txt`` (the transmission report, in the mail
and as PDF), ``sms.txt``, and ``words.txt``, whose macros the others use. A folder of the user's
(``notify.templates``) goes before ours, file by file: ``de/mail.subject`` there replaces that one
text. Where a language has no such file, the default language's is taken, then English.

Templates see the values of `fsfax.notify.template_context` alone. In those called ``.html``, and in
what they include, everything that is filled in is escaped;
``mail.html`` may show ``<img src="cid:page1">`` where ``picture`` is true.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, StrictUndefined, TemplateNotFound
from jinja2.sandbox import SandboxedEnvironment

from fsfax.log import get_logger
from fsfax.runtime.sanitize import mail_header

_log = get_logger(__name__)

_OURS = Path(__file__).parent / "templates"
_LONGEST_SUBJECT = 160


class Templates:
    """The texts; from any thread.

    Args:
        folder: of the user's own ones.
        language: where nothing else is said.
    """

    def __init__(self, folder: Path | None, language: str) -> None:
        self._folder = folder
        self._language = language
        self._environments: dict[tuple[str, bool, bool], SandboxedEnvironment] = {}
        self._lock = threading.Lock()

    def render(self, name: str, language: str | None, facts: Mapping[str, Any]) -> str:
        """Return a text.

        A user's template that cannot be rendered is passed over, and the log says so: a mistake
        in it must not keep anybody from hearing of a fax.
        """
        wanted = language or self._language
        if self._folder:
            try:
                return self._environment(wanted, name, own=True).get_template(name).render(facts)
            except Exception as error:  # noqa: BLE001  # a template can fail in any way
                _log.warning("template_failed", template=f"{wanted}/{name}", error=str(error))
        return self._environment(wanted, name, own=False).get_template(name).render(facts)

    def subject(self, language: str | None, facts: Mapping[str, Any]) -> str:
        """Return the subject of a mail: one line."""
        return mail_header(self.render("mail.subject", language, facts), _LONGEST_SUBJECT)

    def _environment(self, language: str, name: str, *, own: bool) -> SandboxedEnvironment:
        # What an HTML text includes and imports escapes, too: Jinja2 takes what a macro gives for
        # escaped already where the caller escapes, whether the macro's own file does or not.
        escape = name.endswith(".html")
        with self._lock:
            key = (language, escape, own)
            if key not in self._environments:
                languages = dict.fromkeys((language, self._language, "en"))
                folders = [self._folder] if own and self._folder else []
                self._environments[key] = _environment(
                    [folder / each for each in languages for folder in (*folders, _OURS)],
                    escape=escape,
                )
            return self._environments[key]


def _environment(folders: Sequence[Path], *, escape: bool) -> SandboxedEnvironment:
    return SandboxedEnvironment(
        loader=_Loader([FileSystemLoader(folder) for folder in folders]),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )


class _Loader(ChoiceLoader):
    """The first folder that has the file; a language of a stranger's choice is no path."""

    def __init__(self, loaders: Sequence[BaseLoader]) -> None:
        super().__init__(loaders)

    def get_source(self, environment: Any, template: str) -> Any:
        """Get it; what lies outside the folder is not there."""
        if "/" in template or "\\" in template:
            raise TemplateNotFound(template)
        return super().get_source(environment, template)
