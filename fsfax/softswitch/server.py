"""The event socket's server side: connections, authentication, commands, events to listeners.

Modelled on ``mod_event_socket.c``. A listener has one greenlet that reads commands and one
that writes, so that a client that does not read delays no other client; when its queue overflows
it is disconnected, as by FreeSWITCH.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Callable
from typing import Protocol

import gevent
import gevent.event
import gevent.queue
import gevent.socket
from gevent.server import StreamServer

from fsfax.errors import InvalidCommand, ProtocolError
from fsfax.esl.wire import Command, CommandReader, encode_frame, encode_reply
from fsfax.log import get_logger
from fsfax.softswitch.events import Subscription, SwitchEvent, decode_headers

_log = get_logger(__name__)

HEARTBEAT_INTERVAL = 20.0
"""Seconds between HEARTBEAT events (``event-heartbeat-interval`` in switch.conf.xml)."""

_LOG_LEVELS = {
    name: str(number)
    for number, name in enumerate(
        ("CONSOLE", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG")
    )
}

_QUEUE = 50_000
_MAX_COMMAND = 1024 * 1024
_DISCONNECT_NOTICE = b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"


class Switch(Protocol):
    """What the server calls in the switch behind it."""

    def api(self, command: str, arg: str) -> str:
        """Run an API command and return its answer; it may wait."""
        ...  # the protocol's body

    def background_done(self, job_id: str, command: str, arg: str, reply: str) -> None:
        """Fire BACKGROUND_JOB."""
        ...  # the protocol's body

    def send_message(self, call_id: str, headers: dict[str, str], body: bytes) -> bool:
        """Carry out ``sendmsg``; return False if there is no such channel."""
        ...  # the protocol's body

    def heartbeat(self) -> SwitchEvent:
        """Return a HEARTBEAT event."""
        ...  # the protocol's body


class Listener:
    """One connection of a client."""

    def __init__(self, server: EslServer, sock: gevent.socket.socket) -> None:
        self.subscription = Subscription()
        self.authenticated = False
        self._server = server
        self._socket = sock
        self._out: gevent.queue.Queue[bytes | None] = gevent.queue.Queue()
        self._logging = False

    def run(self) -> None:
        """Serve the client until its connection is closed."""
        writer = gevent.spawn(self._write)
        try:
            self.send(encode_frame("auth/request"))
            self._read()
        finally:
            self._out.put(None)
            writer.join(timeout=2.0)
            writer.kill()
            self._socket.close()

    def send(self, data: bytes) -> None:
        """Queue a frame; disconnect the client if its queue is full."""
        if self._out.qsize() > _QUEUE:
            _log.warning("listener_overflow", queued=self._out.qsize())
            self.drop()
        else:
            self._out.put(data)

    def drop(self) -> None:
        """Close the connection without a notice."""
        try:
            self._socket.shutdown(gevent.socket.SHUT_RDWR)
        except OSError:
            return  # it was closed already

    def _write(self) -> None:
        try:
            while (data := self._out.get()) is not None:
                self._server.flowing.wait()
                self._socket.sendall(data)
        except OSError as error:
            _log.debug("listener_disconnected", error=str(error))
            self.drop()

    def _read(self) -> None:
        reader = CommandReader(_MAX_COMMAND)
        try:
            while data := self._socket.recv(65536):
                for command in reader.feed(data):
                    if not self._serve(command):
                        return
        except ProtocolError as error:
            _log.warning("listener_sent_invalid_frame", error=str(error))
            self._send_disconnect_notice()
        except OSError as error:
            _log.debug("listener_disconnected", error=str(error))

    def _send_disconnect_notice(self) -> None:
        self.send(encode_frame("text/disconnect-notice", (), _DISCONNECT_NOTICE))

    def _reply(self, text: str, *headers: tuple[str, str]) -> None:
        self.send(encode_reply(text, headers))

    def _serve(self, command: Command) -> bool:
        """Carry out one command; return False to close the connection."""
        try:
            return self._dispatch(command)
        except InvalidCommand as error:
            # The reply would repeat a control character of the client's, and does not fit a line.
            _log.info("reply_not_encodable", error=str(error))
            self._reply("-ERR invalid")
            return True

    def _dispatch(self, command: Command) -> bool:
        verb, arg = command.verb, command.arg
        if verb in ("exit", "..."):
            self._reply("+OK bye")
            self._send_disconnect_notice()
            return False
        if not self.authenticated:
            return self._authenticate(verb, arg)
        handler = _HANDLERS.get(verb)
        if handler is None or (verb in ("api", "bgapi") and not arg):
            self._reply("-ERR command not found")
        else:
            handler(self, command)
        return True

    def _authenticate(self, verb: str, arg: str) -> bool:
        if verb != "auth":
            self._reply("-ERR command not found")
            return True
        if hmac.compare_digest(arg.encode(), self._server.password.encode()):
            self.authenticated = True
            self._reply("+OK accepted")
            return True
        self._reply("-ERR invalid")
        self._send_disconnect_notice()
        return False

    def on_auth(self, _: Command) -> None:
        """``auth`` after authentication: accepted."""
        self._reply("+OK accepted")

    def on_api(self, command: Command) -> None:
        """``api <command> <arguments>``: send the answer in an api/response frame."""
        name, _, arg = command.arg.partition(" ")
        text = self._server.switch.api(name, arg.strip())
        self.send(encode_frame("api/response", (), text.encode("utf-8", "replace")))

    def on_bgapi(self, command: Command) -> None:
        """``bgapi``: the answer is a BACKGROUND_JOB event, whose id the client may choose."""
        name, _, arg = command.arg.partition(" ")
        arg = arg.strip()
        job_id = decode_headers(command.headers).get("job-uuid") or str(uuid.uuid4())
        self._reply(f"+OK Job-UUID: {job_id}", ("Job-UUID", job_id))

        def work() -> None:
            reply = self._server.switch.api(name, arg)
            self._server.switch.background_done(job_id, name, arg, reply)

        # Not this listener's greenlet: the job goes on when the client disconnects.
        gevent.spawn(work)

    def on_event(self, command: Command) -> None:
        """``event plain <names>``: subscribe."""
        words = command.arg.replace(",", " ").split()
        if words and words[0].lower() in ("json", "xml"):
            self._reply("-ERR this stand-in sends plain events only; use event plain")
            return
        if words and words[0].lower() == "plain":
            words = words[1:]
        if self.subscription.add(words):
            self._reply("+OK event listener enabled plain")
        else:
            self._reply("-ERR no keywords supplied")

    def on_nixevent(self, command: Command) -> None:
        """``nixevent <names>``: unsubscribe."""
        words = command.arg.replace(",", " ").split()
        if words and words[0].upper() == "ALL":
            self.subscription.clear()
            self._reply("+OK events nixed")
        elif self.subscription.remove(words):
            self._reply("+OK events nixed")
        else:
            self._reply("-ERR no keywords supplied")

    def on_noevents(self, _: Command) -> None:
        """``noevents``: unsubscribe from all events."""
        had = bool(self.subscription.names)
        self.subscription.clear()
        self._reply(
            "+OK no longer listening for events" if had else "-ERR not listening for events"
        )

    def on_filter(self, command: Command) -> None:
        """``filter <header> <value>``, ``filter delete <header>|all [<value>]``."""
        words = command.arg.split(" ", 2)
        if words[0] == "delete" and len(words) > 1:
            value = words[2] if len(words) > 2 else ""  # noqa: PLR2004
            self.subscription.delete_filter(words[1], value)
            self._reply(f"+OK filter deleted. [{words[1]}][{value}]")
        elif len(words) > 1:
            value = " ".join(words[1:])
            self.subscription.add_filter(words[0], value)
            self._reply(f"+OK filter added. [{words[0]}]=[{value}]")
        else:
            self._reply("-ERR command not found" if not words[0] else "-ERR invalid syntax")

    def on_sendmsg(self, command: Command) -> None:
        """``sendmsg <uuid>`` with call-command execute, hangup or unicast headers."""
        call_id = command.arg
        headers = decode_headers(command.headers)
        if self._server.switch.send_message(call_id, headers, command.body):
            self._reply("+OK")
        else:
            self._reply(f"-ERR invalid session id [{call_id}]")

    def on_linger(self, _: Command) -> None:
        """``linger`` and ``nolinger``: refused; they are for sockets that a channel opened."""
        self._reply("-ERR not controlling a session")

    def on_log(self, command: Command) -> None:
        """``log <level>``: accepted; the stand-in sends no log lines."""
        level = _LOG_LEVELS.get(command.arg.upper() or "DEBUG", command.arg)
        if not (level.isascii() and level.isdigit()):
            self._reply("-ERR invalid log level")
            return
        self._logging = True
        self._reply(f"+OK log level {command.arg} [{level}]")

    def on_nolog(self, _: Command) -> None:
        """``nolog``: accepted after ``log``."""
        self._reply("+OK no longer logging" if self._logging else "-ERR not loging")
        self._logging = False

    def on_sendevent(self, _: Command) -> None:
        """``sendevent``: accepted and ignored; the reply has an id."""
        self._reply(f"+OK {uuid.uuid4()}")


_HANDLERS: dict[str, Callable[[Listener, Command], None]] = {
    "auth": Listener.on_auth,
    "api": Listener.on_api,
    "bgapi": Listener.on_bgapi,
    "event": Listener.on_event,
    "events": Listener.on_event,
    "nixevent": Listener.on_nixevent,
    "noevents": Listener.on_noevents,
    "filter": Listener.on_filter,
    "sendmsg": Listener.on_sendmsg,
    "linger": Listener.on_linger,
    "nolinger": Listener.on_linger,
    "log": Listener.on_log,
    "nolog": Listener.on_nolog,
    "sendevent": Listener.on_sendevent,
}


class EslServer:
    """Listens on a port, serves the listeners and publishes events to them."""

    def __init__(self, switch: Switch, host: str, port: int, password: str) -> None:
        self.switch = switch
        self.password = password
        self.host = host
        self.port = port
        self.flowing = gevent.event.Event()
        self.flowing.set()
        self._listeners: set[Listener] = set()
        self._server: StreamServer | None = None
        self._heartbeat: gevent.Greenlet[[], None] | None = None
        self._events_to_lose = 0

    def start(self) -> None:
        """Open the port; ``port`` 0 chooses a free one, which a start after `stop` uses again.

        Raises:
            OSError: the port is in use.
        """
        self._server = StreamServer((self.host, self.port), self._accept)
        self._server.start()
        self.port = int(self._server.server_port or 0)
        self._heartbeat = gevent.spawn(self._publish_heartbeats)

    def stop(self) -> None:
        """Close the port and all connections."""
        if self._heartbeat:
            self._heartbeat.kill()
        if self._server:
            self._server.stop()
        self.drop_connections()
        self.flowing.set()

    @property
    def connections(self) -> int:
        """The number of connected clients."""
        return len(self._listeners)

    def drop_connections(self) -> None:
        """Close every connection without a notice."""
        for listener in list(self._listeners):
            listener.drop()

    def stall(self, seconds: float) -> None:
        """Send nothing for so many seconds, and what is queued afterwards."""
        self.flowing.clear()
        gevent.spawn_later(seconds, self.flowing.set)

    def lose_events(self, count: int) -> None:
        """Drop the next ``count`` events that a listener would get."""
        self._events_to_lose += count

    def publish(self, event: SwitchEvent) -> None:
        """Send an event to the listeners that subscribed to it."""
        listeners = [one for one in self._listeners if one.subscription.wants(event)]
        if listeners and self._events_to_lose:
            self._events_to_lose -= 1
            return
        for listener in listeners:
            listener.send(event.encode())

    def _accept(self, sock: gevent.socket.socket, _: object) -> None:
        sock.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
        listener = Listener(self, sock)
        self._listeners.add(listener)
        try:
            listener.run()
        finally:
            self._listeners.discard(listener)

    def _publish_heartbeats(self) -> None:
        while True:
            gevent.sleep(HEARTBEAT_INTERVAL)
            self.publish(self.switch.heartbeat())
