"""The notifications part of `fsfax doctor`: relay, short messages and outbox.

No mail is sent and nothing is changed.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator

from fsfax.db.database import Database, sqlite_file
from fsfax.engine.doctor import Check, CheckStatus
from fsfax.errors import ConfigurationError, FsfaxError, StoreError
from fsfax.jobs import overview
from fsfax.notify.relay import Relay
from fsfax.notify.sms import gateway_of
from fsfax.runtime.sanitize import one_line
from fsfax.settings import Settings


def examine_notifications(settings: Settings) -> Iterator[Check]:
    """Yield the checks of the mail relay, the SMS gateway and the outbox, one by one."""
    yield _relay(settings)
    yield _sms(settings)
    yield from _outbox(settings)


def _relay(settings: Settings) -> Check:
    relay = settings.notify.relay
    if not relay.host:
        return Check(
            "mail relay",
            CheckStatus.WARNING,
            "none: notifications by mail become dead letters",
            "set notify.relay.host, then `fsfax notifications repeat --dead`",
        )
    place = f"{relay.host}:{relay.port}"
    try:
        name = Relay(relay).greet()
    except (OSError, smtplib.SMTPException, ConfigurationError) as error:
        return Check(
            "mail relay",
            CheckStatus.BROKEN,
            f"{place}: {one_line(error, 200) or type(error).__name__}",
            "check that it is up and that notify.relay has the right port, tls, username, password",
        )
    return Check("mail relay", CheckStatus.OK, f"{place} answers as {name}, tls: {relay.tls}")


def _sms(settings: Settings) -> Check:
    try:
        gateway_of(settings.notify.sms)
    except FsfaxError as error:
        return Check("short messages", CheckStatus.BROKEN, str(error), "mend notify.sms")
    if settings.notify.sms.gateway == "log":
        return Check(
            "short messages", CheckStatus.OK, "only written into the log (notify.sms.gateway)"
        )
    return Check("short messages", CheckStatus.OK, "by HTTP")


def _outbox(settings: Settings) -> Iterator[Check]:
    url = settings.database.get_secret_value()
    try:
        file = sqlite_file(url)
        if file is not None and not file.exists():
            return
        with Database(url) as database:
            seen = overview.read_overview(database)
    except (ConfigurationError, StoreError):
        return  # reported by the checks of the jobs
    waiting = ", ".join(f"{count} {channel}" for channel, count in sorted(seen.deliveries.items()))
    if seen.dead_letters:
        yield Check(
            "outbox",
            CheckStatus.WARNING,
            f"{seen.dead_letters} dead letters; waiting: {waiting or 'none'}",
            "`fsfax notifications list --state dead` says why; `fsfax notifications repeat --dead`",
        )
    else:
        yield Check("outbox", CheckStatus.OK, f"waiting: {waiting or 'none'}")
