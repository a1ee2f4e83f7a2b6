"""Where the end-to-end tests run: the stand-in always, real FreeSWITCH where one is named.

``FSFAX_TEST_FREESWITCH`` names a TOML file:

    spool = "/srv/tx"            # the sending node reads its files here
    inbox_spool = "/srv/rx"      # the receiving node's dialplan writes to /srv/rx/in/<uuid>.tif
    [sender]                     # a node as in fsfax.toml: name, host, port, password, gateways
    [receiver]
    [numbers]                    # what the receiving node's dialplan does with which number
    fax = "1000"                 # answers and runs rxfax; leaves the outcome marks (dialplan/)
    audio_only = "1100"          # refuses T.38
    …                            # no_ecm no_v17 lingering busy no_answer unallocated voice
                                 # takeover drop_in_page_2
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fsfax.settings import CallTimeouts, NodeSettings, Settings
from fsfax.testing import LiveSoftswitch

ENVIRONMENT = "FSFAX_TEST_FREESWITCH"


@dataclass(frozen=True)
class Rig:
    """Both ends of a fax line, and the numbers that behave in special ways."""

    name: str
    sender: NodeSettings
    receiver: NodeSettings
    spool: Path
    inbox_spool: Path
    numbers: Mapping[str, str]
    patience: float
    """Seconds that a three-page fax may take."""

    def sending(self, **changes: object) -> Settings:
        """Return the settings of the sending end."""
        values = {"nodes": (self.sender,), "spool": self.spool, "timeouts": self.timeouts}
        return Settings(**{**values, **changes})  # type: ignore[arg-type]

    def receiving(self, inbox: Path) -> Settings:
        """Return the settings of the receiving end."""
        return Settings(
            nodes=(self.receiver,), spool=self.inbox_spool, inbox=inbox, timeouts=self.timeouts
        )

    @property
    def timeouts(self) -> CallTimeouts:
        """Timeouts of calls: short where a test waits for one to expire."""
        return CallTimeouts(answer=6, linger=3)


_SPEED = 30.0
"""Times line time: slow enough for a test to act in the middle of a page."""

_MAGIC = {
    "fax": "fax",
    "audio_only": "t38_refused",
    "no_ecm": "no_ecm",
    "no_v17": "no_v17",
    "lingering": "linger",
    "busy": "busy",
    "no_answer": "no_answer",
    "unallocated": "unallocated",
    "voice": "voice",
    "takeover": "takeover",
    "drop_in_page_2": "drop_in_page_2",
}


@contextmanager
def softswitch(root: Path) -> Iterator[Rig]:
    """Run the stand-in in a thread of its own: both ends are on the same switch."""
    with LiveSoftswitch(speed=_SPEED, root=root) as switch:
        node = switch.node_settings()
        yield Rig(
            name="softswitch",
            sender=node,
            receiver=node,
            spool=root,
            inbox_spool=root,
            numbers={kind: switch.number(name) for kind, name in _MAGIC.items()},
            patience=30,
        )


def freeswitch(file: Path) -> Rig:
    """Return the rig that the TOML file describes."""
    values = tomllib.loads(file.read_text())
    return Rig(
        name="freeswitch",
        sender=NodeSettings(**values["sender"]),
        receiver=NodeSettings(**values["receiver"]),
        spool=Path(values["spool"]),
        inbox_spool=Path(values["inbox_spool"]),
        numbers=values["numbers"],
        patience=120,
    )


def named_freeswitch() -> Path | None:
    """Return the TOML file that the environment names, None if it names none."""
    name = os.environ.get(ENVIRONMENT)
    return Path(name) if name else None
