"""``fsfax smtp``: the mail server of email to fax."""

from __future__ import annotations

import signal
import threading

import click

from fsfax.cli.main import Common
from fsfax.cli.store import open_database
from fsfax.mail.server import MailServer
from fsfax.settings import Settings


@click.command()
@click.option("--host", help="Address to listen on (default: the setting smtp.host, 127.0.0.1).")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port; 0 = any free one (default: the setting smtp.port, 2525).",
)
@click.pass_obj
def command(common: Common, *, host: str | None, port: int | None) -> int:
    """Accept mails and store their documents as fax jobs.

    Recipients are NUMBER@DOMAIN-OF-A-FAXBOX; a worker sends the faxes. A mail is answered with
    250 when its faxes are in the database, and refused with the reason otherwise. SIGTERM or
    Ctrl-C ends the server after the mails in progress; a second signal ends it at once.
    """
    settings = with_address(common.load().settings, host, port)
    open_database(settings).close()
    server = MailServer(settings)
    stops: list[threading.Thread] = []
    over = threading.Event()

    def end() -> None:
        server.stop()
        over.set()

    def stop(*_: object) -> None:
        # The first signal drains; the next one cuts that short.
        if stops:
            server.drain_now()
            return
        stops.append(threading.Thread(target=end))
        stops[0].start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    server.start()
    click.echo(f"accepting mails at {server.address}", err=True)
    over.wait()
    return 0


def with_address(settings: Settings, host: str | None, port: int | None) -> Settings:
    """Return the settings with another address for the mail server."""
    given = {"host": host, "port": port}
    change = {name: value for name, value in given.items() if value is not None}
    return settings.model_copy(update={"smtp": settings.smtp.model_copy(update=change)})
