"""Any order of requests, against a model: created faxes exist, removed ones do not, and no list
omits or repeats a fax.

Each example has an account of its own in one service, with a worker that really sends.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from PIL import Image

from fsfax.cli.sample import sample_pdf
from tests.api.conftest import ServiceFactory
from tests.api.service import Service, until

LATER = "2099-01-01T00:00:00Z"
GOOD = "15550123"
OVER = ("completed", "failed", "cancelled")


@dataclass
class Fax:
    """A fax of the model."""

    id: str
    number: str
    pages: int
    status: str = "pending"
    documents: bool = True
    removed: bool = False
    labels: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def service(new_service: ServiceFactory) -> Service:
    return new_service(jobs__account_calls=8)


class Client(RuleBasedStateMachine):
    """A client, and a client of another account."""

    service: Service
    faxes = Bundle("faxes")
    over = Bundle("over")

    @initialize()
    def begin(self) -> None:
        self.known: list[Fax] = []
        self.account = self.service.accounts.create("sequences").id
        token = self.service.new_token(self.account)
        self.client = httpx.Client(
            base_url=f"{self.service.url}/v2/accounts/{self.account}",
            headers={"X-Auth-Token": token},
            timeout=30,
        )
        self.stranger = httpx.Client(
            base_url=self.client.base_url, headers={"X-Auth-Token": self.service.token}
        )

    def teardown(self) -> None:
        if hasattr(self, "client"):
            for fax in self.known:
                if fax.status == "pending" and not fax.removed:
                    self.client.delete(f"/faxes/outgoing/{fax.id}")
            self.client.close()
            self.stranger.close()

    # --- making ---------------------------------------------------------------------------

    def _made(self, answer: httpx.Response, number: str, pages: int, **more: Any) -> Fax:
        assert answer.status_code == 201, answer.text
        data = answer.json()["data"]
        assert answer.headers["Location"].endswith(f"/faxes/outgoing/{data['id']}")
        assert (data["status"], data["to_number"]) in {
            ("attaching_files", number),
            ("pending", number),
        }
        assert data["id"] not in {fax.id for fax in self.known}
        fax = Fax(data["id"], number, pages, **more)
        self.known.append(fax)
        return fax

    def _put(self, number: str, pages: int, key: str = "", **more: Any) -> httpx.Response:
        data = {"to_number": number, "from_number": "1", "retries": 0, **more}
        return self.client.put(
            "/faxes",
            files=[
                ("content", ("fax.json", json.dumps({"data": data}), "application/json")),
                ("content", ("a.pdf", sample_pdf(pages), "application/pdf")),
            ],
            headers={"Idempotency-Key": key} if key else {},
        )

    @rule(
        target=faxes,
        pages=st.integers(1, 3),
        labels=st.lists(st.sampled_from("abc"), unique=True),
    )
    def make(self, pages: int, labels: list[str]) -> Fax:
        answer = self._put(GOOD, pages, not_before=LATER, labels=labels)
        return self._made(answer, GOOD, pages, labels=labels)

    @rule(target=faxes, key=st.uuids(), times=st.integers(2, 3))
    def make_once(self, key: object, times: int) -> Fax:
        answers = [self._put(GOOD, 1, str(key), not_before=LATER) for _ in range(times)]
        assert len({answer.json()["data"]["id"] for answer in answers}) == 1
        return self._made(answers[0], GOOD, 1)

    @rule(target=over, good=st.booleans())
    def send(self, good: bool) -> Fax:
        number = GOOD if good else "5550101"
        fax = self._made(self._put(number, 1), number, 1)
        self._ended(fax, "completed" if good else "failed")
        return fax

    def _ended(self, fax: Fax, status: str) -> None:
        fax.status = status

        def seen() -> dict[str, Any] | None:
            data: dict[str, Any] = self.client.get(f"/faxes/outgoing/{fax.id}").json()["data"]
            return data if data["status"] in OVER else None

        data = until(seen, "it is over")
        assert data["status"] == status, data
        assert data["tx_result"]["success"] is (status == "completed")
        assert data["tx_result"]["pages_sent"] == (fax.pages if status == "completed" else 0)

    # --- changing -------------------------------------------------------------------------

    @rule(target=over, fax=consumes(faxes))
    def cancel(self, fax: Fax) -> Any:
        answer = self.client.delete(f"/faxes/outgoing/{fax.id}")
        assert answer.status_code == 200, answer.text
        self._ended(fax, "cancelled")
        return fax

    @rule(fax=over)
    def cancel_too_late(self, fax: Fax) -> None:
        answer = self.client.delete(f"/faxes/outgoing/{fax.id}")
        assert answer.status_code == (404 if fax.removed else 409), answer.text

    @rule(target=faxes, fax=over)
    def resubmit(self, fax: Fax) -> Any:
        body = {"action": "resubmit", "data": {"not_before": LATER}}
        answer = self.client.put(f"/faxes/outbox/{fax.id}", json=body)
        if fax.removed or not fax.documents:
            assert answer.status_code == (404 if fax.removed else 409), answer.text
            return multiple()
        return self._made(answer, fax.number, fax.pages, labels=fax.labels)

    @rule(fax=over)
    def remove_documents(self, fax: Fax) -> None:
        answer = self.client.delete(f"/faxes/outbox/{fax.id}/attachment")
        assert answer.status_code == (404 if fax.removed else 200), answer.text
        fax.documents = False

    @rule(fax=over)
    def remove(self, fax: Fax) -> None:
        answer = self.client.delete(f"/faxes/outbox/{fax.id}")
        assert answer.status_code == (404 if fax.removed else 200), answer.text
        fax.removed = True

    @rule(fax=faxes)
    def remove_too_early(self, fax: Fax) -> None:
        assert self.client.delete(f"/faxes/outbox/{fax.id}").status_code == 404
        assert self.client.delete(f"/faxes/outbox/{fax.id}/attachment").status_code == 404

    # --- looking --------------------------------------------------------------------------

    @rule(fax=faxes)
    def show(self, fax: Fax) -> None:
        data = self.client.get(f"/faxes/outgoing/{fax.id}").json()["data"]
        assert data["status"] in ("attaching_files", "pending")
        assert data["labels"] == fax.labels if fax.labels else not data.get("labels")
        assert self.client.get(f"/faxes/outbox/{fax.id}").status_code == 404

    @rule(fax=over)
    def show_over(self, fax: Fax) -> None:
        answer = self.client.get(f"/faxes/outbox/{fax.id}")
        if fax.removed:
            assert answer.status_code == 404
            assert self.client.get(f"/faxes/outgoing/{fax.id}").status_code == 404
            return
        data = answer.json()["data"]
        assert (data["id"], data["status"]) == (fax.id, fax.status)
        same = self.client.get(f"/faxes/outbox/{fax.id}", headers={"If-None-Match": "x"})
        assert same.json()["data"] == data

    @rule(fax=over, form=st.sampled_from(["pdf", "tiff", "original"]))
    def fetch(self, fax: Fax, form: str) -> None:
        answer = self.client.get(f"/faxes/outbox/{fax.id}/attachment", params={"format": form})
        if fax.removed or not fax.documents:
            assert answer.status_code == 404, answer.text
        elif answer.status_code == 406:
            # It was cancelled before its pages were drawn.
            assert fax.status == "cancelled"
            assert form == "tiff"
        elif form == "tiff":
            assert Image.open(io.BytesIO(answer.content)).n_frames == fax.pages  # type: ignore[attr-defined]
        else:
            assert answer.content.startswith(b"%PDF-")

    @rule(
        size=st.integers(1, 4),
        ascending=st.booleans(),
        folder=st.sampled_from(["outbox", "outgoing"]),
        only=st.sampled_from([None, "completed", "failed", "cancelled"]),
    )
    def list_by_pages(self, size: int, ascending: bool, folder: str, only: str | None) -> None:
        query: dict[str, Any] = {"page_size": size}
        if ascending:
            query["ascending"] = "true"
        if only:
            query["filter_status"] = only
        found: list[str] = []
        while True:
            answer = self.client.get(f"/faxes/{folder}", params=query).json()
            rows = answer["data"]
            assert not {row["id"] for row in rows} & set(found), "no page repeats another's"
            found += [row["id"] for row in rows]
            assert answer["page_size"] == len(rows) <= size
            if "next_start_key" not in answer:
                break
            assert len(rows) == size, "only the last page may be short"
            query["start_key"] = answer["next_start_key"]
        wanted = [
            fax.id
            for fax in self.known
            if not fax.removed
            and (fax.status in OVER) is (folder == "outbox")
            and only in (None, fax.status)
        ]
        assert found == (wanted if ascending else wanted[::-1])

    @rule(fax=st.one_of(faxes, over), folder=st.sampled_from(["outbox", "outgoing"]))
    def another_account(self, fax: Fax, folder: str) -> None:
        """An account's token is refused in another account, and so is its id in that account."""
        assert self.stranger.get(f"/faxes/{folder}/{fax.id}").status_code in (401, 403)
        theirs = self.service.client
        for answer in (
            theirs.get(f"/faxes/{folder}/{fax.id}"),
            theirs.delete(f"/faxes/{folder}/{fax.id}"),
            theirs.put(f"/faxes/outbox/{fax.id}", json={"action": "resubmit"}),
            theirs.get(f"/faxes/outbox/{fax.id}/attachment"),
            theirs.delete(f"/faxes/outbox/{fax.id}/attachment"),
        ):
            assert answer.status_code == 404, answer.text

    @invariant()
    def nothing_comes_in(self) -> None:
        if hasattr(self, "client"):
            assert self.client.get("/faxes/inbox").json()["data"] == []


def test_any_order(service: Service) -> None:
    machine = type("OfService", (Client,), {"service": service})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            # A failure is made small; the small one shows why it fails.
            phases=[Phase.generate, Phase.shrink],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    text = service.log.read_text()
    assert "request_failed" not in text
    assert "Traceback" not in text
