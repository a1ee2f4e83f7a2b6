"""``db`` and ``hash``: the small key stores of mod_db and mod_hash, with their answers."""

from __future__ import annotations

_ERROR = "-ERR"
_USAGE = {
    "db": "-USAGE: [insert|delete|select|exists|count|list]/<realm>/<key>/<value>",
    "hash": "-USAGE: [insert|insert_ifempty|delete|delete_ifmatch|select]/<realm>/<key>/<value>",
}
_SELECT, _INSERT = 3, 4


class KeyStore:
    """One store. ``db`` outlives a restart of FreeSWITCH, ``hash`` does not."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._values: dict[tuple[str, str], str] = {}

    def command(self, arg: str) -> str:
        """Carry out ``insert/…``, ``select/…`` or ``delete/…`` and return FreeSWITCH's answer."""
        words = arg.split("/", 3)
        verb = words[0]
        if verb == "insert" and len(words) == _INSERT:
            self._values[words[1], words[2]] = words[3]
            return "+OK"
        if verb in ("select", "delete", "exists") and len(words) >= _SELECT:
            key = (words[1], words[2])
            if verb == "select":
                # A switch_api that writes nothing is answered by mod_event_socket itself.
                return self._values.get(key, "")
            found = self._values.pop(key, None) if verb == "delete" else self._values.get(key)
            if verb == "exists":
                return "false" if found is None else "true"
            return "+OK" if found is not None or self.name == "db" else "-ERR Not found\n"
        return _USAGE[self.name]

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
