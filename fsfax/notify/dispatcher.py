"""Makes deliveries of notifications and sends them, beside the workers.

    with Dispatcher(settings, show) as dispatcher:     # or: fsfax serve, fsfax worker
        dispatcher.wait()

It lives in one gevent hub. Each channel has its own greenlets, so many at once and no more: what
cannot be begun now stays in the database, so that a thousand mails to a slow relay cost a thousand
rows and four mails of memory. Webhooks wait in the hub, mails in real threads of their own; the
database is used in others. So nothing that is slow holds up anything else: not mails webhooks,
nor one host another (``notify.webhook.per_host``).

A dispatcher that is stopped begins nothing more and gives the deliveries under way time to end.
What did not end is delivered again by the next one, under the same id: at least once.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple, Protocol, Self

import gevent
import gevent.event

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
from fsfax.runtime.hub import HubChoice, HubRunner
from fsfax.runtime.sanitize import one_line
from fsfax.runtime.threads import Threads
from fsfax.settings import Settings

_log = get_logger(__name__)

_THREADS = 4
"""Transactions at once: they take milliseconds."""

_LONGEST_PAUSE = 30.0
_TROUBLE_PAUSE = 2.0
_FORGET_EVERY = 3600.0
_LONGEST_PROBLEM = 500


class ChannelSender(Protocol):
    """Carries a delivery of one channel to where it belongs."""

    def send(self, delivery: Delivery, job: Job) -> Result:
        """Carry it, and say what came of it."""


class _Held(NamedTuple):
    """A delivery that is under way."""

    delivery: Delivery
    greenlet: gevent.Greenlet[..., None]


class Dispatcher:
    """Tells people and programs what became of faxes, until it is stopped.

    Args:
        settings: everything; ``notify`` and ``database`` above all.
        show: shows a fax as the API does, for webhooks.
        hub: where it lives, see `fsfax.Engine`.
        told: is told channel and outcome ("delivered", "postponed", "dead") of each try.
        carriers: other ways than the settings', by channel; for tests and embedding programs.

    Raises:
        StoreOutdated: the tables are of another version.
        StoreUnavailable: the database cannot be reached.
        ConfigurationError: the settings of short messages are wrong.
    """

    def __init__(
        self,
        settings: Settings,
        show: Show,
        *,
        hub: HubChoice = "auto",
        on_attempt: Callable[[str, str], None] = lambda _channel, _outcome: None,
        carriers: Mapping[DeliveryChannel, ChannelSender] | None = None,
    ) -> None:
        self.settings = settings
        self._show = show
        self._on_attempt = on_attempt
        self._gateway = gateway_of(settings.notify.sms)
        self._given = dict(carriers or {})
        self.database = Database(settings.database.get_secret_value())
        self.database.require_current()
        self._hub = HubRunner(hub)
        self._stopping = self._stopped = False
        self._hub.run(self._begin)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def busy(self) -> int:
        """Deliveries under way."""
        return len(self._held)

    def wait(self) -> None:
        """Wait until somebody stops the dispatcher."""
        self._hub.run(self._stopped_event.wait)

    def stop(self, drain: float | None = None) -> None:
        """Begin nothing more and give what is under way ``drain`` seconds to end.

        ``drain`` defaults to ``notify.drain``; a second call with less cuts the first one short.
        """
        if self._stopped:
            return
        seconds = self.settings.notify.drain if drain is None else drain
        self._hub.run(self._end, seconds)
        self._stopped = True
        self._hub.close()
        self.database.close()

    # --- at home ------------------------------------------------------------------------------

    def _begin(self) -> None:
        notify = self.settings.notify
        self._stopped_event = gevent.event.Event()
        self._drain_now = gevent.event.Event()
        self._threads = Threads(_THREADS)
        self._in_thread = self._threads.run
        self._line = Threads(notify.mail.concurrency + notify.sms.concurrency)
        self._relay = Relay(notify.relay)
        self._deliveries = Deliveries(self.database, lease=notify.lease)
        self._room = {
            DeliveryChannel.MAIL: notify.mail.concurrency,
            DeliveryChannel.SMS: notify.sms.concurrency,
            DeliveryChannel.WEBHOOK: notify.webhook.concurrency,
        }
        self._carriers = self._ways() | self._given
        self._held: dict[str, _Held] = {}
        self._forgot = -_FORGET_EVERY
        self._listener = ChangeListener(self.database, self.settings.jobs.poll)
        self._loop_greenlet = gevent.spawn(self._run_loop)
        self._heartbeat_greenlet = gevent.spawn(self._heartbeat_loop)

    def _ways(self) -> dict[DeliveryChannel, ChannelSender]:
        notify = self.settings.notify
        texts = Templates(notify.templates, notify.language)
        sms = SmsSender(self.settings, texts, self._gateway)
        if not isinstance(self._gateway, HttpGateway):
            _log.info("sms_only_logged_here")
        return {
            DeliveryChannel.MAIL: MailSender(
                self.settings,
                self.database,
                texts,
                self._relay,
                in_thread=self._in_thread,
                on_line=self._line.run,
            ),
            DeliveryChannel.SMS: sms,
            DeliveryChannel.WEBHOOK: WebhookSender(
                self.settings, Webhooks(self.database), self._show, self._in_thread
            ),
        }

    def _end(self, drain: float) -> None:
        if self._stopping:
            self._drain_now.set()
            self._stopped_event.wait()
            return
        self._stopping = True
        deadline = time.monotonic() + drain
        while self._held and time.monotonic() < deadline and not self._drain_now.is_set():
            self._drain_now.wait(min(0.1, max(0.0, deadline - time.monotonic())))
        self._loop_greenlet.kill()
        self._heartbeat_greenlet.kill()
        # What blocks in a thread is ended by its connection.
        self._relay.close()
        cut_off = list(self._held.values())
        gevent.killall([each.greenlet for each in cut_off])
        if cut_off:
            _log.info("deliveries_cut_off", count=len(cut_off))
            with suppress(StoreError):  # else their lease runs out
                self._in_thread(self._deliveries.release, [each.delivery for each in cut_off])
        self._listener.close()
        self._threads.close()
        self._line.close()
        self._stopped_event.set()

    def _run_loop(self) -> None:
        while not self._stopping:
            try:
                seconds = self._run_once()
            except StoreError as error:
                _log.warning("database_away", error=str(error))
                seconds = _TROUBLE_PAUSE
            except Exception:  # noqa: BLE001  # a dispatcher that stands still would be worse
                _log.exception("turn_failed")
                seconds = _TROUBLE_PAUSE
            if seconds > 0:
                self._listener.wait(seconds)

    def _run_once(self) -> float:
        """Begin everything that is due; return for how long nothing else will be."""
        begun = utc_now()
        while (waiting := self._in_thread(self._deliveries.waiting)).news:
            if not self._in_thread(self._deliveries.expand, self.settings.notify.recipients):
                break  # another dispatcher does it, and rings
        for channel in waiting.channels:
            self._begin_what_is_due(channel)
        if time.monotonic() > self._forgot + _FORGET_EVERY:
            self._forgot = time.monotonic()
            self._in_thread(self._deliveries.forget, timedelta(days=self.settings.notify.keep_days))
        # What was due before and was not begun waits for room, or for one before it: both ring.
        due = self._in_thread(self._deliveries.next_due, begun)
        if due is None:
            return _LONGEST_PAUSE
        return min(_LONGEST_PAUSE, max(0.0, due.timestamp() - time.time()))

    def _begin_what_is_due(self, channel: DeliveryChannel) -> None:
        while not self._stopping:
            free, full = self._room_of(channel)
            if free <= 0:
                return
            claimed = self._in_thread(self._deliveries.claim, channel, free, without=full)
            for each in claimed:
                self._held[each.id] = _Held(each, gevent.spawn(self._carry, each))
            if len(claimed) < free:
                return

    def _room_of(self, channel: DeliveryChannel) -> tuple[int, Collection[str]]:
        """How many deliveries may be begun, and hosts to which none may."""
        held = [each.delivery for each in self._held.values() if each.delivery.channel is channel]
        free = self._room[channel] - len(held)
        if channel is not DeliveryChannel.WEBHOOK:
            return free, ()
        hosts = Counter(_host(each.target) for each in held)
        most = self.settings.notify.webhook.per_host
        full = [host for host, count in hosts.items() if count >= most]
        # So few that not even if all were to one host it would get too many.
        busiest = max((count for count in hosts.values() if count < most), default=0)
        return min(free, most - busiest), full

    def _heartbeat_loop(self) -> None:
        """Go on owning what is under way."""
        while True:
            gevent.sleep(self.settings.notify.lease / 3)
            try:
                held = [each.delivery for each in self._held.values()]
                self._in_thread(self._deliveries.extend, held)
            except StoreError as error:
                _log.warning("heartbeat_missed", error=str(error))

    # --- one delivery -------------------------------------------------------------------------

    def _carry(self, delivery: Delivery) -> None:
        try:
            result = self._try(delivery)
            self._keep_trying(self._settle, delivery, result)
        finally:
            self._held.pop(delivery.id, None)
            self._listener.wake()

    def _try(self, delivery: Delivery) -> Result:
        try:
            job = self._in_thread(read_job, self.database, delivery.job_id)
            return self._carriers[delivery.channel].send(delivery, job)
        except JobNotFound as error:
            return Rejected(str(error))
        except StoreError as error:
            return RetryLater(str(error))
        except Exception as error:  # noqa: BLE001  # whatever it was, it has to be tried again
            _log.exception("delivery_failed", delivery=delivery.id)
            return RetryLater(f"a fault of fsfax itself: {type(error).__name__}")

    def _settle(self, delivery: Delivery, result: Result) -> None:
        """Write down what came of it."""
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
                problem = one_line(result.problem, _LONGEST_PROBLEM)
                self._in_thread(self._deliveries.postpone, delivery, problem, seconds)
                self._on_attempt(delivery.channel, "postponed")
                _log.info("delivery_postponed", problem=problem, seconds=round(seconds), **log)
                return
        problem = one_line(result.problem, _LONGEST_PROBLEM)
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

    def _keep_trying(self, function: Callable[..., Any], *args: Any) -> None:
        """Write something down, however long the database is away."""
        while True:
            try:
                function(*args)
            except StoreError as error:
                _log.warning("not_written_down", error=str(error))
                gevent.sleep(_TROUBLE_PAUSE)
            else:
                return


def _host(url: str) -> str:
    """Scheme and host of a URL, as the beginning of every URL of that host."""
    return "/".join(url.split("/", 3)[:3]) + "/"
