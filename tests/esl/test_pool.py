"""The pool of nodes: which node gets the next call, and who waits for a free line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import gevent
import pytest

from fsfax.errors import (
    AuthenticationError,
    Closed,
    ConfigurationError,
    ConnectError,
    InvalidRequest,
    NoCapacity,
    NoNode,
)
from fsfax.esl.pool import Pool, Reservation
from fsfax.settings import GatewaySettings, NodeSettings
from tests.esl.scripted import PATIENCE, QUICK, Server, silent, until

Nodes = Callable[..., Pool]


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Server()) for _ in range(3)]


@pytest.fixture
def pool_of(servers: list[Server]) -> Iterator[Nodes]:
    """Return a function that starts a pool; each argument is one node's settings."""
    with ExitStack() as stack:

        def build(*settings: dict[str, object]) -> Pool:
            nodes = [
                server.node(name, **given)
                for name, server, given in zip("abc", servers, settings, strict=False)
            ]
            pool = stack.enter_context(Pool(nodes, QUICK, ["CHANNEL_HANGUP"]))
            until(lambda: all(node.state == "up" for node in pool.nodes), "all nodes")
            return pool

        yield build


def gateways(**capacity: int) -> dict[str, object]:
    return {
        "gateways": tuple(GatewaySettings(name=n, capacity=c) for n, c in capacity.items()),
    }


def names(reservations: list[Reservation]) -> str:
    return "".join(reservation.node.name for reservation in reservations)


def down(name: str = "a") -> NodeSettings:
    """A node without a listening FreeSWITCH."""
    with Server() as server:
        return server.node(name)


def test_nodes_take_turns(pool_of: Nodes) -> None:
    pool = pool_of({}, {}, {})
    assert names([pool.acquire() for _ in range(6)]) == "abcabc"
    assert [node.busy for node in pool.nodes] == [2, 2, 2]


def test_turns_go_on_when_calls_end_at_once(pool_of: Nodes) -> None:
    pool = pool_of({}, {}, {})
    seen = []
    for _ in range(5):
        with pool.acquire() as reservation:
            seen.append(reservation)
    assert names(seen) == "abcab"


def test_the_least_loaded_node_is_chosen(pool_of: Nodes) -> None:
    pool = pool_of({}, {})
    held = [pool.acquire() for _ in range(4)]
    held[1].release()
    held[3].release()
    assert names([pool.acquire(), pool.acquire()]) == "bb"


def test_load_is_a_share_of_the_capacity(pool_of: Nodes) -> None:
    pool = pool_of({"capacity": 8}, {"capacity": 2})
    held = [pool.acquire() for _ in range(10)]
    assert names(held).count("a") == 8
    assert names(held[:5]).count("a") == 4
    with pytest.raises(NoCapacity, match=r"a: full, 8 of 8 calls; b: full, 2 of 2 calls"):
        pool.acquire()


def test_every_link_subscribes(pool_of: Nodes, servers: list[Server]) -> None:
    pool_of({}, {})
    for server in servers[:2]:
        assert "event plain CHANNEL_HANGUP" in server.peer.lines


def test_release_is_idempotent(pool_of: Nodes) -> None:
    pool = pool_of({})
    reservation = pool.acquire(["x"])
    reservation.release()
    reservation.release()
    reservation.use("y")
    assert pool.nodes[0].busy == 0
    assert pool.nodes[0].busy_on("x") == pool.nodes[0].busy_on("y") == 0


def test_gateways_are_chosen_in_the_order_of_the_request(pool_of: Nodes) -> None:
    pool = pool_of(gateways(x=1, y=2))
    first = pool.acquire(["y", "x"])
    assert first.gateways == ("y", "x")
    second = pool.acquire(["x", "y"])
    assert second.gateways == ("x", "y")
    third = pool.acquire(["x", "y"])
    assert third.gateways == ("y",)
    node = pool.nodes[0]
    assert (node.busy_on("x"), node.busy_on("y")) == (1, 2)
    with pytest.raises(NoCapacity, match=r"gateways full, x 1 of 1, y 2 of 2 calls"):
        pool.acquire(["x", "y"])


