"""Dispatchers with short delays, for a mailbox or a receiver on loopback."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fsfax.api import fax_view
from fsfax.notify.deliveries import Deliveries
from fsfax.notify.dispatcher import Dispatcher
from fsfax.settings import Settings
from tests.notify.mailbox import Mailbox

Send = Callable[..., str]
MAIL = {"email": {"send_to": "a@b.org"}}
FAST = {"delay": 0.05, "max_delay": 0.2, "drain": 5.0}
LISTED = 1000
"""Deliveries that `states` counts at most."""


def settings(url: str, mailbox: Mailbox | None = None, **notify: Any) -> Settings:
    """Settings with the mailbox as the relay; ``notify``: further ones of that section."""
    relay: dict[str, Any] = {"host": "127.0.0.1", "port": mailbox.port} if mailbox else {}
    relay |= notify.pop("relay", {})
    webhook = {"allow_private": True} | notify.pop("webhook", {})
    return Settings(
        database=url,  # type: ignore[arg-type]
        jobs={"poll": 0.05},  # type: ignore[arg-type]
        notify=FAST | {"relay": relay, "webhook": webhook} | notify,  # type: ignore[arg-type]
    )


@contextmanager
def dispatcher(options: Settings, **more: Any) -> Iterator[Dispatcher]:
    """Run a dispatcher in a hub of its own."""
    with Dispatcher(options, fax_view.shown, hub="own", **more) as made:
        yield made


def states(deliveries: Deliveries, account: str) -> Counter[str]:
    """The deliveries of an account, counted by state."""
    return Counter(each.state for each in deliveries.list(account, limit=LISTED).deliveries)
