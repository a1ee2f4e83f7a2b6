"""One supervised connection to a FreeSWITCH: commands, events, reconnection.

greenswitch's ``InboundESL`` opens the socket and logs in; its handling of errors is replaced (see
`fsfax.esl.transport`). On top of that a `Link`

* waits for every reply with a time limit, in order; the late reply to a command whose caller
  stopped waiting is recognised and dropped;
* wakes every waiter with `Disconnected` when the connection is lost;
* probes a connection that has been silent, and closes it if there is no reply;
* reconnects with growing, jittered pauses, subscribes again, and reports to every watch that
  events may be missing (`Lost`, then `Gap`);
* distributes events to `Watch` queues by channel: the order within a channel is preserved, a
  slow reader delays no other one, and events that do not fit into a queue are dropped, counted
  and reported as a `Gap`.
"""

from __future__ import annotations

import random
import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self, cast

import gevent
import gevent.event
import gevent.lock

from fsfax.errors import (
    Closed,
    CommandFailed,
    Disconnected,
    EslError,
    EslTimeout,
)
from fsfax.esl.transport import Transport
from fsfax.esl.watch import Gap, Lost, Watch
from fsfax.esl.wire import Event, Fields, Frame, encode_command
from fsfax.log import get_logger
from fsfax.settings import EslTimeouts, NodeSettings

__all__ = ["Gap", "Link", "LinkStats", "Lost", "Watch"]

_log = get_logger(__name__)

_UUID = re.compile(r"[0-9a-fA-F-]{36}\Z")

QUEUE_SIZE = 10_000
"""Events that wait for one slow reader before some are dropped."""


@dataclass(slots=True)
class LinkStats:
    """Counters of a link, for monitoring. ``last_traffic`` is a monotonic time in seconds."""

    events: int = 0
    unwatched: int = 0
    dropped: int = 0
    late_replies: int = 0
    unsolicited: int = 0
    reconnects: int = 0
    last_traffic: float = 0.0


class _Pending:
    """One command without a reply yet; ``abandoned`` when its caller stopped waiting."""

    __slots__ = ("abandoned", "reply")

    def __init__(self) -> None:
        self.reply: gevent.event.AsyncResult[Frame] = gevent.event.AsyncResult()
        self.abandoned = False


