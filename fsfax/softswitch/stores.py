"""``db`` and ``hash``: the key stores of mod_db and mod_hash, with their answers.

The answers are those of FreeSWITCH 1.10.12, observed one by one; mod_event_socket turns an empty
answer into ``-ERR no reply``.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path

_HASH_USAGE = (
    "-ERR Usage: hash insert|insert_ifempty|select|delete|delete_ifmatch/realm/key[/value]\n"
)
_DB_ERROR = "!err!"

Key = tuple[str, str]


class KeyStore(ABC):
    """Values by realm and key."""

    def __init__(self) -> None:
        self._values: dict[Key, str] = {}

    @abstractmethod
    def command(self, arg: str) -> str:
        """Carry out ``<verb>/<realm>/<key>/<value>`` and return FreeSWITCH's answer."""

    def clear(self) -> None:
        """Remove all values."""
        self._values.clear()

    def _split(self, arg: str) -> tuple[str, str, str, str]:
        """Return verb, realm, key and value; a value may have slashes."""
        words = [*arg.split("/", 3), "", "", ""]
        return words[0].lower(), words[1], words[2], words[3]


class DbStore(KeyStore):
    """mod_db: survives a restart of FreeSWITCH, and with a ``file`` the end of this process."""

    def __init__(self, file: Path | None = None) -> None:
        super().__init__()
        self._file = file
        if file and file.is_file():
            entries = json.loads(file.read_text(encoding="utf-8"))
            self._values = {(realm, key): value for realm, key, value in entries}

    def command(self, arg: str) -> str:
        """Carry out insert, select, delete, exists, count or list."""
        verb, realm, key, value = self._split(arg)
        match verb:
            case "insert" if value:
                self._values[realm, key] = value
                self._keep()
                return "+OK"
            case "select" if key:
                return self._values.get((realm, key), "")
            case "delete" if realm:
                if self._values.pop((realm, key), None) is not None:
                    self._keep()
                return "+OK"
            case "exists" if key:
                return "true" if (realm, key) in self._values else "false"
            case "count" if not key:
                return str(sum(r == realm for r, _ in self._values) if realm else len(self._values))
            case "list" if realm:
                return ",".join(k for r, k in self._values if r == realm)
            case "list":
                return ",".join(dict.fromkeys(r for r, _ in self._values))
        return _DB_ERROR

    def _keep(self) -> None:
        if self._file:
            entries = [[realm, key, value] for (realm, key), value in self._values.items()]
            # If the process is killed, the old file or the new one remains. A power cut need not
            # be survived; FreeSWITCH's SQLite file with its journal does not either.
            temporary = self._file.with_suffix(".part")
            temporary.write_text(json.dumps(entries), encoding="utf-8")
            temporary.replace(self._file)


class HashStore(KeyStore):
    """mod_hash: in memory only, empty after a restart."""

    def command(self, arg: str) -> str:
        """Carry out insert, insert_ifempty, select, delete or delete_ifmatch."""
        verb, realm, key, value = self._split(arg)
        entry, stored = (realm, key), self._values.get((realm, key))
        match verb:
            case "insert_ifempty" if value and stored is not None:
                return "-ERR key already exists\n"
            case "insert" | "insert_ifempty" if value:
                self._values[entry] = value
                return "+OK\n"
            case "select" if key:
                return stored or ""
            case "delete_ifmatch" if value and stored is not None and stored != value:
                return "-ERR Doesn't match\n"
            case "delete" | "delete_ifmatch" if key and stored is None:
                return "-ERR Not found\n"
            case "delete" | "delete_ifmatch" if key:
                del self._values[entry]
                return "+OK\n"
        return _HASH_USAGE
