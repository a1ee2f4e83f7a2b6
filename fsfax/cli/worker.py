"""``fsfax worker``: works on the durable jobs."""

from __future__ import annotations

import signal

import click
import gevent
import gevent.hub

from fsfax.api import fax_view
from fsfax.cli.main import Common
from fsfax.cli.store import open_database
from fsfax.jobs.worker import Worker
from fsfax.notify.dispatcher import Dispatcher


@click.command()
@click.option(
    "--drain",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Time for running calls at a stop (default: the settings', 60).",
)
@click.pass_obj
def command(common: Common, *, drain: float | None) -> int:
    """Send and receive the faxes of the jobs' database, and tell of them, until SIGTERM or Ctrl-C.

    A stop takes on no new call and gives running ones time to end; what is on the line then stays
    there for the next worker. A second signal does not wait. Run as many as you like on one
    PostgreSQL database, also on several machines that share the spool.
    """
    settings = common.load().settings
    open_database(settings).close()
    worker = Worker(settings, hub="current")
    dispatcher = Dispatcher(settings, fax_view.shown, hub="current")
    stops: list[gevent.Greenlet[..., None]] = []

    def end(again: bool) -> None:
        worker.stop(0.0 if again else drain)
        # Last of all: the calls that ended just now are news, too.
        dispatcher.stop(0.0 if again else None)

    def stop() -> None:
        # The first signal drains; the next one only cuts that short.
        stops.append(gevent.spawn(end, bool(stops)))

    signals = [gevent.hub.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)]
    click.echo("working; SIGTERM or Ctrl-C stops", err=True)
    try:
        worker.wait()
        gevent.joinall(stops)
    finally:
        dispatcher.stop(0.0)
        for watcher in signals:
            watcher.cancel()
    return 0