def test_a_request_without_gateways_uses_those_of_the_node(pool_of: Nodes) -> None:
    pool = pool_of(gateways(x=1, y=0))
    assert pool.acquire().gateways == ("x", "y")
    assert pool.acquire().gateways == ("y",)


def test_a_node_without_gateways(pool_of: Nodes) -> None:
    assert pool_of({}).acquire().gateways == ()


def test_a_gateway_that_is_not_configured_has_no_limit(pool_of: Nodes) -> None:
    pool = pool_of(gateways(x=1))
    held = [pool.acquire(["other"]) for _ in range(3)]
    assert {reservation.gateways for reservation in held} == {("other",)}
    assert pool.nodes[0].busy_on("other") == 3


def test_a_full_gateway_leads_to_another_node(pool_of: Nodes) -> None:
    pool = pool_of(gateways(x=1), gateways(x=3))
    assert sorted(names([pool.acquire(["x"]) for _ in range(4)])) == ["a", "b", "b", "b"]


def test_a_call_moves_to_another_gateway(pool_of: Nodes) -> None:
    pool = pool_of(gateways(x=1, y=1))
    reservation = pool.acquire(["x", "y"])
    waiting = gevent.spawn(pool.acquire, ["x"], wait=PATIENCE)
    until(lambda: pool._requests)
    reservation.use("y")
    assert waiting.get().gateways == ("x",)
    reservation.release()
    assert pool.nodes[0].busy_on("y") == 0


def test_a_named_node(pool_of: Nodes) -> None:
    pool = pool_of({}, {"capacity": 1})
    assert pool.acquire(node="b").node is pool.nodes[1]
    with pytest.raises(NoCapacity) as caught:
        pool.acquire(node="b")
    assert not isinstance(caught.value, NoNode)


def test_excluded_nodes(pool_of: Nodes) -> None:
    pool = pool_of({}, {})
    assert pool.acquire(exclude={"a"}).node.name == "b"
    with pytest.raises(NoCapacity, match="a: tried already; b: tried already") as caught:
        pool.acquire(exclude=["a", "b"])
    assert not isinstance(caught.value, NoNode)


def test_waiters_are_served_in_order(pool_of: Nodes) -> None:
    pool = pool_of({"capacity": 1})
    held = pool.acquire()
    order: list[int] = []

    def want(number: int) -> None:
        with pool.acquire(wait=PATIENCE):
            order.append(number)

    waiting = [gevent.spawn(want, number) for number in range(5)]
    until(lambda: len(pool._requests) == 5)
    held.release()
    gevent.joinall(waiting, raise_error=True)
    assert order == [0, 1, 2, 3, 4]
    assert pool.nodes[0].busy == 0


def test_no_request_waits_behind_one_that_needs_another_gateway(pool_of: Nodes) -> None:
    pool = pool_of(gateways(x=1, y=1))
    held = [pool.acquire(["x"]), pool.acquire(["y"])]
    first = gevent.spawn(pool.acquire, ["x"], wait=PATIENCE)
    second = gevent.spawn(pool.acquire, ["y"], wait=PATIENCE)
    until(lambda: len(pool._requests) == 2)
    held[1].release()
    assert second.get().gateways == ("y",)
    assert not first.ready()
    held[0].release()
    assert first.get().gateways == ("x",)


def test_a_request_stops_waiting_after_its_limit(pool_of: Nodes) -> None:
    pool = pool_of({"capacity": 1})
    held = pool.acquire()
    with pytest.raises(NoCapacity, match="1 of 1"):
        pool.acquire(wait=0.02)
    assert not pool._requests
    held.release()
    assert pool.nodes[0].busy == 0


def test_a_killed_waiter_reserves_nothing(pool_of: Nodes) -> None:
    pool = pool_of({"capacity": 1})
    held = pool.acquire()
    waiting = gevent.spawn(pool.acquire, wait=PATIENCE)
    until(lambda: pool._requests)
    waiting.kill()
    assert not pool._requests
    held.release()
    assert pool.nodes[0].busy == 0


