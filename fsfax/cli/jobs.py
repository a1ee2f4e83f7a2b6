"""``fsfax jobs`` and ``fsfax job``: list jobs, show one with its attempts and documents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click

from fsfax.cli import exits, options
from fsfax.cli.main import Common
from fsfax.cli.show import Show, print_table
from fsfax.cli.store import open_store
from fsfax.db.records import Attempt, Job
from fsfax.db.states import Direction, JobState
from fsfax.jobs.store import JobStore
from fsfax.runtime.sanitize import escaped

_SUFFIXES = {
    "application/pdf": ".pdf",
    "image/tiff": ".tif",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "text/plain": ".txt",
}


@click.command()
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in JobState]),
    help="Only jobs in this state. May be repeated.",
)
@click.option(
    "--direction", type=click.Choice([way.value for way in Direction]), help="Only these."
)
@click.option("--account", "account_id", metavar="ID", help="Only jobs of this account.")
@click.option(
    "--since", type=click.DateTime(), metavar="TIME", help="Only jobs created since (UTC)."
)
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many."
)
@options.as_json
@click.pass_obj
def command(
    common: Common,
    *,
    states: tuple[str, ...],
    direction: str | None,
    account_id: str | None,
    since: datetime | None,
    limit: int,
    as_json: bool | None,
) -> int:
    """List jobs, the newest first."""
    show = Show(as_json)
    with open_store(common.load().settings) as store:
        found = store.list(
            account_id,
            direction=Direction(direction) if direction else None,
            states=[JobState(state) for state in states],
            created_from=since.astimezone() if since else None,
            limit=limit,
        ).jobs
    if show.as_json:
        for job in found:
            show.line({"event": "job", **job.as_dict()})
        return exits.OK
    print_table(
        ("id", "created", "", "number", "state", "pages", "tries"),
        (
            (
                job.id,
                f"{job.created_at:%Y-%m-%d %H:%M}",
                "→" if job.direction is Direction.OUT else "←",
                job.to_number if job.direction is Direction.OUT else job.from_number,
                _state(job),
                f"{job.pages_confirmed}/{job.pages_total}" if job.pages_total else "",
                str(job.attempts or ""),
            )
            for job in found
        ),
        wide="number",
    )
    return exits.OK


@click.command()
@click.argument("job_id")
@click.option(
    "--save",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write the job's documents into FOLDER.",
)
@options.as_json
@click.pass_obj
def show_one(common: Common, *, job_id: str, save: Path | None, as_json: bool | None) -> int:
    """Show a job with its attempts, documents and events."""
    show = Show(as_json)
    with open_store(common.load().settings) as store:
        job = store.get(job_id)
        if show.as_json:
            show.line(
                {
                    "event": "job",
                    **job.as_dict(),
                    "tries": [attempt.as_dict() for attempt in store.attempts(job.id)],
                    "documents": [document.as_dict() for document in store.documents(job.id)],
                    "seen": [event.as_dict() for event in store.events(job.id)],
                }
            )
        else:
            for line in _describe(store, job):
                show.words(line)
        if save:
            for path in _save(store, job, save):
                show.words(f"saved {path}")
    return exits.OK


def _describe(store: JobStore, job: Job) -> Iterator[str]:
    way = "to" if job.direction is Direction.OUT else "from"
    number = job.to_number if job.direction is Direction.OUT else job.from_number
    yield f"{job.id}: {_state(job)}, {way} {escaped(number)}"
    yield f"  created {job.created_at:%Y-%m-%d %H:%M:%S} UTC, account {job.account_id}"
    if job.status_text:
        yield f"  {escaped(job.status_text)}"
    if job.pages_total:
        yield f"  {job.pages_confirmed} of {job.pages_total} page(s) confirmed"
    if job.state is JobState.PENDING and not job.hold:
        yield f"  due {job.due_at:%Y-%m-%d %H:%M:%S} UTC"
    if (result := job.result) and result.error_message:
        yield f"  {escaped(result.error_message)}"
    if result and result.remote_station_id:
        yield f"  the far end calls itself {escaped(result.remote_station_id)!r}"
    for attempt in store.attempts(job.id):
        yield from _describe_attempt(attempt)
    for document in store.documents(job.id):
        removed = ", removed" if document.removed_at else ""
        yield f"  {document.kind}: {document.media_type}, {document.size} bytes{removed}"


def _describe_attempt(attempt: Attempt) -> Iterator[str]:
    plan, mode = attempt.plan, attempt.plan.mode
    yield (
        f"  attempt {attempt.number}, {attempt.started_at:%H:%M:%S} UTC, {attempt.node}:"
        f" {attempt.state}{f' ({attempt.outcome})' if attempt.outcome else ''},"
        f" pages {plan.first_page} to {plan.last_page},"
        f" T.38 {mode.t38}, ECM {_on(mode.ecm)}, V.17 {_on(mode.v17)}"
    )
    for sentence in attempt.why:
        yield f"    {escaped(sentence)}"


def _save(store: JobStore, job: Job, folder: Path) -> Iterator[Path]:
    for document in store.documents(job.id):
        if document.removed_at is None:
            # Not named after the document: its name is input and may contain a path.
            suffix = _SUFFIXES.get(document.media_type, ".bin")
            target = folder / f"{job.id}-{document.kind}-{document.position}{suffix}"
            store.save(document, target)
            yield target


def _state(job: Job) -> str:
    held = f", held ({job.hold})" if job.hold else ""
    return f"{job.state.replace('_', ' ')}{held}"


def _on(value: object) -> str:
    return "on" if value else "off"
