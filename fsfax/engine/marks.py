"""Outcome marks: FreeSWITCH itself records how a call ended, so that it can be asked later.

Literal values in the originate string make FreeSWITCH run a ``db`` or ``hash`` command when
the fax succeeds or fails and when the call ends, whether or not any client is connected:

    api_on_fax_success = db insert/<realm>/<uuid>/success       (kept in FreeSWITCH's database)
    api_on_fax_failure = db insert/<realm>/<uuid>/failure
    api_hangup_hook    = hash insert/<realm>/<uuid>/ended       (kept in memory)

The values hold no ``${…}`` (FreeSWITCH refuses that in an originate) and nothing that a user
or the far end said. ``api_*`` hooks run even after the far end has hung up, when
``execute_on_*`` applications are skipped.
"""

from __future__ import annotations

import re
from typing import Protocol

from fsfax.engine.verdict import Fate
from fsfax.errors import CommandFailed, InvalidRequest
from fsfax.log import get_logger

_log = get_logger(__name__)

_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


class Api(Protocol):
    """What is needed of a link: one ``api`` command and its answer."""

    def api(self, command: str, arg: str = "") -> str:
        """Run ``command`` and return its answer; CommandFailed on ``-ERR``."""
        ...  # the protocol's body


def variables(realm: str, uuid: str) -> dict[str, str]:
    """Return the channel variables that make FreeSWITCH leave the marks of one call.

    Raises:
        InvalidRequest: realm or uuid has another character than letters, digits, "-", "_".
    """
    for word in (realm, uuid):
        if not _WORD.match(word):
            raise InvalidRequest(f"{word!r} cannot be part of an outcome mark: use [A-Za-z0-9_-]")
    return {
        "api_on_fax_success": f"db insert/{realm}/{uuid}/success",
        "api_on_fax_failure": f"db insert/{realm}/{uuid}/failure",
        "api_hangup_hook": f"hash insert/{realm}/{uuid}/ended",
    }


def fate(link: Api, realm: str, uuid: str) -> Fate:
    """Ask FreeSWITCH what became of a call.

    ``UNKNOWN`` means that this FreeSWITCH knows nothing of it: it never saw the call, or was
    restarted before phase E (a mark in ``db`` outlives a restart, one in ``hash`` does not).

    Raises:
        EslError: FreeSWITCH could not be asked.
    """
    # The order matters: a call that ends between the two questions is then seen as ended.
    if _answer(link, "uuid_exists", uuid) == "true":
        return Fate.UP
    match _answer(link, "db", f"select/{realm}/{uuid}"):
        case "success":
            return Fate.SUCCEEDED
        case "failure":
            return Fate.FAILED
    return (
        Fate.ENDED if _answer(link, "hash", f"select/{realm}/{uuid}") == "ended" else Fate.UNKNOWN
    )


def erase(link: Api, realm: str, uuid: str) -> None:
    """Remove the marks of a call whose outcome is stored elsewhere by now.

    Raises:
        EslError: FreeSWITCH could not be asked; a mark that was not there is no error.
    """
    _answer(link, "db", f"delete/{realm}/{uuid}")
    _answer(link, "hash", f"delete/{realm}/{uuid}")


def _answer(link: Api, command: str, arg: str) -> str:
    """Return the answer, or "" for ``-ERR`` (which is how an unknown key is reported)."""
    try:
        return link.api(command, arg).strip()
    except CommandFailed as error:
        _log.debug("mark_unanswered", command=command, arg=arg, reply=error.reply)
        return ""
