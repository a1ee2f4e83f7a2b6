"""``fsfax smtp``: mails become faxes."""

from __future__ import annotations

import signal
import threading

import click

from fsfax.cli.main import Common
from fsfax.cli.store import open_database
from fsfax.mail.server import MailServer
from fsfax.settings import Settings


@click.command()
@click.option("--host", help="Address to listen on (default: the settings', 127.0.0.1).")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port (default: the settings', 2525; 0 = any)."
)
@click.pass_obj
def command(common: Common, *, host: str | None, port: int | None) -> int:
    """Take mails to NUMBER@DOMAIN-OF-A-FAXBOX until SIGTERM or Ctrl-C; a worker sends them.

    A mail is answered with 250 when its faxes are in the database, and refused with the reason
    otherwise. A stop lets mails on their way come in; a second signal does not wait.
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
    click.echo(f"taking mails at {server.address}", err=True)
    over.wait()
    return 0


def with_address(settings: Settings, host: str | None, port: int | None) -> Settings:
    """Return settings with another address of the mail server."""
    given = {"host": host, "port": port}
    change = {name: value for name, value in given.items() if value is not None}
    return settings.model_copy(update={"smtp": settings.smtp.model_copy(update=change)})
