"""``fsfax submit``: store a durable job, which a worker sends."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from fsfax.cli import exits, options
from fsfax.cli.follow import follow
from fsfax.cli.main import Common
from fsfax.cli.show import Show
from fsfax.cli.store import open_store
from fsfax.db.records import NewFax
from fsfax.egress.request import FetchRequest
from fsfax.errors import InvalidRequest
from fsfax.values.preferences import SendPreferences


@click.command(epilog=exits.POINTER)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--to", "to_number", required=True, metavar="NUMBER", help="Number to call.")
@click.option("--url", metavar="URL", help="Fetch the document from URL instead of FILES.")
@click.option(
    "--method",
    type=click.Choice(["get", "post"]),
    default="get",
    show_default=True,
    help="HTTP method for --url.",
)
@click.option("--from", "from_number", default="", metavar="NUMBER", help="Caller id.")
@click.option("--name", "from_name", default="", metavar="TEXT", help="Caller name.")
@click.option("--to-name", default="", metavar="TEXT", help="Name of the recipient.")
@click.option(
    "--retries",
    type=int,
    default=1,
    show_default=True,
    help="Retries after the first attempt, 0 to 4.",
)
@click.option(
    "--priority",
    type=int,
    default=0,
    show_default=True,
    help="-100 to 100; higher is called first.",
)
@click.option(
    "--not-before", metavar="TIME", help="No call before TIME (ISO 8601: 2026-12-24T18:00+00:00)."
)
@click.option(
    "--gateway",
    "gateways",
    multiple=True,
    metavar="NAME",
    help="Sofia gateway to dial over. May be repeated.",
)
@click.option(
    "--account",
    "account_id",
    metavar="ID",
    help="Account of the fax (default: the default account).",
)
@click.option(
    "--key",
    "idempotency_key",
    metavar="TEXT",
    help="Idempotency key: the same key creates one job only.",
)
@click.option("--ident", metavar="TEXT", help="Station id (TSI) to send, at most 20 characters.")
@click.option("--header", metavar="TEXT", help="Text in the header line of each page.")
@click.option("--t38", type=click.Choice(["off", "on", "required"]), help="Use of T.38.")
@click.option("--ecm/--no-ecm", default=None, help="Error correction mode.")
@click.option("--v17/--no-v17", default=None, help="Allow modems above 9,600 bit/s.")
@click.option("--wait", is_flag=True, help="Show the progress and wait for the result.")
@options.resolution
@options.as_json
@click.pass_obj
def command(  # one argument an option
    common: Common,
    /,
    *,
    files: tuple[Path, ...],
    url: str | None,
    method: Any,
    not_before: str | None,
    gateways: tuple[str, ...],
    wait: bool,
    as_json: bool | None,
    **given: Any,
) -> int:
    """Store FILES as one durable fax job and print its id.

    Exit code 0 means that the job is on disk and will not be lost; a worker (`fsfax worker`) sends
    it. With --wait the exit code is that of the fax.
    """
    preferences = SendPreferences(
        **{name: given.pop(name) for name in ("ident", "header", "t38", "ecm", "v17", "resolution")}
    )
    fax = NewFax(
        documents=files,
        source=FetchRequest(url=url, method=method) if url else None,
        not_before=_time(not_before),
        gateways=gateways,
        preferences=preferences,
        **given,
    )
    show = Show(as_json)
    with open_store(common.load().settings) as store:
        job = store.accept(fax)
        if show.as_json:
            show.line({"event": "accepted", **job.as_dict()})
        else:
            click.echo(job.id)
        return follow(store, job.id, show) if wait else exits.OK


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest(
            f"--not-before {text!r} is not a time in ISO 8601, such as 2026-12-24T18:00+00:00"
        ) from error
