"""Outcome marks: FreeSWITCH itself records how a call ended, so that it can be asked later.

Literal values in the originate string make FreeSWITCH run a ``db`` or ``hash`` command when
the fax succeeds or fails and when the call ends, whether or not any client is connected:

    api_on_fax_success = db insert/<realm>/<uuid>/success       (stored in FreeSWITCH's database)
    api_on_fax_failure = db insert/<realm>/<uuid>/failure
    api_hangup_hook    = hash insert/<realm>/<uuid>/ended       (held in memory)

Before a call is dialled, a guard is put under the same key with ``hash insert_ifempty``, which
succeeds for one client only (mod_hash.c answers "+OK" or "-ERR key already exists"):

    intended    only the process that put it may dial this id, and only once
    settled     this id is never dialled: put by a process that adopted the attempt before
                another one had dialled it
    taken-...   a parked call is being taken over (see `fsfax.engine.receive`)

The hangup hook overwrites a guard with ``ended``.

For a call that the dialplan answers, the dialplan also records who calls whom, in case no engine
listens: only fully numeric words, by a condition of the dialplan (dialplan/public):

    db insert/<realm>_caller/<uuid>/<number>
    db insert/<realm>_called/<uuid>/<number>

The values hold no ``${…}`` (FreeSWITCH refuses that in an originate) and no text of a user or
of the far end. ``api_*`` hooks run even after the far end has hung up, when
``execute_on_*`` applications are skipped.
"""

from __future__ import annotations

import re
import secrets
from typing import Protocol

from fsfax.engine.verdict import Fate
from fsfax.errors import CommandFailed, InvalidRequest
from fsfax.log import get_logger

_log = get_logger(__name__)

INTENDED, SETTLED, TAKEN, ENDED = "intended", "settled", "taken", "ended"

_EXISTS = "key already exists"  # mod_hash.c, hash_api_function
_WHO = ("caller", "called")
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


class ApiCommand(Protocol):
    """The part of a `Link` that this module uses: one ``api`` command and its answer."""

    def api(self, command: str, arg: str = "") -> str:
        """Run ``command`` and return its answer; CommandFailed on ``-ERR``."""
        ...  # the protocol's body


def variables(realm: str, uuid: str) -> dict[str, str]:
    """Return the channel variables that make FreeSWITCH set the marks of one call.

    Raises:
        InvalidRequest: realm or uuid has a character other than letters, digits, "-", "_".
    """
    _require_words(realm, uuid)
    return {
        "api_on_fax_success": f"db insert/{realm}/{uuid}/success",
        "api_on_fax_failure": f"db insert/{realm}/{uuid}/failure",
        "api_hangup_hook": f"hash insert/{realm}/{uuid}/{ENDED}",
    }


def intend(link: ApiCommand, realm: str, uuid: str) -> bool:
    """Put the guard before a call is dialled; return False if the id was used or settled before.

    A FreeSWITCH without mod_hash has no guards: True is returned then, with a warning in the log.

    Raises:
        InvalidRequest: as `variables`.
        EslError: FreeSWITCH could not be asked; the guard may have been put.
    """
    return _insert_if_empty(link, realm, uuid, INTENDED) is not False


def settle(link: ApiCommand, realm: str, uuid: str) -> bool:
    """Bar an id from being dialled from now on; return whether it never was dialled.

    False: another process had put ``intended`` and may have dialled or be about to; or this
    FreeSWITCH has no guards. Calling it again gives the same answer.

    Raises:
        InvalidRequest: as `variables`.
        EslError: FreeSWITCH could not be asked.
    """
    put = _insert_if_empty(link, realm, uuid, SETTLED)
    return bool(put) or (put is False and guard(link, realm, uuid) == SETTLED)


def withdraw(link: ApiCommand, realm: str, uuid: str) -> None:
    """Replace our own ``intended`` by ``settled``: nothing was dialled, and nothing will be.

    Raises:
        EslError: FreeSWITCH could not be asked.
    """
    _answer(link, "hash", f"insert/{realm}/{uuid}/{SETTLED}")


