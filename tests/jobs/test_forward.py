"""Forwarding: which faxes are sent on, with which values, and never in a loop."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fsfax.accounts.accounts import Account, Accounts
from fsfax.accounts.faxboxes import Faxbox, Faxboxes
from fsfax.db.database import Database
from fsfax.db.records import Job
from fsfax.db.states import Direction, JobState
from fsfax.jobs.inbound_faxes import InboundFaxes
from fsfax.jobs.store import JobStore
from fsfax.settings import InboundSettings
from fsfax.values.results import RxResult
from tests.jobs.inbound_results import NUMBER, broken_off


class TestForwarding:
    @pytest.fixture
    def box(self, boxes: Faxboxes, mine: Account) -> Faxbox:
        return boxes.create(
            mine.id,
            {
                "name": "Desk",
                "numbers": [NUMBER],
                "forward_to": "+1 555 0111",
                "caller_id": "+353 1 555 0177",
                "caller_name": "Desk",
                "fax_header": "DESK",
                "retries": 2,
                "media": {"fax_option": False},
            },
        )

    @staticmethod
    def forwarded(store: JobStore) -> list[Job]:
        return list(store.list(direction=Direction.OUT).jobs)

    def test_a_complete_fax_is_forwarded_once(
        self,
        store: JobStore,
        box: Faxbox,
        incoming: InboundFaxes,
        fax: Callable[..., RxResult],
        mine: Account,
    ) -> None:
        result = fax()
        came = incoming.store(result)
        incoming.store(result)  # as after a crash
        (job,) = self.forwarded(store)
        assert (job.account_id, job.faxbox_id) == (mine.id, box.id)
        assert (job.to_number, job.dial_number) == ("+1 555 0111", "+15550111")
        assert (job.from_number, job.from_name) == ("+353 1 555 0177", "Desk")
        assert (job.retries, job.preferences.header, job.preferences.t38) == (2, "DESK", "off")
        assert (job.resubmit_of, job.fields["forwarded_from"]) == (came.id, came.id)
        assert job.state is JobState.ATTACHING_FILES
        (document,) = store.documents(job.id)
        (original,) = store.documents(came.id)
        assert (document.kind, document.sha256) == ("original", original.sha256)
        assert [
            event.data["job"] for event in store.events(came.id) if event.kind == "forwarded"
        ] == [job.id]

    def test_without_a_caller_id_it_is_sent_from_the_called_number(
        self,
        store: JobStore,
        boxes: Faxboxes,
        box: Faxbox,
        incoming: InboundFaxes,
        fax: Callable[..., RxResult],
    ) -> None:
        boxes.change(box.id, {"caller_id": None, "retries": None})
        incoming.store(fax("0035315550100"))
        (job,) = self.forwarded(store)
        assert (job.from_number, job.retries) == ("0035315550100", 3)

    @pytest.mark.usefixtures("box")
    def test_an_incomplete_fax_is_not_forwarded(
        self, store: JobStore, incoming: InboundFaxes, fax: Callable[..., RxResult]
    ) -> None:
        result = fax()
        job = incoming.store(broken_off(result))
        assert (job.state, job.pages_confirmed) == (JobState.FAILED, 1)
        assert self.forwarded(store) == []
        # The whole file was found later.
        assert incoming.store(result).state is JobState.COMPLETED
        assert len(self.forwarded(store)) == 1

    @pytest.mark.parametrize(
        ("target", "why"),
        [
            ("+15550199", "it came from that very number"),
            ("001 5550199 00", None),
            ("+353 1 555 0101", "the account's own"),
            ("+353 1 555 0102", "the account's own"),
            ("+49 30 1234567", "forwarded as well"),
            ("+49 30 1234568", None),  # another account's, which does not forward
        ],
    )
    def test_never_in_a_loop(
        self,
        database: Database,
        store: JobStore,
        boxes: Faxboxes,
        box: Faxbox,
        mine: Account,
        incoming: InboundFaxes,
        fax: Callable[..., RxResult],
        target: str,
        why: str | None,
    ) -> None:
        accounts = Accounts(database)
        accounts.change(mine.id, numbers=["0035315550101"])
        boxes.create(mine.id, {"name": "Second", "numbers": ["0035315550102"]})
        other = accounts.create("other", numbers=["49301234568"])
        boxes.create(
            other.id, {"name": "Far", "numbers": ["49301234567"], "forward_to": "+35315550100"}
        )
        boxes.change(box.id, {"forward_to": target})
        job = incoming.store(fax())
        assert job.state is JobState.COMPLETED, "it is stored, forwarded or not"
        assert len(store.documents(job.id)) == 1
        said = [s.data["why"] for s in store.events(job.id) if s.kind == "not_forwarded"]
        assert len(self.forwarded(store)) == (1 if why is None else 0)
        assert len(said) == (0 if why is None else 1)
        assert all(why and why in each for each in said)

    def test_not_to_the_number_that_was_called(
        self,
        database: Database,
        store: JobStore,
        box: Faxbox,
        fax: Callable[..., RxResult],
    ) -> None:
        """A faxbox for unassigned numbers whose forwarding calls this service."""
        inbox = InboundFaxes(database, InboundSettings(faxbox=box.id))
        inbox.store(fax("2"))
        job = inbox.store(fax("15550111"))
        assert len(self.forwarded(store)) == 1
        assert [s.data["why"] for s in store.events(job.id) if s.kind == "not_forwarded"] == [
            "it came to that very number"
        ]
