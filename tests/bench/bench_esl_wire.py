"""Events a second: greenswitch's own receive path against ours, on the same bytes.

    python tests/bench/bench_esl_wire.py [--events N] [--rounds N]

The stream is made of recorded events, filled up with longer copies of their own headers to some
21 KB and 223 headers or more: a channel with many variables and SDP has that. Both sides read
it from one end of a socket pair while a forked process writes the other end. greenswitch runs
its `ESLProtocol.receive_events`; we run `Transport.frames` and `Event`, and read what a link and
the engine look at: the name, the Unique-ID and three fax headers. Runs alternate; what counts is
the median of the reader's processor seconds, since the machine may be busy with other things.
"""

from __future__ import annotations

import argparse
import itertools
import os
import socket as plain_socket
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import gevent
import gevent.socket
from greenswitch.esl import ESLProtocol

sys.path.insert(0, str(Path(__file__).parents[2]))

from fsfax.esl.transport import Transport
from fsfax.esl.wire import Event, encode_event, percent_encode
from fsfax.settings import EslTimeouts, NodeSettings

CAPTURES = Path(__file__).parents[1] / "engine" / "captures"
SIZE = 21_000
HEADERS = 223
WANTED = ("variable_fax_success", "variable_fax_result_text", "variable_fax_bad_rows")


def large_events() -> list[bytes]:
    """Recorded fax events as frames, each filled up to the size of a big one."""
    found = []
    for capture in sorted(CAPTURES.glob("*.events")):
        for part in capture.read_bytes().split(b"# t=")[1:]:
            event = Event.from_body(part.partition(b"\n")[2])
            fields = [(name, event.headers[name]) for name in event.headers]
            if len(fields) < 100 or not event.uuid:
                continue
            missing = max(20, HEADERS - len(fields))
            # More of its own, and longer, so that escapes are as frequent as usual.
            more = [
                (f"variable_copy_{name}", value)
                for name, value in itertools.islice(itertools.cycle(fields), missing)
            ]
            room = SIZE - len(encode_event(fields)) - sum(len(name) + 3 for name, _ in more)
            times = max(1, round(room / sum(len(percent_encode(value)) for _, value in more)))
            fields += [(name, value * times) for name, value in more]
            found.append(encode_event(fields, event.body))
    return found


def feed(data: bytes, times: int) -> tuple[Any, int]:
    """Return the reading end of a socket pair, and the process that writes ``data``."""
    ours, theirs = plain_socket.socketpair()
    if (child := os.fork()) == 0:
        ours.close()
        for _ in range(times):
            theirs.sendall(data)
        os._exit(0)
    theirs.close()
    sock = gevent.socket.socket(fileno=ours.detach())
    return sock, child


def greenswitch_run(data: bytes, times: int) -> tuple[float, int]:
    protocol = ESLProtocol()
    protocol.connected = True
    count = 0

    class Sink:
        """Takes the place of its event queue: what comes out is counted, handlers are free."""

        def put(self, event: Any) -> None:
            nonlocal count
            event.headers.get("Event-Name")
            event.headers.get("Unique-ID")
            for name in WANTED:
                event.headers.get(name)
            count += 1

    protocol._esl_event_queue = Sink()
    protocol.sock, child = feed(data, times)
    protocol.sock_file = protocol.sock.makefile("rb")
    start = time.process_time()
    protocol.receive_events()
    spent = time.process_time() - start
    os.waitpid(child, 0)
    return spent, count


def fsfax_run(data: bytes, times: int) -> tuple[float, int]:
    transport = Transport(NodeSettings(), EslTimeouts())
    transport.sock, child = feed(data, times)
    count = 0
    start = time.process_time()
    for frame in transport.frames():
        event = Event.from_frame(frame)
        _ = (event.name, event.uuid, *(event.get(name) for name in WANTED))
        count += 1
    spent = time.process_time() - start
    transport.close()
    os.waitpid(child, 0)
    return spent, count


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()

    events = large_events()
    data = b"".join(events)
    times = max(1, options.events // len(events))
    total = times * len(events)
    headers = statistics.mean(len(event.splitlines()) - 3 for event in events)
    print(f"{total} events of {len(data) / len(events):.0f} bytes, {headers:.0f} headers")

    rates: dict[str, list[float]] = {"greenswitch": [], "fsfax": []}
    for _ in range(options.rounds):
        for name, run in (("greenswitch", greenswitch_run), ("fsfax", fsfax_run)):
            spent, count = gevent.spawn(run, data, times).get()
            if count != total:
                print(f"{name} read {count} events of {total}")
                return 1
            rates[name].append(total / spent)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        print(
            f"{name:12} {medians[name]:9.0f} events/s  (of {min(values):.0f} to {max(values):.0f})"
        )
    print(f"ratio        {medians['fsfax'] / medians['greenswitch']:9.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
