"""What every call of the API works with: the doors of the store, threads, settings."""

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


class Services:
    """The doors of the store, opened once.

    Args:
        database: where everything is.
        settings: the service's.
        threads: where the database is used, so that no request waits for another one's.
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
        """Clients that follow a fax."""

    def job(
        self,
        account_id: str,
        fax_id: str,
        direction: Direction,
        faxbox_id: str | None = None,
        *,
        over: bool = False,
    ) -> Job:
        """Return a fax of an account, of its faxbox if one is named; ``over``: only if it is.

        Raises:
            Refusal: 404, there is none: what belongs to somebody else does not exist.
        """
        try:
            job = self.threads.run(self.store.get, fax_id, account_id)
        except JobNotFound as error:
            raise bad_identifier(fax_id) from error
        other = faxbox_id is not None and job.faxbox_id != faxbox_id
        if other or job.direction is not direction or (over and not job.state.is_final):
            raise bad_identifier(fax_id)
        return job

    def live(self, job: Job) -> str | None:
        """Return what happens on the line, None where nothing does."""
        if job.state is not JobState.PROCESSING:
            return None
        return fax_view.live_text(job, self.threads.run(self.store.last_event, job.id))

    def faxbox(self, account_id: str, faxbox_id: str | None) -> Faxbox | None:
        """Return the faxbox that an address names, None if it names none.

        Raises:
            Refusal: 404, there is none.
        """
        if faxbox_id is None:
            return None
        try:
            return self.threads.run(self.faxboxes.get, faxbox_id, account_id)
        except FaxboxNotFound as error:
            raise bad_identifier(faxbox_id) from error
