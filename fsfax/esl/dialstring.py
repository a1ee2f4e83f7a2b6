"""Dial strings: every value arrives in FreeSWITCH unchanged, or is refused here.

    originate {name=value,name=value}sofia/gateway/<gateway>/<number> &<application>(<argument>)

FreeSWITCH parses this line in three passes, and each pass removes one layer of escapes
(``switch_utils.c``: switch_separate_string and cleanup_separated_string):

1. originate_function (mod_commands.c) splits it into words at blanks;
2. switch_event_create_brackets (switch_event.c) splits the braces at commas;
3. and each item at its first "=".

So a value is escaped three times, with backslashes only: quotes protect a blank but not a
comma (observed on 1.10.12). What no escape protects is refused: braces, which are counted
without regard to quotes; ``:_:``, which makes an enterprise originate; line breaks and NUL; and
``${``, which FreeSWITCH would expand.

`parse` is a model of FreeSWITCH's own parser, for tests and for the stand-in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fsfax.errors import InvalidRequest
from fsfax.values.numbers import DialNumber, require_dial_number

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_HOST = re.compile(r"[A-Za-z0-9_.-]{1,253}(?::\d{1,5})?\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
# A ")" ends the argument whatever the quotes; "$", "\" and "'" have a meaning to
# switch_channel_expand_variables when the application runs.
_ARGUMENT = re.compile(r"[^\x00-\x1f\x7f)$\\'{}]*\Z")
_NEVER = re.compile(r"[\x00-\x1f\x7f{}]|:_:")


@dataclass(frozen=True, slots=True)
class Gateway:
    """A called number over a sofia gateway."""

    gateway: str
    number: DialNumber

    def __post_init__(self) -> None:
        """Raise InvalidRequest for a bad gateway name, InvalidNumber for a bad number."""
        _require(_NAME, self.gateway, "gateway name")
        require_dial_number(self.number)

    def render(self) -> str:
        """Return the endpoint as FreeSWITCH writes it."""
        return f"sofia/gateway/{self.gateway}/{self.number}"


@dataclass(frozen=True, slots=True)
class SipUri:
    """A called number at a host, over a sofia profile: for a peer that is no gateway."""

    profile: str
    number: DialNumber
    host: str

    def __post_init__(self) -> None:
        """Raise InvalidRequest for a bad profile or host, InvalidNumber for a bad number."""
        _require(_NAME, self.profile, "sofia profile")
        _require(_HOST, self.host, "host")
        require_dial_number(self.number)

    def render(self) -> str:
        """Return the endpoint as FreeSWITCH writes it."""
        return f"sofia/{self.profile}/{self.number}@{self.host}"


@dataclass(frozen=True, slots=True)
class Originate:
    """The argument of one ``originate``.

    Raises:
        InvalidRequest: a name or value cannot be escaped; the message says which and why.
    """

    endpoint: Gateway | SipUri
    variables: Mapping[str, str] = field(default_factory=dict)
    application: str = "park"
    argument: str = ""

    def __post_init__(self) -> None:
        """Check every part, so that every object can be rendered."""
        _require(_NAME, self.application, "application")
        if not _ARGUMENT.match(self.argument) or self.argument != self.argument.strip(" "):
            raise InvalidRequest(
                f"{self.argument!r} cannot be given to {self.application}: an argument must not"
                " have ), $, \\, ', braces, control characters, or blanks at its ends"
            )
        for name, value in self.variables.items():
            _require(_VARIABLE, name, "variable name")
            if _NEVER.search(value):
                raise InvalidRequest(
                    f"the value of {name}, {value!r}, cannot be put into a dial string: it must"
                    " not have braces, control characters or :_:"
                )

    def render(self) -> str:
        """Return the argument of ``originate``."""
        items = ",".join(
            f"{name}={_escape(_escape(value, '='), ',')}"
            for name, value in self.variables.items()
            if value  # FreeSWITCH does not set an empty value
        )
        aleg = f"{{{items}}}{self.endpoint.render()}" if items else self.endpoint.render()
        exten = f"&{self.application}({self.argument})" if self.argument else f"&{self.application}"
        return f"{_escape(aleg)} {_escape(exten)}"


@dataclass(frozen=True, slots=True)
class Parsed:
    """An originate line as FreeSWITCH parses it."""

    variables: Mapping[str, str]
    endpoint: str
    application: str
    argument: str


def parse(line: str) -> Parsed:
    """Parse an originate line as FreeSWITCH does.

    Raises:
        InvalidRequest: FreeSWITCH would refuse the line.
    """
    words = _split(line, " ")
    if not 2 <= len(words) <= 7:  # noqa: PLR2004  # originate_function: argc < 2 || argc > 7
        raise InvalidRequest(f"an originate has 2 to 7 words, this one has {len(words)}")
    aleg, exten = words[0], words[1]
    variables: dict[str, str] = {}
    while aleg.startswith("{"):
        block, aleg = _brackets(aleg)
        delimiter = ","
        if block.startswith("^^") and len(block) > 3:  # noqa: PLR2004
            delimiter, block = block[2], block[3:]
        for item in _split(block, delimiter):
            pair = _split(item, "=", 2)
            if len(pair) == 2 and "${" not in pair[1]:  # noqa: PLR2004
                variables[pair[0]] = pair[1]
    application, argument = "", ""
    if exten.startswith("&") and len(exten) > 1:
        head, _, rest = exten[1:].partition(")")[0].partition("(")
        application, argument = head, rest
    return Parsed(variables, aleg, application, argument)


def _require(pattern: re.Pattern[str], text: str, what: str) -> None:
    if not pattern.match(text):
        raise InvalidRequest(f"{text[:80]!r} is not a {what} that can be put into a dial string")


def _escape(text: str, delimiter: str = "") -> str:
    """Protect ``text`` from one pass of switch_separate_string."""
    text = text.replace("\\", "\\\\").replace("'", "\\'").replace(" ", "\\s")
    return text.replace(delimiter, "\\" + delimiter) if delimiter else text


def _brackets(text: str) -> tuple[str, str]:
    """Return the text in the leading braces, and the rest.

    switch_find_end_paren counts depth without regard to quotes.
    """
    depth = 0
    for index, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return text[1:index], text[index + 1 :]
    raise InvalidRequest("the braces of the variables are not closed")


def _split(text: str, delimiter: str, most: int = 1024) -> list[str]:
    """Model switch_separate_string: split, then strip one layer of quotes and escapes."""
    parts: list[str] = []
    start = index = 0
    quoted = False
    if delimiter == " ":
        start = index = len(text) - len(text.lstrip(" "))
    while index < len(text) and len(parts) < most - 1:
        character = text[index]
        if character == "\\":
            index += 1
        elif character == "'" and (quoted or "'" in text[index + 1 :]):
            quoted = not quoted
        elif character == delimiter and not quoted:
            parts.append(text[start:index])
            if delimiter == " ":
                index += len(text[index:]) - len(text[index:].lstrip(" ")) - 1
            start = index + 1
        index += 1
    if start < len(text):
        parts.append(text[start:])
    return [_clean(part, "" if delimiter == " " else delimiter) for part in parts]


_UNESCAPED = {"n": "\n", "r": "\r", "t": "\t", "s": " "}


def _clean(text: str, delimiter: str) -> str:
    """Model cleanup_separated_string."""
    out: list[str] = []
    end = 0
    quoted = False
    index = len(text) - len(text.lstrip(" "))
    while index < len(text):
        character, following = text[index], text[index + 1 : index + 2]
        index += 1
        if (
            character == "\\"
            and following
            and (following in "'\"\\" or following == delimiter or following in _UNESCAPED)
        ):
            out.append(_UNESCAPED.get(following, following))
            index += 1
            end = len(out)
        elif character == "'" and (quoted or "'" in text[index:]):
            quoted = not quoted
            end = len(out) if quoted else end
        else:
            out.append(character)
            end = len(out) if character != " " or quoted else end
    return "".join(out[:end])
