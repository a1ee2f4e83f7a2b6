"""``fsfax serve``: the HTTP API, with a worker and notifications in the same process."""

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

_NO_ACCOUNT = """\
There is no account yet. Create one, and a token for it:

    fsfax account create "My company"
    fsfax token create ACCOUNT_ID
"""


@click.command()
@click.option("--host", help="Address to listen on (default: the setting api.host, 127.0.0.1).")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port; 0 = any free one (default: the setting api.port, 8000).",
)
@click.option(
    "--api-only",
    is_flag=True,
    help="No calls and no notifications in this process: `fsfax worker` runs elsewhere.",
)
@click.option(
    "--smtp/--no-smtp", default=None, help="Accept mails, too (default: the setting smtp.enabled)."
)
@click.option("--dev", is_flag=True, help="Create an account and a token for a first try.")
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
    """Serve the Faxes HTTP API, with a worker beside it.

    The process sends and receives faxes and delivers notifications as well, until SIGTERM or
    Ctrl-C. At a stop it answers running requests, accepts no new ones, and gives running calls
    time to end; a second signal ends it at once. A new process may be started before the old one
    is stopped: both serve in the meantime. The API is described at /docs and /openapi.json.
    """
    settings = _with_address(common.load().settings, host, port)
    database = open_database(settings)
    threads = Threads(settings.api.threads)
    services = Services(database, settings, threads)
    registry = CollectorRegistry()
    calls = CallCounts(registry)
    notifications = NotificationCounts(registry)
    accepts_mails = settings.smtp.enabled if smtp is None else smtp
    mails = MailServer(settings, on_mail=MailCounts(registry).count) if accepts_mails else None
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
            click.echo(f"accepting mails at {mails.address}", err=True)
        _announce(services, server, dev=dev)
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


def _announce(services: Services, server: Server, *, dev: bool) -> None:
    click.echo(f"serving {server.url} (description: {server.url}/docs)", err=True)
    if dev:
        _create_dev_token(services, server)
    elif not services.accounts.list():
        click.echo(_NO_ACCOUNT, err=True)


def _create_dev_token(services: Services, server: Server) -> None:
    """Create the default account and a token; print the curl command of a first fax."""
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
    """Wait for a signal, then end in this order: mails and requests, calls, notifications."""
    stopped = gevent.event.Event()
    stops: list[gevent.Greenlet[..., None]] = []
    threads = gevent.get_hub().threadpool

    def stop(again: bool) -> None:
        if mails and again:
            mails.drain_now()
        stopping = threads.spawn(mails.stop) if mails and not again else None
        server.stop(0.0 if again else settings.api.drain)
        if stopping:
            stopping.get()
        if worker:
            worker.stop(0.0 if again else None)
        if dispatcher:
            dispatcher.stop(0.0 if again else None)
        stopped.set()

    def on_signal() -> None:
        # The first signal drains; the next one shortens that.
        stops.append(gevent.spawn(stop, bool(stops)))

    signals = [gevent.hub.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        stopped.wait()
        gevent.joinall(stops, timeout=5)
    finally:
        for watcher in signals:
            watcher.cancel()