def mark_taken(link: ApiCommand, realm: str, uuid: str, *, instead_of: str = "") -> str:
    """Put the guard before a parked call is taken over; return "" if the caller may do it now.

    Otherwise the mark of the other engine is returned. If the call stays parked all the same, that
    engine is dead, and its mark may be given as ``instead_of``: of several engines that try this
    one succeeds, because each mark is different.

    Raises:
        InvalidRequest: as `variables`.
        EslError: FreeSWITCH could not be asked; the guard may have been put.
    """
    if instead_of:
        _answer(link, "hash", f"delete_ifmatch/{realm}/{uuid}/{instead_of}")
    mine = f"{TAKEN}-{secrets.token_hex(6)}"
    if _insert_if_empty(link, realm, uuid, mine) is not False:
        return ""
    return guard(link, realm, uuid) or mine


def guard(link: ApiCommand, realm: str, uuid: str) -> str:
    """Return the value under the key in ``hash``, "" if there is none.

    Raises:
        EslError: FreeSWITCH could not be asked.
    """
    return _answer(link, "hash", f"select/{realm}/{uuid}")


def fate(link: ApiCommand, realm: str, uuid: str) -> Fate:
    """Ask FreeSWITCH what became of a call.

    ``UNKNOWN`` means that this FreeSWITCH has no trace of it: it never had the call, or was
    restarted before phase E (a mark in ``db`` outlives a restart, one in ``hash`` does not), or
    there is only a guard.

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
    # A guard shows an intention, not an outcome.
    return Fate.ENDED if guard(link, realm, uuid) == ENDED else Fate.UNKNOWN


def numbers(link: ApiCommand, realm: str, uuid: str) -> tuple[str, str]:
    """Return caller's and called number as the dialplan recorded them, "" where it did not.

    Raises:
        EslError: FreeSWITCH could not be asked.
    """
    _require_words(realm, uuid)
    caller, called = (_answer(link, "db", f"select/{realm}_{who}/{uuid}") for who in _WHO)
    return caller, called


def erase_numbers(link: ApiCommand, realm: str, uuid: str) -> None:
    """Remove the numbers that the dialplan recorded, after the fax was stored.

    Raises:
        EslError: FreeSWITCH could not be asked.
    """
    for who in _WHO:
        _answer(link, "db", f"delete/{realm}_{who}/{uuid}")


def erase(link: ApiCommand, realm: str, uuid: str) -> None:
    """Remove the marks of a call whose outcome the caller has stored.

    ``settled`` stays: a process that was about to dial may still do so.

    Raises:
        EslError: FreeSWITCH could not be asked; a mark that was not there is no error.
    """
    _answer(link, "db", f"delete/{realm}/{uuid}")
    if guard(link, realm, uuid) != SETTLED:
        _answer(link, "hash", f"delete/{realm}/{uuid}")


def _require_words(*words: str) -> None:
    for word in words:
        if not _WORD.match(word):
            raise InvalidRequest(f"{word!r} cannot be part of an outcome mark: use [A-Za-z0-9_-]")


def _insert_if_empty(link: ApiCommand, realm: str, uuid: str, value: str) -> bool | None:
    """Return whether the value was inserted; None if FreeSWITCH has no ``hash``."""
    _require_words(realm, uuid)
    try:
        answer = link.api("hash", f"insert_ifempty/{realm}/{uuid}/{value}").strip()
    except CommandFailed as error:
        if error.reply == _EXISTS:
            return False
        answer = error.reply
    if answer == "+OK":
        return True
    _log.warning("guard_not_stored", uuid=uuid, answer=answer, remedy="load mod_hash")
    return None


def _answer(link: ApiCommand, command: str, arg: str) -> str:
    """Return the answer, or "" for ``-ERR`` (which is how an unknown key is reported)."""
    try:
        return link.api(command, arg).strip()
    except CommandFailed as error:
        _log.debug("mark_unanswered", command=command, arg=arg, reply=error.reply)
        return ""
