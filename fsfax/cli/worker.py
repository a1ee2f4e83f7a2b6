"""``fsfax worker``: process durable jobs, and deliver notifications."""

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
    help="Time for running calls to end at a stop (default: the setting jobs.drain, 60).",
)
@click.pass_obj
def command(common: Common, *, drain: float | None) -> int:
    """Send and receive the faxes of durable jobs.

    The worker runs until SIGTERM or Ctrl-C and delivers notifications as well. At a stop it starts
    no new call and gives running calls time to end; a call that is still running then stays up for
    the next worker. A second signal ends it at once. Any number of workers may share a PostgreSQL
    database, also on several machines that share the spool.
    """
    settings = common.load().settings
    open_database(settings).close()
    worker = Worker(settings, hub="current")
    dispatcher = Dispatcher(settings, fax_view.shown, hub="current")
    stops: list[gevent.Greenlet[..., None]] = []

    def end(again: bool) -> None:
        worker.stop(0.0 if again else drain)
        # Last, since calls that ended just now are to be notified as well.
        dispatcher.stop(0.0 if again else None)

    def stop() -> None:
        # The first signal drains; the next one shortens that.
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