def test_a_waiter_that_is_killed_when_just_served_releases(pool_of: Nodes) -> None:
    pool = pool_of({"capacity": 1})
    held = pool.acquire()
    waiting = gevent.spawn(pool.acquire, wait=PATIENCE)
    until(lambda: pool._requests)
    waiting.kill(block=False)  # it comes first …
    held.release()  # … and its greenlet ends with a reservation
    waiting.join()
    assert pool.nodes[0].busy == 0


def test_a_timeout_of_the_caller_is_raised_unchanged(pool_of: Nodes) -> None:
    pool = pool_of({"capacity": 1})
    pool.acquire()
    with pytest.raises(gevent.Timeout) as caught, gevent.Timeout(0.02) as mine:
        pool.acquire(wait=PATIENCE)
    assert caught.value is mine
    assert not pool._requests


def test_a_call_that_is_up_already_is_counted_over_the_limit(pool_of: Nodes) -> None:
    pool = pool_of({"capacity": 1, **gateways(x=1)})
    node = pool.node("a")
    held = pool.acquire(["x"])
    with pool.hold("a", "x") as adopted:
        assert (adopted.node, adopted.gateways) == (node, ("x",))
        assert (node.busy, node.busy_on("x")) == (2, 2)
        held.release()
        with pytest.raises(NoCapacity, match="1 of 1"):
            pool.acquire(["x"])
    assert (node.busy, node.busy_on("x")) == (0, 0)


def test_draining(pool_of: Nodes) -> None:
    pool = pool_of({}, {})
    call = pool.acquire(node="a")
    pool.drain("a")
    assert pool.nodes[0].state == "draining"
    assert names([pool.acquire(), pool.acquire()]) == "bb"
    with pytest.raises(NoCapacity, match="a: draining"):
        pool.acquire(node="a")
    assert not pool.wait_idle("a", 0.02)
    idle = gevent.spawn(pool.wait_idle, "a", PATIENCE)
    call.release()
    assert idle.get() is True
    waiting = gevent.spawn(pool.acquire, node="a", wait=PATIENCE)
    until(lambda: pool._requests)
    pool.undrain("a")
    assert waiting.get().node.name == "a"


def test_a_drained_node_that_restarts_is_still_drained(
    pool_of: Nodes, servers: list[Server]
) -> None:
    pool = pool_of({}, {})
    pool.drain("a")
    servers[0].stop()
    until(lambda: pool.nodes[0].state == "down")
    with servers[0].again():
        until(lambda: pool.nodes[0].state == "draining")
        assert pool.acquire().node.name == "b"


def test_a_lost_node_is_left_out_and_comes_back(pool_of: Nodes, servers: list[Server]) -> None:
    pool = pool_of({}, {})
    servers[0].stop()
    until(lambda: pool.nodes[0].state == "down")
    assert names([pool.acquire(), pool.acquire()]) == "bb"
    with pytest.raises(NoNode, match=r"a: down: .*127\.0\.0\.1"):
        pool.acquire(node="a")
    waiting = gevent.spawn(pool.acquire, node="a", wait=PATIENCE)
    until(lambda: pool._requests)
    with servers[0].again():
        assert waiting.get().node.name == "a"


def test_acquire_when_no_node_is_up() -> None:
    with Pool([down("a"), down("b")], QUICK, []) as pool:
        # It waits for the first attempt to connect, also without `wait`.
        with pytest.raises(NoNode, match=r"a: down: cannot connect.*b: down: cannot connect"):
            pool.acquire()
        with pytest.raises(NoNode, match="is FreeSWITCH running"):
            pool.acquire(wait=0.05)
        assert not pool._requests


def test_the_first_connection_is_waited_for(server: Server) -> None:
    with Pool([down("a"), server.node("b")], QUICK, []) as pool:
        assert pool.acquire().node.name == "b"


def test_a_pool_that_was_not_started(server: Server) -> None:
    pool = Pool([server.node()], QUICK, [])
    with pytest.raises(NoNode, match="not connected yet"):
        pool.acquire()
    pool.close()


def test_no_node_is_configured() -> None:
    with Pool([], QUICK, []) as pool:
        with pytest.raises(NoNode, match="`nodes`"):
            pool.acquire()
        with pytest.raises(NoNode, match="`nodes`"):
            pool.wait_up(0.01)


