"""The dispatcher: expands notifications into deliveries and sends them.

    with Dispatcher(settings, show) as dispatcher:     # or: fsfax serve, fsfax worker
        dispatcher.wait()

It is a `fsfax.runtime.service.Service`. Each channel has its own greenlets, up to a limit: what
cannot be begun now stays in the database, so that a thousand mails to a slow relay cost a thousand
rows and four mails of memory. Webhooks wait in the hub, mails in real threads of their own; the
database is used in other threads. So nothing slow delays anything else: mails do not delay
webhooks, nor one host another (``notify.webhook.per_host``).

A dispatcher that is stopped begins nothing new and gives the deliveries under way time to end.
Those that did not end are sent again by the next dispatcher, under the same id: at least once.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import NamedTuple, Protocol

import gevent

from fsfax.db.change_listener import ChangeListener
from fsfax.db.database import Database
from fsfax.db.records import Job
from fsfax.errors import JobNotFound, StoreError
from fsfax.log import get_logger
from fsfax.notify.backoff import backoff
from fsfax.notify.deliveries import Deliveries, Delivery
from fsfax.notify.events import DeliveryChannel
from fsfax.notify.fax_context import read_job
from fsfax.notify.mail import MailSender
from fsfax.notify.relay import Relay
from fsfax.notify.send_result import Delivered, Rejected, Result, RetryLater
from fsfax.notify.sms import HttpGateway, SmsSender, gateway_of
from fsfax.notify.subscriptions import Webhooks
from fsfax.notify.template_loader import Templates
from fsfax.notify.webhook import Show, WebhookSender
from fsfax.runtime.clock import utc_now
from fsfax.runtime.hub import HubChoice
from fsfax.runtime.sanitize import one_line
from fsfax.runtime.service import Service, retry_until_stored
from fsfax.runtime.threads import Threads
from fsfax.settings import Settings

_log = get_logger(__name__)

_LONGEST_PAUSE = 30.0
_RETENTION_INTERVAL = 3600.0
_MAX_PROBLEM = 500


class ChannelSender(Protocol):
    """Sends the deliveries of one channel."""

    def send(self, delivery: Delivery, job: Job) -> Result:
        """Send a delivery; return its result."""


class _UnderWay(NamedTuple):
    """A delivery that is under way."""

    delivery: Delivery
    greenlet: gevent.Greenlet[..., None]


class Dispatcher(Service):
    """Expands notifications into deliveries and sends these, until it is stopped.

    `stop` begins nothing new and gives the deliveries under way ``notify.drain`` seconds.

    Args:
        settings: all of them; it uses ``notify`` and ``database``.
        show: returns a fax as the API shows it, for webhooks (`fsfax.api.fax_view.shown`, which
            this package cannot import: it is below the API).
        hub: where it runs, see `fsfax.Engine`.
        on_attempt: called with channel and outcome ("delivered", "postponed", "dead") of each
            attempt to deliver, once the outcome is stored.
        senders: senders in place of the settings', by channel; for tests and embedding programs.

    Raises:
        StoreOutdated: the tables are of another version.
        StoreUnavailable: the database cannot be reached.
        ConfigurationError: ``notify.sms`` is wrong.
    """

    def __init__(
        self,
        settings: Settings,
        show: Show,
        *,
        hub: HubChoice = "auto",
        on_attempt: Callable[[str, str], None] = lambda _channel, _outcome: None,
        senders: Mapping[DeliveryChannel, ChannelSender] | None = None,
    ) -> None:
        self.settings = settings
        self._show = show
        self._on_attempt = on_attempt
        self._gateway = gateway_of(settings.notify.sms)
        self._given = dict(senders or {})
        self.database = Database(settings.database.get_secret_value())
        self.database.require_current()
        super().__init__(
            self.database,
            lambda: ChangeListener(self.database, settings.jobs.poll),
            hub=hub,
            drain=settings.notify.drain,
            heartbeat=settings.notify.lease / 3,
        )

    @property
    def busy(self) -> int:
        """Number of deliveries under way."""
        return len(self._under_way)

    # --- in the hub ---------------------------------------------------------------------------

    def _begin(self) -> None:
        notify = self.settings.notify
        self._relay_threads = Threads(notify.mail.concurrency + notify.sms.concurrency)
        self._relay = Relay(notify.relay)
        self._deliveries = Deliveries(self.database, lease=notify.lease)
        self._limits = {
            DeliveryChannel.MAIL: notify.mail.concurrency,
            DeliveryChannel.SMS: notify.sms.concurrency,
            DeliveryChannel.WEBHOOK: notify.webhook.concurrency,
        }
        self._senders = self._make_senders() | self._given
        self._under_way: dict[str, _UnderWay] = {}
        self._retention_at = -_RETENTION_INTERVAL

    def _make_senders(self) -> dict[DeliveryChannel, ChannelSender]:
        notify = self.settings.notify
        templates = Templates(notify.templates, notify.language)
        sms = SmsSender(self.settings, templates, self._gateway)
        if not isinstance(self._gateway, HttpGateway):
            _log.info("sms_only_logged_here")
        return {
            DeliveryChannel.MAIL: MailSender(
                self.settings,
                self.database,
                templates,
                self._relay,
                in_thread=self._in_thread,
                on_relay=self._relay_threads.run,
            ),
            DeliveryChannel.SMS: sms,
            DeliveryChannel.WEBHOOK: WebhookSender(
                self.settings, Webhooks(self.database), self._show, self._in_thread
            ),
        }

    def _end(self) -> None:
        # A delivery that blocks in a thread ends when its connection is closed.
        self._relay.close()
        cut_off = list(self._under_way.values())
        gevent.killall([each.greenlet for each in cut_off])
        if cut_off:
            _log.info("deliveries_cut_off", count=len(cut_off))
            with suppress(StoreError):  # else their leases expire
                self._in_thread(self._deliveries.release, [each.delivery for each in cut_off])
        self._relay_threads.close()

    def _run_once(self) -> float:
        begun = utc_now()
        while (waiting := self._in_thread(self._deliveries.waiting)).unexpanded:
            if not self._in_thread(self._deliveries.expand, self.settings.notify.recipients):
                break  # another dispatcher does it, and notifies this one
        for channel in waiting.channels:
            self._begin_what_is_due(channel)
        if time.monotonic() > self._retention_at + _RETENTION_INTERVAL:
            self._retention_at = time.monotonic()
            self._in_thread(
                self._deliveries.apply_retention, timedelta(days=self.settings.notify.keep_days)
            )
        # What was due before and was not begun waits for the end of another delivery, which wakes
        # this loop.
        due = self._in_thread(self._deliveries.next_due, begun)
        if due is None:
            return _LONGEST_PAUSE
        return min(_LONGEST_PAUSE, max(0.0, due.timestamp() - time.time()))

    def _begin_what_is_due(self, channel: DeliveryChannel) -> None:
        while not self._stopping:
            free, full = self._free(channel)
            if free <= 0:
                return
            claimed = self._in_thread(self._deliveries.claim, channel, free, without=full)
            for each in claimed:
                self._under_way[each.id] = _UnderWay(each, gevent.spawn(self._deliver, each))
            if len(claimed) < free:
                return

    def _free(self, channel: DeliveryChannel) -> tuple[int, Collection[str]]:
        """Return how many deliveries may be begun, and the hosts to which none may."""
        under_way = [each.delivery for each in self._under_way.values()]
        of_channel = [each for each in under_way if each.channel is channel]
        free = self._limits[channel] - len(of_channel)
        if channel is not DeliveryChannel.WEBHOOK:
            return free, ()
        hosts = Counter(_host_prefix(each.target) for each in of_channel)
        most = self.settings.notify.webhook.per_host
        full = [host for host, count in hosts.items() if count >= most]
        # So few that no host exceeds its limit even if all of them are for one host.
        busiest = max((count for count in hosts.values() if count < most), default=0)
        return min(free, most - busiest), full

    def _heartbeat(self) -> None:
        under_way = [each.delivery for each in self._under_way.values()]
        self._in_thread(self._deliveries.extend, under_way)

    # --- one delivery -------------------------------------------------------------------------

    def _deliver(self, delivery: Delivery) -> None:
        try:
            result = self._send(delivery)
            settle = partial(self._settle, delivery, result)
            retry_until_stored(settle, "delivery", delivery=delivery.id)
        finally:
            self._under_way.pop(delivery.id, None)
            self._listener.wake()

    def _send(self, delivery: Delivery) -> Result:
        try:
            job = self._in_thread(read_job, self.database, delivery.job_id)
            return self._senders[delivery.channel].send(delivery, job)
        except JobNotFound as error:
            return Rejected(str(error))
        except StoreError as error:
            return RetryLater(str(error))
        except Exception as error:  # noqa: BLE001  # it has to be tried again, whatever the error
            _log.exception("delivery_failed", delivery=delivery.id)
            return RetryLater(f"internal error of fsfax: {type(error).__name__}")

    def _settle(self, delivery: Delivery, result: Result) -> None:
        """Store the result of an attempt: delivered, postponed or given up."""
        notify = self.settings.notify
        log = {"delivery": delivery.id, "channel": delivery.channel, "job": delivery.job_id}
        match result:
            case Delivered():
                self._in_thread(self._deliveries.delivered, delivery)
                self._on_attempt(delivery.channel, "delivered")
                _log.info("delivered", **log)
                return
            case RetryLater(tries=tries) if delivery.tries < (tries or notify.max_tries):
                chance = random.random()  # noqa: S311
                seconds = backoff(delivery.tries, notify, chance, result.after)
                problem = one_line(result.problem, _MAX_PROBLEM)
                self._in_thread(self._deliveries.postpone, delivery, problem, seconds)
                self._on_attempt(delivery.channel, "postponed")
                _log.info("delivery_postponed", problem=problem, seconds=round(seconds), **log)
                return
        problem = one_line(result.problem, _MAX_PROBLEM)
        if (
            isinstance(result, Rejected)
            and result.gone
            and (hook := delivery.data.get("webhook_id"))
        ):
            self._in_thread(self._deliveries.disable_webhook, hook)
            problem += " (the webhook is disabled)"
        self._in_thread(self._deliveries.give_up, delivery, problem)
        self._on_attempt(delivery.channel, "dead")
        _log.warning("delivery_given_up", problem=problem, tries=delivery.tries, **log)


def _host_prefix(url: str) -> str:
    """Return scheme and host of a URL, with which every URL of that host begins."""
    return "/".join(url.split("/", 3)[:3]) + "/"
