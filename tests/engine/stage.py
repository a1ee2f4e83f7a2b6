"""A stand-in softswitch under the test's control, and settings that lead to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from fsfax import Settings
from fsfax.testing import LiveSoftswitch


class Stage:
    """A softswitch under the test's control, and settings that lead to it."""

    def __init__(self, switch: LiveSoftswitch) -> None:
        self.switch = switch
        self.node = switch.node_settings()
        self.root = switch.root

    def settings(self, **changes: object) -> Settings:
        values = {"nodes": (self.node,), "spool": self.root, "inbox": self.root / "inbox"}
        return Settings(**{**values, **changes})  # type: ignore[arg-type]

    @property
    def core(self) -> str:
        return self.switch.api("global_getvar", "core_uuid")

    def guard(self, call_id: str) -> str:
        """Return the mark in ``hash`` of a call, "" if there is none."""
        answer = self.switch.api("hash", f"select/fsfax/{call_id}")
        return "" if answer.startswith("-ERR") else answer


def until(true: Callable[[], object], what: str) -> None:
    """Wait until a condition holds; fail after 20 s."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, what
        threading.Event().wait(0.02)
