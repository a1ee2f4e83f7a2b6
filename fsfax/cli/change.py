"""``fsfax cancel``, ``hold``, ``release`` and ``resubmit``: what a person does to a job."""

from __future__ import annotations

from collections.abc import Callable

import click

from fsfax.cli import exits, options
from fsfax.cli.main import Common
from fsfax.cli.show import Show
from fsfax.cli.store import open_store
from fsfax.db.records import Job
from fsfax.errors import FsfaxError
from fsfax.jobs.store import JobStore

_IDS = click.argument("job_ids", nargs=-1, required=True, metavar="ID...")


@click.command()
@_IDS
@options.as_json
@click.pass_obj
def cancel(common: Common, *, job_ids: tuple[str, ...], as_json: bool | None) -> int:
    """Cancel faxes: one that waits at once, one on the line by ending its call."""
    return _each(common, job_ids, as_json, lambda store, id: store.cancel(id))


@click.command()
@_IDS
@options.as_json
@click.pass_obj
def hold(common: Common, *, job_ids: tuple[str, ...], as_json: bool | None) -> int:
    """Keep pending faxes from being called until they are released."""
    return _each(common, job_ids, as_json, lambda store, id: store.hold(id))


@click.command()
@_IDS
@options.as_json
@click.pass_obj
def release(common: Common, *, job_ids: tuple[str, ...], as_json: bool | None) -> int:
    """Let held faxes be called, also those of which nobody knows whether they arrived."""
    return _each(common, job_ids, as_json, lambda store, id: store.release(id))


@click.command()
@_IDS
@click.option("--to", metavar="NUMBER", help="Another number.")
@options.as_json
@click.pass_obj
def resubmit(
    common: Common, *, job_ids: tuple[str, ...], to: str | None, as_json: bool | None
) -> int:
    """Send faxes that are over, or that came in, once more; prints the new ids."""
    changes = {"to_number": to} if to else {}
    return _each(common, job_ids, as_json, lambda store, id: store.resubmit(id, changes=changes))


def _each(
    common: Common,
    job_ids: tuple[str, ...],
    as_json: bool | None,
    change: Callable[[JobStore, str], Job],
) -> int:
    """Change one after the other; one that cannot be changed does not keep the others back."""
    show = Show(as_json)
    code = exits.OK
    with open_store(common.load().settings) as store:
        for job_id in job_ids:
            try:
                job = change(store, job_id)
            except FsfaxError as error:
                click.echo(f"fsfax: {error}", err=True)
                code = exits.code_of(error)
                continue
            if show.as_json:
                show.line({"event": "job", **job.as_dict()})
            else:
                asked = (
                    ", its call is being ended"
                    if job.cancel_asked and not (job.state.is_final)
                    else ""
                )
                held = f", held ({job.hold})" if job.hold else ""
                show.words(f"{job.id} {job.state}{held}{asked}")
    return code
