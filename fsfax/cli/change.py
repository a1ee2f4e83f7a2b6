"""``fsfax cancel``, ``hold``, ``release`` and ``resubmit``: change jobs, or send them again."""

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
    """Cancel jobs; a running call is ended.

    A job that waits is cancelled at once, one on the line when its call has ended.
    """
    return _each(common, job_ids, as_json, lambda store, id: store.cancel(id))


@click.command()
@_IDS
@options.as_json
@click.pass_obj
def hold(common: Common, *, job_ids: tuple[str, ...], as_json: bool | None) -> int:
    """Hold pending jobs: no call until they are released."""
    return _each(common, job_ids, as_json, lambda store, id: store.hold(id))


@click.command()
@_IDS
@options.as_json
@click.pass_obj
def release(common: Common, *, job_ids: tuple[str, ...], as_json: bool | None) -> int:
    """Release held jobs, so that they are called.

    A job that is held because the fate of its call is unknown may deliver its fax a second time.
    """
    return _each(common, job_ids, as_json, lambda store, id: store.release(id))


@click.command()
@_IDS
@click.option("--to", metavar="NUMBER", help="Send to this number instead.")
@options.as_json
@click.pass_obj
def resubmit(
    common: Common, *, job_ids: tuple[str, ...], to: str | None, as_json: bool | None
) -> int:
    """Send finished or received faxes once more.

    Each becomes a new job, whose id is printed.
    """
    changes = {"to_number": to} if to else {}
    return _each(common, job_ids, as_json, lambda store, id: store.resubmit(id, changes=changes))


def _each(
    common: Common,
    job_ids: tuple[str, ...],
    as_json: bool | None,
    change: Callable[[JobStore, str], Job],
) -> int:
    """Change each job; print the error of one that cannot be changed and go on.

    Return the exit code of the last error, 0 if there was none.
    """
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
                ending = job.cancel_asked and not job.state.is_final
                asked = ", its call is being ended" if ending else ""
                held = f", held ({job.hold})" if job.hold else ""
                show.words(f"{job.id} {job.state}{held}{asked}")
    return code
