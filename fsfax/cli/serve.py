"""``fsfax serve``: the HTTP API, with a worker beside it."""

from __future__ import annotations

import signal

import click
import gevent
import gevent.event
import gevent.hub
from prometheus_client import CollectorRegistry

from fsfax.accounts.tokens import Scope
from fsfax.api import fax_view
from fsfax.api.app import ApiApplication
from fsfax.api.metrics import CallCounts, MailCounts, NotificationCounts
from fsfax.api.server import Server
from fsfax.api.services import Services
from fsfax.cli.main import Common
from fsfax.cli.store import open_database
from fsfax.db.transitions import DEFAULT_ACCOUNT
from fsfax.jobs.worker import Worker
from fsfax.mail.server import MailServer
from fsfax.notify.dispatcher import Dispatcher
from fsfax.runtime.threads import Threads
from fsfax.settings import Settings

_FIRST = """\
There is no account yet. Make one, and a token for it:

    fsfax account create "My company"
    fsfax token create ACCOUNT_ID
"""


@click.command()
@click.option("--host", help="Address to listen on (default: the settings', 127.0.0.1).")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port (default: the settings', 8000; 0 = any)."
)
@click.option(
    "--api-only",
    is_flag=True,
    help="Neither calls nor news from here: `fsfax worker` runs elsewhere.",
)
@click.option(
    "--smtp/--no-smtp", default=None, help="Take mails, too (default: the setting smtp.enabled)."
)
@click.option("--dev", is_flag=True, help="Make an account and a token to try things out with.")
@click.pass_obj
def command(
    common: Common,
    *,
    host: str | None,
    port: int | None,
    api_only: bool,
    smtp: bool | None,
    dev: bool,
) -> int:
    """Serve the Faxes API until SIGTERM or Ctrl-C, send and receive the faxes, and tell of them.

    A stop answers what was asked, takes nothing new, and gives running calls time to end; a
    second signal does not wait. A new process may be started before: both answer meanwhile.
    The description of the API is at /docs and /openapi.json.
    """
    settings = _with_address(common.load().settings, host, port)
    database = open_database(settings)
    threads = Threads(settings.api.threads)
    services = Services(database, settings, threads)
    registry = CollectorRegistry()
    calls = CallCounts(registry)
    notifications = NotificationCounts(registry)
    takes_mails = settings.smtp.enabled if smtp is None else smtp
    mails = MailServer(settings, on_mail=MailCounts(registry).count) if takes_mails else None
    worker = dispatcher = None
    try:
        if not api_only:
            worker = Worker(settings, hub="current", on_result=calls.count)
            dispatcher = Dispatcher(
                settings, fax_view.shown, hub="current", on_attempt=notifications.count
            )
        api = ApiApplication(services, worker.engine.nodes if worker else None, registry)
        server = Server(api, settings.api)
        server.start()
        if mails:
            mails.start()
            click.echo(f"taking mails at {mails.address}", err=True)
        _say(services, server, dev=dev)
        _serve(server, mails, worker, dispatcher, settings)
    finally:
        if worker:
            worker.stop(0.0)
        if mails:
            mails.stop()
        if dispatcher:
            dispatcher.stop(0.0)
        threads.close()
        database.close()
    return 0


def _with_address(settings: Settings, host: str | None, port: int | None) -> Settings:
    given = {"host": host, "port": port}
    change = {name: value for name, value in given.items() if value is not None}
    return settings.model_copy(update={"api": settings.api.model_copy(update=change)})


def _say(services: Services, server: Server, *, dev: bool) -> None:
    click.echo(f"serving {server.url} (description: {server.url}/docs)", err=True)
    if dev:
        _try_out(services, server)
    elif not services.accounts.list():
        click.echo(_FIRST, err=True)


def _try_out(services: Services, server: Server) -> None:
    """Make what is needed for a first fax, and say how to send it."""
    names = {account.id for account in services.accounts.list()}
    if DEFAULT_ACCOUNT not in names:
        services.accounts.create("default", account_id=DEFAULT_ACCOUNT)
    _, secret = services.tokens.create(DEFAULT_ACCOUNT, name="serve --dev", scopes=tuple(Scope))
    place = f"{server.url}/v2/accounts/{DEFAULT_ACCOUNT}/faxes"
    data = '{"data":{"to_number":"15550100","from_number":"15550101"}}'
    click.echo(
        f"account: {DEFAULT_ACCOUNT}\ntoken:   {secret}\n\n"
        f"    curl -X PUT -H 'X-Auth-Token: {secret}' \\\n"
        f"        -F 'content={data};type=application/json' \\\n"
        f"        -F 'content=@letter.pdf;type=application/pdf' \\\n"
        f"        {place}\n",
        err=True,
    )


def _serve(
    server: Server,
    mails: MailServer | None,
    worker: Worker | None,
    dispatcher: Dispatcher | None,
    settings: Settings,
) -> None:
    """Wait for a signal; then end all in order: requests, mails, calls, what is told of them."""
    over = gevent.event.Event()
    stops: list[gevent.Greenlet[..., None]] = []
    threads = gevent.get_hub().threadpool

    def stop(again: bool) -> None:
        if mails and again:
            mails.drain_now()
        taken = threads.spawn(mails.stop) if mails and not again else None
        server.stop(0.0 if again else settings.api.drain)
        if taken:
            taken.get()
        if worker:
            worker.stop(0.0 if again else None)
        if dispatcher:
            dispatcher.stop(0.0 if again else None)
        over.set()

    def signalled() -> None:
        # The first signal drains; the next one only cuts that short.
        stops.append(gevent.spawn(stop, bool(stops)))

    signals = [gevent.hub.signal(number, signalled) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        over.wait()
        gevent.joinall(stops, timeout=5)
    finally:
        for watcher in signals:
            watcher.cancel()
