"""The stores, settings and threads that all resources of the API use."""

from __future__ import annotations

from fsfax.accounts.accounts import Accounts
from fsfax.accounts.faxboxes import Faxbox, Faxboxes
from fsfax.accounts.tokens import Tokens
from fsfax.api import fax_view
from fsfax.api.envelope import bad_identifier
from fsfax.db.database import Database
from fsfax.db.records import Job
from fsfax.db.states import Direction, JobState
from fsfax.errors import FaxboxNotFound, JobNotFound
from fsfax.jobs.store import JobStore
from fsfax.mail.smtplog import SmtpLog
from fsfax.notify.deliveries import Deliveries
from fsfax.notify.subscriptions import Webhooks
from fsfax.runtime.threads import Threads
from fsfax.settings import Settings

FaxboxId = str | None
"""The faxbox that a path names, None where it names none."""


class Services:
    """The stores of the database, and what they are used with.

    Args:
        database: the database of all stores.
        settings: the settings of the service.
        threads: real threads for database work, so that no request blocks another one.
    """

    def __init__(self, database: Database, settings: Settings, threads: Threads) -> None:
        self.database = database
        self.settings = settings
        self.threads = threads
        self.store = JobStore(database)
        self.accounts = Accounts(database)
        self.tokens = Tokens(database)
        self.faxboxes = Faxboxes(database, domain=settings.smtp.domain)
        self.smtplog = SmtpLog(database)
        self.webhooks = Webhooks(database)
        self.deliveries = Deliveries(database)
        self.streams = 0
        """Open streams of server-sent events."""

    def job(
        self,
        account_id: str,
        fax_id: str,
        direction: Direction,
        faxbox_id: FaxboxId = None,
        *,
        final: bool = False,
    ) -> Job:
        """Return a fax of an account and, if given, of a faxbox; ``final``: only a final one.

        Raises:
            ApiError: 404, there is none; a fax of another account counts as none.
        """
        try:
            job = self.threads.run(self.store.get, fax_id, account_id)
        except JobNotFound as error:
            raise bad_identifier(fax_id) from error
        other = faxbox_id is not None and job.faxbox_id != faxbox_id
        if other or job.direction is not direction or (final and not job.state.is_final):
            raise bad_identifier(fax_id)
        return job

    def live_text(self, job: Job) -> str | None:
        """Return the present step of a job's call, None if it has no call."""
        if job.state is not JobState.PROCESSING:
            return None
        return fax_view.live_text(job, self.threads.run(self.store.last_event, job.id))

    def faxbox(self, account_id: str, faxbox_id: FaxboxId) -> Faxbox | None:
        """Return the faxbox that a path names, None if it names none.

        Raises:
            ApiError: 404, there is no such faxbox.
        """
        if faxbox_id is None:
            return None
        try:
            return self.threads.run(self.faxboxes.get, faxbox_id, account_id)
        except FaxboxNotFound as error:
            raise bad_identifier(faxbox_id) from error
