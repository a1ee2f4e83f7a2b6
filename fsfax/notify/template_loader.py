"""Templates of mails and short messages: Jinja2 templates, a folder for each language.

``mail.subject``, ``mail.txt``, ``mail.html``, ``report.txt`` (the transmission report, in the mail
and as PDF), ``sms.txt``, and ``words.txt``, whose macros the others use. Files in a folder of the
user (``notify.templates``) replace those of fsfax one by one: ``de/mail.subject`` replaces that one
text. If a language has no such file, the default language's is used, then the English one.

Templates see only the values of `fsfax.notify.template_context`. In those called ``.html``, and in
the files they include, every value is escaped. ``mail.html`` may show ``<img src="cid:page1">`` if
``picture`` is true.
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

_BUILT_IN = Path(__file__).parent / "templates"
_MAX_SUBJECT = 160


class Templates:
    """Renders templates, from any thread.

    Args:
        folder: templates of the user, None = none.
        language: of recipients without one.
    """

    def __init__(self, folder: Path | None, language: str) -> None:
        self._folder = folder
        self._language = language
        self._environments: dict[tuple[str, bool, bool], SandboxedEnvironment] = {}
        self._lock = threading.Lock()

    def render(self, name: str, language: str | None, values: Mapping[str, Any]) -> str:
        """Return the rendered text of a template.

        If a template of the user cannot be rendered, that is logged and the built-in one is used:
        an error in it must not prevent notifications.
        """
        wanted = language or self._language
        if self._folder:
            try:
                return self._environment(wanted, name, own=True).get_template(name).render(values)
            except Exception as error:  # noqa: BLE001  # a template can fail in any way
                _log.warning("template_failed", template=f"{wanted}/{name}", error=str(error))
        return self._environment(wanted, name, own=False).get_template(name).render(values)

    def subject(self, language: str | None, values: Mapping[str, Any]) -> str:
        """Return the subject of a mail, one line."""
        return mail_header(self.render("mail.subject", language, values), _MAX_SUBJECT)

    def _environment(self, language: str, name: str, *, own: bool) -> SandboxedEnvironment:
        # Files that an HTML template includes or imports escape, too: in a template that escapes,
        # Jinja2 takes the output of a macro as escaped, whether the macro's file escapes or not.
        escape = name.endswith(".html")
        with self._lock:
            key = (language, escape, own)
            if key not in self._environments:
                languages = dict.fromkeys((language, self._language, "en"))
                folders = [self._folder] if own and self._folder else []
                self._environments[key] = _environment(
                    [folder / each for each in languages for folder in (*folders, _BUILT_IN)],
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
    """Loads from the first folder that has the file; names with a path are refused."""

    def __init__(self, loaders: Sequence[BaseLoader]) -> None:
        super().__init__(loaders)

    def get_source(self, environment: Any, template: str) -> Any:
        """Return the source; raise TemplateNotFound for a name with a path."""
        _require_plain_name(template)
        return super().get_source(environment, template)

    def load(self, environment: Any, name: str, globals: Any = None) -> Any:
        """Return the template; raise TemplateNotFound for a name with a path."""
        _require_plain_name(name)
        return super().load(environment, name, globals)


def _require_plain_name(name: str) -> None:
    if "/" in name or "\\" in name:
        raise TemplateNotFound(name)