def test_wait_up(server: Server) -> None:
    with Pool([down("a"), server.node("b")], QUICK, []) as pool:
        pool.wait_up(PATIENCE)
        assert pool.nodes[1].state == "up"
        pool.wait_up(0)


def test_wait_up_raises_the_links_problem(server: Server) -> None:
    with Pool([down()], QUICK, []) as pool, pytest.raises(ConnectError, match="cannot connect"):
        pool.wait_up(0.1)
    wrong = server.node("b", password="wrong")
    with Pool([wrong], QUICK, []) as pool, pytest.raises(AuthenticationError):
        pool.wait_up(0.1)


def test_wait_up_names_every_links_problem(server: Server) -> None:
    bad = [server.node(name, password="wrong") for name in "bc"]
    with Pool(bad, QUICK, []) as pool, pytest.raises(AuthenticationError, match=r"b .* c "):
        pool.wait_up(0.1)
    mixed = [down("a"), *bad]
    with Pool(mixed, QUICK, []) as pool, pytest.raises(ConnectError, match=r"a .* b .* c ") as seen:
        pool.wait_up(0.1)
    assert not isinstance(seen.value, AuthenticationError)


def test_wait_up_on_a_silent_server(server: Server) -> None:
    server.greeting = b""
    with Pool([server.node()], QUICK, []) as pool, pytest.raises(ConnectError, match=r"0\.05 s"):
        pool.wait_up(0.05)


def test_acquire_gives_up_on_a_silent_server(server: Server) -> None:
    server.greeting = b""
    quick = QUICK.model_copy(update={"authenticate": 0.05, "connect": 0.05})
    with Pool([server.node()], quick, []) as pool, pytest.raises(NoNode, match="sent nothing"):
        pool.acquire()


def test_a_node_is_up_when_its_subscriptions_are(server: Server) -> None:
    server.answers["event"] = silent
    quick = QUICK.model_copy(update={"command": 0.05})
    with Pool([server.node()], quick, ["CHANNEL_HANGUP"]) as pool:
        with pytest.raises(NoNode, match="no reply"):
            pool.acquire()
        del server.answers["event"]
        pool.wait_up(PATIENCE)


def test_close_ends_the_waiting(pool_of: Nodes) -> None:
    pool = pool_of({"capacity": 1})
    held = pool.acquire()
    waiting = gevent.spawn(pool.acquire, wait=PATIENCE)
    until(lambda: pool._requests)
    pool.close()
    with pytest.raises(Closed):
        waiting.get()
    held.release()
    for call in (pool.acquire, pool.start, lambda: pool.wait_up(1)):
        with pytest.raises(Closed):
            call()
    pool.close()


def test_close_ends_wait_up() -> None:
    pool = Pool([down()], QUICK, [])
    waiting = gevent.spawn(pool.wait_up, PATIENCE)
    gevent.sleep(0)
    pool.close()
    with pytest.raises(Closed):
        waiting.get()


def test_unknown_names(pool_of: Nodes) -> None:
    pool = pool_of({}, {})
    calls: list[Callable[[], object]] = [
        lambda: pool.acquire(node="z"),
        lambda: pool.node("z"),
        lambda: pool.hold("z", "x"),
        lambda: pool.drain("z"),
        lambda: pool.undrain("z"),
        lambda: pool.wait_idle("z", 0),
    ]
    for call in calls:
        with pytest.raises(InvalidRequest, match="'z'; the nodes are: a, b"):
            call()


def test_two_nodes_or_gateways_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="same name: 'a'"):
        Pool([NodeSettings(name="a"), NodeSettings(name="a"), NodeSettings(name="b")], QUICK, [])
    twice = NodeSettings(gateways=(GatewaySettings(name="x"), GatewaySettings(name="x")))
    with pytest.raises(ConfigurationError, match="two gateways"):
        Pool([twice], QUICK, [])


def test_repr(pool_of: Nodes) -> None:
    pool = pool_of(gateways(x=1))
    reservation = pool.acquire()
    assert repr(pool.nodes[0]) == "Node('a', up, busy=1)"
    assert repr(reservation) == "Reservation('a', ('x',), held=True)"