class Link:
    """A connection to one FreeSWITCH that restores itself.

    All calls may come from any greenlet of the hub in which the link was made.
    """

    def __init__(
        self,
        node: NodeSettings,
        timeouts: EslTimeouts | None = None,
        *,
        queue_size: int = QUEUE_SIZE,
    ) -> None:
        self.node = node
        self.stats = LinkStats()
        self._timeouts = timeouts or EslTimeouts()
        self._queue_size = queue_size
        self._transport: Transport | None = None
        self._pending: deque[_Pending] = deque()
        self._early_events: list[Event] = []
        self._send_lock = gevent.lock.Semaphore()
        self._connect_lock = gevent.lock.Semaphore()
        self._names: dict[str, None] = {}
        self._by_key: dict[str, list[Watch]] = {}
        self._by_name: dict[str, list[Watch]] = {}
        self._up = gevent.event.Event()
        self._was_up_before = False
        self._closed = False
        self._supervisor: gevent.Greenlet[[], None] | None = None
        self._problem: EslError | None = None
        self._core = ""
        self._on_state: list[Callable[[bool], None]] = []

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connected(self) -> bool:
        """The link is logged in, and its subscriptions are in force."""
        return self._up.is_set()

    @property
    def problem(self) -> EslError | None:
        """Why the link is down, None while it is up."""
        return self._problem

    @property
    def core(self) -> str:
        """FreeSWITCH's Core-UUID, "" while the link is down or if FreeSWITCH does not report it.

        Another value than before means that FreeSWITCH was restarted: no earlier channel is up
        any more, and what it held in memory is lost.
        """
        return self._core if self.connected else ""

    def connect(self) -> None:
        """Connect and log in; from then on the link restores itself.

        Raises:
            ConnectError: the connection was refused, or an access list refuses this address.
            AuthenticationError: the password is wrong.
            EslTimeout: no answer in time.
        """
        self._require_open()
        if self._supervisor is not None:
            # `start` connects in the background already.
            limits = self._timeouts
            self.wait_connected(limits.connect + limits.authenticate + limits.command)
            return
        with self._connect_lock:
            if not self.connected:
                self._establish()
            self.start()

    def start(self) -> None:
        """Begin to connect in the background, and go on until FreeSWITCH is up."""
        self._require_open()
        if self._supervisor is None:
            self._supervisor = gevent.spawn(self._supervise)

    def wait_connected(self, timeout: float) -> None:
        """Wait until the link is up.

        Raises:
            EslError: it is not, after ``timeout`` seconds; the last problem if there was one.
            Closed: the link was closed.
        """
        self._require_open()
        if not self._up.wait(timeout):
            raise self._problem or EslTimeout(f"no connection to {self._address} in {timeout:g} s")

    def close(self) -> None:
        """Close the connection; waiters get `Disconnected`, watches end with `Lost`."""
        if self._closed:
            return
        self._closed = True
        self._drop(Disconnected(f"the link to {self._address} was closed"))
        if self._supervisor:
            self._supervisor.kill()

    def on_state(self, callback: Callable[[bool], None]) -> None:
        """Call ``callback`` with True when the link comes up, with False when it goes down.

        It is also called with False when an attempt to connect failed; `problem` says why. The
        callback must neither block nor raise.
        """
        self._on_state.append(callback)

    def command(self, line: str, headers: Fields = (), body: bytes = b"") -> Frame:
        """Send one raw command and return the frame of its reply.

        Raises:
            InvalidCommand: a line break or NUL in it; nothing was sent.
            Disconnected: the link is down or was lost while waiting.
            EslTimeout: no reply in time; the command may have been executed.
        """
        return self._ask(encode_command(line, headers, body), line, self._timeouts.command)

    def api(self, command: str, arg: str = "", *, timeout: float | None = None) -> str:
        """Run an API command and return its output without the line end.

        Raises:
            CommandFailed: FreeSWITCH answered ``-ERR`` or ``-USAGE``.
            InvalidCommand, Disconnected, EslTimeout: as `command`.
        """
        line = f"api {command} {arg}".rstrip(" ")
        data = encode_command(line)
        frame = self._ask(data, line, timeout or self._timeouts.command)
        text = frame.body.decode("utf-8", "replace") or frame.headers.get("Reply-Text", "")
        return _checked(command, text.rstrip("\r\n"))

    def bgapi(
        self, command: str, arg: str = "", *, job_id: str, timeout: float | None = None
    ) -> None:
        """Run an API command in the background, under an id chosen by the caller.

        Returns when FreeSWITCH has accepted the job; a BACKGROUND_JOB event whose ``Job-UUID`` is
        ``job_id`` reports its end.

        Raises:
            CommandFailed: FreeSWITCH did not accept the job.
            InvalidCommand, Disconnected, EslTimeout: as `command`.
        """
        line = f"bgapi {command} {arg}".rstrip(" ")
        data = encode_command(line, [("Job-UUID", job_id)])
        frame = self._ask(data, line, timeout or self._timeouts.command)
        _checked(command, frame.headers.get("Reply-Text", ""))

    def execute(self, uuid: str, application: str, arg: str = "") -> None:
        """Run a dialplan application on a channel; returns when it is queued.

        Raises:
            CommandFailed: there is no such channel.
            InvalidCommand, Disconnected, EslTimeout: as `command`.
        """
        headers = [("call-command", "execute"), ("execute-app-name", application)]
        if arg:
            headers.append(("execute-app-arg", arg))
        frame = self.command(f"sendmsg {uuid}", headers)
        _checked(f"sendmsg {application}", frame.headers.get("Reply-Text", ""))

    def subscribe(self, *names: str) -> None:
        """Subscribe to events: names, and subclasses of CUSTOM (they contain "::").

        The link subscribes to them again after each reconnection.

        Raises:
            CommandFailed, InvalidCommand, Disconnected, EslTimeout: as `command`; the names
                are subscribed to after the next reconnection all the same.
        """
        new = [name for name in names if name not in self._names]
        self._names.update(dict.fromkeys(new))
        if new and self.connected:
            self._subscribe(new)

    def watch(self, key: str) -> Watch:
        """Return a watch of one channel or background job: Unique-ID or Job-UUID ``key``."""
        return self._new_watch(self._by_key, [key])

    def watch_all(self, names: Iterable[str]) -> Watch:
        """Return a watch of all events of these names or CUSTOM subclasses, of every channel."""
        return self._new_watch(self._by_name, names)

    @property
    def _address(self) -> str:
        return f"{self.node.name} ({self.node.host}:{self.node.port})"

    def _require_open(self) -> None:
        if self._closed:
            raise Closed(f"the link to {self._address} was closed")

    def _new_watch(self, table: dict[str, list[Watch]], keys: Iterable[str]) -> Watch:
        wanted = tuple(keys)

        def forget(watch: Watch) -> None:
            for key in wanted:
                watches = table.get(key, [])
                if watch in watches:
                    watches.remove(watch)
                if not watches:
                    table.pop(key, None)

        watch = Watch(self._queue_size, forget)
        for key in wanted:
            table.setdefault(key, []).append(watch)
        return watch

    def _watches(self) -> set[Watch]:
        tables = (self._by_key, self._by_name)
        return {watch for table in tables for watches in table.values() for watch in watches}

    # --- commands -------------------------------------------------------------------------

    def _ask(self, data: bytes, line: str, timeout: float, *, login: bool = False) -> Frame:
        """Send a command and return its reply, within ``timeout`` seconds in all.

        ``login``: the command belongs to the login, while the link is not up yet.
        """
        self._require_open()
        verb = " ".join(line.split(" ", 2)[:2])
        deadline = time.monotonic() + timeout
        pending = self._send(data, verb, timeout, login)
        try:
            # Not `get`: its Timeout cannot be distinguished from a Timeout of the caller.
            pending.reply.wait(max(0.0, deadline - time.monotonic()))
        finally:
            pending.abandoned = not pending.reply.ready()
        if pending.abandoned:
            raise EslTimeout(
                f"no reply from {self._address} to {verb!r} in {timeout:g} s; it may have been"
                " executed all the same"
            )
        return cast(Frame, pending.reply.get())

    def _send(self, data: bytes, verb: str, timeout: float, login: bool) -> _Pending:
        deadline = time.monotonic() + timeout
        if not self._send_lock.acquire(timeout=timeout):
            raise EslTimeout(f"{self._address} reads no commands; {verb!r} was not sent")
        try:
            transport = self._transport
            if transport is None or not (login or self.connected):
                self._require_open()
                raise Disconnected(
                    f"no connection to {self._address}: {self._problem or 'not connected yet'};"
                    " nothing was sent"
                )
            # The command is queued before it is sent, so that its reply always finds it.
            pending = _Pending()
            self._pending.append(pending)
            try:
                transport.send(data, max(0.001, deadline - time.monotonic()))
            except EslError as error:
                self._drop(Disconnected(f"sending to {self._address} failed: {error}"), transport)
            except BaseException:
                # A part of the command may have been sent: no other command can follow.
                self._drop(Disconnected(f"sending to {self._address} was broken off"), transport)
                raise
            return pending
        finally:
            self._send_lock.release()

    def _answer(self, frame: Frame) -> None:
        if not self._pending:
            self.stats.unsolicited += 1
            _log.warning("unsolicited_reply", node=self.node.name)
            return
        pending = self._pending.popleft()
        if pending.abandoned:
            self.stats.late_replies += 1
        else:
            pending.reply.set(frame)

    # --- events ---------------------------------------------------------------------------

    def _distribute(self, event: Event) -> None:
        if not self.connected:
            # Subscribed, but not up yet: each watch has to get the `Gap` first.
            self._early_events.append(event)
            return
        self.stats.events += 1
        key = event.get("Job-UUID") if event.name == "BACKGROUND_JOB" else event.uuid
        name = event.subclass if event.name == "CUSTOM" else event.name
        readers = [*self._by_key.get(key, ()), *self._by_name.get(name, ())]
        for watch in readers:
            self.stats.dropped += watch.put(event)
        if not readers:
            self.stats.unwatched += 1

    def _subscribe(self, names: Iterable[str], *, login: bool = False) -> None:
        wanted = list(names)
        plain = [name for name in wanted if "::" not in name]
        custom = [name for name in wanted if "::" in name]
        # FreeSWITCH takes every word after CUSTOM for a subclass.
        words = [*plain, *(["CUSTOM", *custom] if custom else [])]
        line = "event plain " + " ".join(words)
        frame = self._ask(encode_command(line), line, self._timeouts.command, login=login)
        _checked("event plain", frame.headers.get("Reply-Text", ""))

    # --- connection -----------------------------------------------------------------------

    def _establish(self) -> None:
        try:
            transport = Transport.open(self.node, self._timeouts)
        except EslError as error:
            self._problem = error
            self._report_state(False)
            raise
        if self._closed:
            transport.close()
        self._require_open()
        self.stats.last_traffic = time.monotonic()
        self._early_events = []
        self._transport = transport
        gevent.spawn(self._read, transport)
        try:
            # Names may be added while the first ones are subscribed to.
            done: set[str] = set()
            while new := [name for name in self._names if name not in done]:
                self._subscribe(new, login=True)
                done.update(new)
            self._core = self._ask_core()
        except EslError as error:
            self._drop(error, transport)
            raise
        except BaseException:
            self._drop(Disconnected(f"connecting to {self._address} was broken off"), transport)
            raise
        if self._transport is not transport:
            raise self._problem or Disconnected(f"the connection to {self._address} was lost")
        self._mark_up()

    def _ask_core(self) -> str:
        # switch_core.c sets the global variable at the start of every FreeSWITCH.
        line = "api global_getvar core_uuid"
        frame = self._ask(encode_command(line), line, self._timeouts.command, login=True)
        found = frame.body.decode("utf-8", "replace").strip()
        return found if _UUID.match(found) else ""

    def _mark_up(self) -> None:
        """Report the link as up: from here on no event is missed, earlier ones may be."""
        self._problem = None
        self.stats.reconnects += self._was_up_before
        self._was_up_before = True
        self._up.set()
        _log.info("link_up", node=self.node.name)
        for watch in self._watches():
            watch.put(Gap("the connection was made; what happened before is not known"))
        early, self._early_events = self._early_events, []
        for event in early:
            self._distribute(event)
        self._report_state(True)

    def _report_state(self, up: bool) -> None:
        for callback in list(self._on_state):
            callback(up)

    def _read(self, transport: Transport) -> None:
        problem: EslError = Disconnected(f"{self._address} closed the connection")
        try:
            for frame in transport.frames():
                if transport is not self._transport:
                    return
                self.stats.last_traffic = time.monotonic()
                kind = frame.content_type
                if kind == "text/event-plain":
                    self._distribute(Event.from_frame(frame))
                elif kind in ("command/reply", "api/response"):
                    self._answer(frame)
                elif kind == "text/disconnect-notice":
                    break
                else:
                    _log.debug("frame_ignored", node=self.node.name, content_type=kind)
        except EslError as error:
            problem = error if isinstance(error, Disconnected) else Disconnected(str(error))
        self._drop(problem, transport)

    def _drop(self, problem: EslError, transport: Transport | None = None) -> None:
        """Close the connection; notify every waiting command and every watch.

        ``transport``: do so only if this is the current one; there may be a new one already.
        """
        if transport is not None and transport is not self._transport:
            return
        transport, self._transport = self._transport, None
        was_up = self._up.is_set()
        self._up.clear()
        self._problem = problem
        self._early_events = []
        if transport:
            transport.close()
        pending, self._pending = self._pending, deque()
        for item in pending:
            # A new exception for each: raised in two greenlets, one would mix their tracebacks.
            item.reply.set_exception(Disconnected(str(problem)))
        if was_up or self._closed:
            log = _log.debug if self._closed else _log.warning
            log("link_lost", node=self.node.name, problem=str(problem))
            for watch in self._watches():
                watch.put(Lost(str(problem)))
        self._report_state(False)

    def _supervise(self) -> None:
        failures = 0
        while not self._closed:
            if self.connected:
                failures = 0
                self._probe_until_lost()
                continue
            try:
                with self._connect_lock:
                    if not self.connected:
                        self._establish()
            except EslError as error:
                failures += 1
                pause = self._pause(failures)
                _log.info("connect_failed", node=self.node.name, error=str(error), pause=pause)
                gevent.sleep(pause)
                continue

    def _pause(self, failures: int) -> float:
        """Return the next pause: half as long again each time, up to the limit, with jitter."""
        longest = min(
            self._timeouts.backoff_max, self._timeouts.backoff_first * 1.5 ** (failures - 1)
        )
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # jitter, no secret

    def _probe_until_lost(self) -> None:
        """Probe the connection whenever it has been silent; return when it is lost."""
        limit = self._timeouts.heartbeat
        down = gevent.event.Event()
        notice: Callable[[bool], None] = lambda up: None if up else down.set()  # noqa: E731
        self._on_state.append(notice)
        try:
            while self.connected:
                silent = time.monotonic() - self.stats.last_traffic
                if silent < limit:
                    down.wait(limit - silent)
                    continue
                try:
                    self.api("uuid_exists", "fsfax-probe")
                except CommandFailed:
                    continue
                except EslError as error:
                    if self.connected:
                        self._drop(Disconnected(f"{self._address} does not answer: {error}"))
        finally:
            self._on_state.remove(notice)


def _checked(command: str, text: str) -> str:
    for sign in ("-ERR", "-USAGE"):
        if text.startswith(sign):
            reply = text.removeprefix(sign).lstrip(": ").strip()
            raise CommandFailed(f"FreeSWITCH refused {command!r}: {reply or sign}", reply=reply)
    return text
