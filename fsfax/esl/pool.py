"""Several FreeSWITCH nodes: which of them takes the next call.

A call goes to the least loaded node that is up, is not draining, and has free capacity itself and
on at least one of the gateways that the call may use. A caller may wait for free capacity; waiting
requests are served in order, except that none waits behind one that needs another node or gateway.

Nothing here switches greenlets between the choice of a node and its reservation, so no lock is
needed: a pool belongs to one hub, as its links do. The capacity counted here is that of one
process; `fsfax.jobs.claims` counts the calls of all workers.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Collection, Sequence
from typing import Literal, Self

import gevent
import gevent.event

from fsfax.errors import (
    AuthenticationError,
    Closed,
    ConfigurationError,
    ConnectError,
    EslError,
    InvalidRequest,
    NoCapacity,
    NoNode,
)
from fsfax.esl.link import Link
from fsfax.log import get_logger
from fsfax.settings import EslTimeouts, NodeSettings

__all__ = ["Node", "NodeState", "Pool", "Reservation"]

_log = get_logger(__name__)

NodeState = Literal["up", "draining", "down"]
"""``down``: no connection. ``draining``: connected, but it gets no new calls."""


class Node:
    """One FreeSWITCH of a pool."""

    def __init__(self, settings: NodeSettings, timeouts: EslTimeouts) -> None:
        self.settings = settings
        self.link = Link(settings, timeouts)
        self._draining = False
        self._busy = 0
        self._lines: Counter[str] = Counter()
        self._limits = {gateway.name: gateway.capacity for gateway in settings.gateways}
        if len(self._limits) != len(settings.gateways):
            raise ConfigurationError(f"node {settings.name!r} has two gateways of the same name")
        self._idle = gevent.event.Event()
        self._idle.set()

    def __repr__(self) -> str:
        return f"Node({self.name!r}, {self.state}, busy={self.busy})"

    @property
    def name(self) -> str:
        """The name in the settings, unique in a pool."""
        return self.settings.name

    @property
    def state(self) -> NodeState:
        """Whether it is connected and gets new calls."""
        if not self.link.connected:
            return "down"
        return "draining" if self._draining else "up"

    @property
    def busy(self) -> int:
        """Calls that hold a reservation on this node."""
        return self._busy

    def busy_on(self, gateway: str) -> int:
        """Return the number of calls that hold a line of that gateway."""
        return self._lines[gateway]

    def _free_gateways(self, asked: Sequence[str]) -> tuple[str, ...]:
        """Return the asked gateways, or its own if none is asked, that have a free line."""
        names = dict.fromkeys(asked or self._limits)
        return tuple(name for name in names if not self._is_full(name))

    def _is_full(self, gateway: str) -> bool:
        limit = self._limits.get(gateway, 0)
        return 0 < limit <= self._lines[gateway]

    def _refusal(self, asked: Sequence[str]) -> str:
        """Return why it takes no call over these gateways now, "" if it does."""
        capacity = self.settings.capacity
        if self.state == "down":
            return f"down: {self.link.problem or 'not connected yet'}"
        if self.state == "draining":
            return "draining"
        if 0 < capacity <= self._busy:
            return f"full, {self._busy} of {capacity} calls"
        names = dict.fromkeys(asked or self._limits)
        if names and not self._free_gateways(asked):
            full = [f"{name} {self._lines[name]} of {self._limits[name]}" for name in names]
            return f"gateways full, {', '.join(full)} calls"
        return ""

    @property
    def _load(self) -> float:
        return self._busy / self.settings.capacity if self.settings.capacity else self._busy


class Reservation:
    """The capacity for one call: on a node, and a line of a gateway. A context manager.

    Attributes:
        node: where the call goes.
        gateways: those that it may use there, in the order asked for, or the node's own if
            none was asked for.
    """

    def __init__(self, pool: Pool, node: Node, gateways: tuple[str, ...]) -> None:
        self.node = node
        self.gateways = gateways
        self._pool = pool
        self._held = True
        self._line = gateways[0] if gateways else ""
        node._busy += 1
        node._idle.clear()
        node._lines[self._line] += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"Reservation({self.node.name!r}, {self.gateways!r}, held={self._held})"

    def use(self, gateway: str) -> None:
        """Count the call on this gateway from now on.

        A call has one line at a time, at first that of the first gateway. Moving it never fails,
        even if the gateway is then over its limit: the call is there already.
        """
        if self._held:
            self.node._lines[self._line] -= 1
            self._line = gateway
            self.node._lines[gateway] += 1
            self._pool._serve()

    def release(self) -> None:
        """Free the capacity; has no effect the second time."""
        if not self._held:
            return
        self._held = False
        self.node._lines[self._line] -= 1
        self.node._busy -= 1
        if not self.node._busy:
            self.node._idle.set()
        self._pool._serve()


class _Request:
    """One waiting call of `Pool.acquire`, and its answer."""

    def __init__(
        self,
        gateways: Sequence[str],
        nodes: Sequence[Node],
        exclude: Collection[str],
        until: float,
    ) -> None:
        self.gateways = gateways
        self.nodes = [node for node in nodes if node.name not in exclude]
        self.excluded = [node for node in nodes if node.name in exclude]
        self.until = until
        self.answer: gevent.event.AsyncResult[Reservation | None] = gevent.event.AsyncResult()


class Pool:
    """The nodes that calls are spread over.

    Args:
        nodes: their settings; the names must differ.
        timeouts: of every link.
        subscriptions: event names, and subclasses of CUSTOM, that every link subscribes to.

    Raises:
        ConfigurationError: two nodes, or two gateways of one node, have the same name.
    """

    def __init__(
        self, nodes: Sequence[NodeSettings], timeouts: EslTimeouts, subscriptions: Sequence[str]
    ) -> None:
        self.nodes = tuple(Node(settings, timeouts) for settings in nodes)
        self._by_name = {node.name: node for node in self.nodes}
        if len(self._by_name) != len(self.nodes):
            names = Counter(node.name for node in self.nodes)
            twice = ", ".join(repr(name) for name, count in names.items() if count > 1)
            raise ConfigurationError(f"two nodes have the same name: {twice}; name each of them")
        # The first connection of a link that has just been started takes at most this long.
        self._grace = timeouts.connect + timeouts.authenticate + timeouts.command
        self._requests: deque[_Request] = deque()
        self._last = -1
        self._closed = False
        self._started = False
        self._changed = gevent.event.Event()
        for node in self.nodes:
            node.link.subscribe(*subscriptions)
            node.link.on_state(self._on_link_state)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Connect to every node in the background.

        Raises:
            Closed: the pool was closed.
        """
        self._require_open()
        self._started = True
        for node in self.nodes:
            node.link.start()

    def close(self) -> None:
        """Close all connections; `acquire` and `wait_up` raise `Closed`, also if they wait."""
        if self._closed:
            return
        self._closed = True
        while self._requests:
            self._requests.popleft().answer.set_exception(Closed("the pool was closed"))
        for node in self.nodes:
            node.link.close()
        self._changed.set()

    def wait_up(self, timeout: float) -> None:
        """Wait until at least one node is up, at most ``timeout`` seconds.

        Raises:
            EslError: no node is up; the link's problem (`ConnectError`, `AuthenticationError`, …).
            NoNode: there is no node in the settings.
            Closed: the pool was closed.
        """
        deadline = time.monotonic() + timeout
        while True:
            self._require_open()
            if any(node.link.connected for node in self.nodes):
                return
            left = deadline - time.monotonic()
            self._changed.clear()
            if left <= 0 or not self._changed.wait(left):
                raise self._problem(timeout)

    def acquire(
        self,
        gateways: Sequence[str] = (),
        *,
        node: str | None = None,
        exclude: Collection[str] = (),
        wait: float = 0.0,
    ) -> Reservation:
        """Reserve capacity for one call on the least loaded node; equally loaded nodes take turns.

        Args:
            gateways: those that the call may use, in the order of preference. One that is not in
                a node's settings is assumed to exist there, without a limit.
            node: the only node that may take the call.
            exclude: names of nodes that were tried already.
            wait: seconds to wait for free capacity; 0 = do not wait. The first connection of a
                pool that was just started is waited for in any case.

        Raises:
            InvalidRequest: there is no node of that name.
            NoNode: no node is up.
            NoCapacity: those that are up are full, draining or excluded.
            Closed: the pool was closed.
        """
        self._require_open()
        nodes = self.nodes if node is None else (self._named(node),)
        request = _Request(tuple(gateways), nodes, exclude, time.monotonic() + wait)
        # A waiting request that could be served has been served: this one overtakes none.
        if reservation := self._take(request):
            return reservation
        limit = max(wait, self._grace) if self._is_starting(request) else wait
        if limit <= 0:
            raise self._refusal(request)
        self._requests.append(request)
        try:
            # Not `get` with a timeout: its Timeout cannot be distinguished from the caller's.
            request.answer.wait(limit)
        except BaseException:
            if request.answer.successful() and (served := request.answer.get()):
                served.release()
            raise
        finally:
            if request in self._requests:
                self._requests.remove(request)
        reservation = request.answer.get() if request.answer.ready() else None
        if reservation is None:
            raise self._refusal(request)
        return reservation

    def node(self, name: str) -> Node:
        """Return the node of that name.

        Raises:
            InvalidRequest: there is none.
        """
        return self._named(name)

    def hold(self, name: str, gateway: str) -> Reservation:
        """Reserve capacity for a call that is up already, whatever the limits are.

        Raises:
            InvalidRequest: there is no node of that name.
        """
        return Reservation(self, self._named(name), (gateway,))

    def drain(self, name: str) -> None:
        """Give no more calls to a node; calls under way go on.

        Raises:
            InvalidRequest: there is no node of that name.
        """
        self._named(name)._draining = True
        _log.info("node_draining", node=name)

    def undrain(self, name: str) -> None:
        """Give calls to a drained node again.

        Raises:
            InvalidRequest: there is no node of that name.
        """
        self._named(name)._draining = False
        _log.info("node_undrained", node=name)
        self._serve()

    def wait_idle(self, name: str, timeout: float | None = None) -> bool:
        """Wait until no call is left on a node; return False if ``timeout`` seconds passed first.

        Raises:
            InvalidRequest: there is no node of that name.
        """
        return bool(self._named(name)._idle.wait(timeout))

    def _require_open(self) -> None:
        if self._closed:
            raise Closed("the pool was closed")

    def _named(self, name: str) -> Node:
        try:
            return self._by_name[name]
        except KeyError:
            known = ", ".join(self._by_name) or "none"
            raise InvalidRequest(f"there is no node {name!r}; the nodes are: {known}") from None

    def _on_link_state(self, _up: bool) -> None:
        self._changed.set()
        self._serve()

    def _is_starting(self, request: _Request) -> bool:
        """Return whether no node of the request is up, but one still makes its first connection."""
        links = [node.link for node in request.nodes]
        return (
            self._started
            and not any(link.connected for link in links)
            and any(link.problem is None for link in links)
        )

    def _take(self, request: _Request) -> Reservation | None:
        free = [node for node in request.nodes if not node._refusal(request.gateways)]
        if not free:
            return None
        # Shares of the capacity can be compared only where every node has one.
        by_share = all(node.settings.capacity for node in free)
        count = len(self.nodes)

        def order(node: Node) -> tuple[float, int]:
            turn = (self.nodes.index(node) - self._last - 1) % count
            return (node._load if by_share else node.busy, turn)

        chosen = min(free, key=order)
        self._last = self.nodes.index(chosen)
        return Reservation(self, chosen, chosen._free_gateways(request.gateways))

    def _serve(self) -> None:
        """Serve the waiting requests, in order, after the capacity or a node's state changed."""
        for request in list(self._requests):
            if reservation := self._take(request):
                self._requests.remove(request)
                request.answer.set(reservation)
            elif request.until <= time.monotonic() and not self._is_starting(request):
                # No node came up at the first attempt, and the request's wait is over.
                self._requests.remove(request)
                request.answer.set(None)

    def _refusal(self, request: _Request) -> NoCapacity:
        if not self.nodes:
            return NoNode("no FreeSWITCH is configured: add one to the setting `nodes`")
        reasons = [f"{node.name}: {node._refusal(request.gateways)}" for node in request.nodes]
        reasons += [f"{node.name}: tried already" for node in request.excluded]
        text = "; ".join(reasons)
        if not any(node.link.connected for node in (*request.nodes, *request.excluded)):
            return NoNode(f"no FreeSWITCH is up ({text})")
        return NoCapacity(f"no FreeSWITCH has free capacity for the call ({text})")

    def _problem(self, timeout: float) -> Exception:
        if not self.nodes:
            return NoNode("no FreeSWITCH is configured: add one to the setting `nodes`")
        problems = [
            node.link.problem or ConnectError(f"{node.name} was not connected within {timeout:g} s")
            for node in self.nodes
        ]
        if len(problems) == 1:
            return problems[0]
        text = "; ".join(str(problem) for problem in problems)
        refused = all(isinstance(problem, AuthenticationError) for problem in problems)
        kind: type[EslError] = AuthenticationError if refused else ConnectError
        return kind(text)
