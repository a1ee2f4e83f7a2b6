"""Create, follow, cancel and forward faxes, in a running service."""

from __future__ import annotations

import base64
import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from fsfax.accounts.faxboxes import Faxboxes
from fsfax.softswitch import number_of
from tests.api.service import Service, problem, until

pytestmark = pytest.mark.spandsp

LATER = "2099-01-01T00:00:00Z"
TO = "15550123"


class TestCreate:
    def test_the_answer(self, service: Service, letter: Path) -> None:
        data = {"to_number": "+353 1 (555) 0123", "from_number": "1", "not_before": LATER}
        parts = [
            ("a", ("", json.dumps({"data": data}), "application/json")),
            ("b", ("letter.pdf", letter.read_bytes(), "application/pdf")),
        ]
        answer = service.client.put("/faxes", files=parts)
        made = answer.json()["data"]
        assert answer.status_code == 201
        assert answer.headers["Location"].endswith(f"/faxes/outgoing/{made['id']}")
        assert answer.headers["ETag"]
        assert made["to_number"] == data["to_number"], "as it was given"
        assert service.store.get(made["id"]).dial_number == "+35315550123"
        followed = service.client.get(service.url + answer.headers["Location"]).json()["data"]
        assert followed["id"] == made["id"]

    def test_unknown_fields_are_stored(self, service: Service, letter: Path) -> None:
        more = {
            "not_before": LATER,
            "flags": ["x"],
            "custom_sip_headers": {"X-A": "1"},
            "notifications": {"email": {"send_to": ["a@example.com", "b@example.com"]}},
            "id": "mine",
            "status": "completed",
        }
        made = service.send(letter, TO, **more)
        shown = service.get(f"/faxes/outgoing/{made['id']}")
        for name in ("flags", "custom_sip_headers", "notifications"):
            assert shown[name] == more[name]
        assert shown["id"] == made["id"] != "mine"
        assert shown["status"] != "completed"

    def test_both_forms_of_an_id(self, service: Service, letter: Path) -> None:
        id = service.send(letter, TO, not_before=LATER)["id"]
        assert service.get(f"/faxes/outgoing/{id[7:]}")["id"] == id

    def test_an_idempotency_key_makes_one_fax(self, service: Service) -> None:
        body = {
            "data": {
                "to_number": TO,
                "from_number": "1",
                "document": {"url": "https://example.com/a.pdf"},
                "not_before": LATER,
            }
        }
        ids = {
            service.client.put("/faxes", json=body, headers={"Idempotency-Key": "k1"}).json()[
                "data"
            ]["id"]
            for _ in range(3)
        }
        assert len(ids) == 1
        other = service.client.put("/faxes", json=body, headers={"Idempotency-Key": "k2"})
        assert other.json()["data"]["id"] not in ids

    @pytest.mark.parametrize(
        ("data", "path", "rule", "message"),
        [
            ({}, "to_number", "required", "Field is required but missing"),
            ({"retries": 5}, "retries", "maximum", "Value must be at most 4"),
            ({"retries": -1}, "retries", "minimum", "Value must be at least 0"),
            ({"retries": "x"}, "retries", "type", "Value did not match type(s): integer"),
            ({"to_number": []}, "to_number", "type", "Value did not match type(s): string"),
            ({"to_number": ""}, "to_number", "minLength", "String must be at least 1 characters"),
            (
                {"document": {"url": "ftp://x/a"}},
                "document.url",
                "pattern",
                "Failed to match pattern '^https?://'",
            ),
            (
                {"document": {"url": "http://x/a", "content": "x" * 257}},
                "document.content",
                "maxLength",
                "String must not be more than 256 characters",
            ),
            (
                {"document": {"url": "http://x/a", "method": "put"}},
                "document.method",
                "enum",
                "Value not found in enumerated list of values",
            ),
            (
                {"notifications": {"email": {"send_to": "nobody"}}},
                "notifications.email.send_to",
                "pattern",
                None,
            ),
            (
                {"to_number": "nonsense", "document": {"url": "http://x/a"}},
                "document.to_number",
                "required",
                "add a valid number to send the fax to",
            ),
            (
                {"to_number": "1"},
                "document.url",
                "required",
                "add document url or upload a document",
            ),
            ({"not_before": "tomorrow"}, "not_before", "wrong_format", None),
        ],
    )
    def test_broken_rules(
        self, service: Service, data: dict[str, Any], path: str, rule: str, message: str | None
    ) -> None:
        whole = {"from_number": "1"} | (
            {} if "to_number" in data or not data else {"to_number": TO}
        )
        answer = service.client.put("/faxes", json={"data": {**whole, **data}})
        errors = problem(answer, 400)[path][rule]
        assert message is None or errors["message"] == message

    def test_numbers_may_be_json_numbers(self, service: Service) -> None:
        data = {"to_number": 15550100, "from_number": 1, "retries": "3", "not_before": LATER}
        answer = service.client.put(
            "/faxes", json={"data": {**data, "document": {"url": "http://example.com/a"}}}
        )
        made = answer.json()["data"]
        assert (made["to_number"], made["retries"]) == ("15550100", 3)

    def test_a_raw_document(self, service: Service, letter: Path) -> None:
        answer = service.client.put(
            "/faxes",
            params={"to_number": TO, "from_number": "1", "not_before": LATER},
            content=letter.read_bytes(),
            headers={"Content-Type": "application/pdf"},
        )
        assert answer.status_code == 201, answer.text
        (document,) = service.store.documents(answer.json()["data"]["id"])
        assert document.size == letter.stat().st_size

    def test_a_part_in_base64(self, service: Service, letter: Path) -> None:
        data = json.dumps({"data": {"to_number": TO, "from_number": "1", "not_before": LATER}})
        coded = base64.encodebytes(letter.read_bytes()).decode()
        body = (
            f"--b\r\nContent-Type: application/json\r\n\r\n{data}\r\n"
            "--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            f"{coded}\r\n--b--\r\n"
        )
        headers = {"Content-Type": "multipart/related; boundary=b"}
        answer = service.client.put("/faxes", content=body, headers=headers)
        assert answer.status_code == 201, answer.text
        (document,) = service.store.documents(answer.json()["data"]["id"])
        assert b"".join(service.store.read(document)) == letter.read_bytes()

    def test_several_documents_make_one_fax(self, service: Service, letter: Path) -> None:
        data = json.dumps({"data": {"to_number": TO, "from_number": "1"}})
        parts = [
            ("x", ("f.json", data, "application/json")),
            ("x", ("one.pdf", letter.read_bytes(), "application/pdf")),
            ("x", ("two.txt", b"Dear all", "text/plain")),
        ]
        made = service.client.put("/faxes", files=parts).json()["data"]
        done = service.over(made["id"])
        assert done["tx_result"]["pages_sent"] == 3
        originals = [d for d in service.store.documents(made["id"]) if d.kind == "original"]
        assert [document.name for document in originals] == ["one.pdf", "two.txt"]
        answer = service.client.get(f"/faxes/outbox/{made['id']}/attachment?format=original")
        with zipfile.ZipFile(BytesIO(answer.content)) as archive:
            assert archive.namelist() == ["1.pdf", "2.txt"]
            assert archive.read("2.txt") == b"Dear all"

    def test_a_file_that_is_not_a_document(self, service: Service) -> None:
        data = json.dumps({"data": {"to_number": TO, "from_number": "1"}})
        parts = [
            ("x", ("f.json", data, "application/json")),
            ("x", ("a.exe", b"MZ\x90\0" + bytes(range(256)), "application/pdf")),
        ]
        errors = problem(service.client.put("/faxes", files=parts), 400)
        assert "fsfax-upload" not in json.dumps(errors)
        assert errors["file"]["invalid"]["cause"] == "unsupported"

    @pytest.mark.parametrize("to", ["a@b.org\n", "a@b@c.org", "a\x7f@b.org", "ä@b.org", "@"])
    def test_recipients_that_are_refused(self, service: Service, letter: Path, to: str) -> None:
        fax = {
            "to_number": "1", "from_number": "2", "document": {"url": "https://a.org/x"},
            "notifications": {"email": {"send_to": to}},
        }  # fmt: skip
        answer = service.client.put("/faxes", json={"data": fax})
        assert answer.status_code == 400
        assert any(name.startswith("notifications.email.send_to") for name in answer.json()["data"])


class TestFate:
    def test_busy_after_its_retries(self, service: Service, letter: Path) -> None:
        made = service.send(letter, number_of("busy"), retries=0)
        done = service.over(made["id"])
        result = done["tx_result"]
        assert (done["status"], done["attempts"]) == ("failed", 1)
        assert (result["result_cause"], result["success"]) == ("USER_BUSY", False)
        assert "busy" in result["error_message"].lower()
        assert done["id"] in [row["id"] for row in service.get("/faxes/outbox")]

    def test_a_url_that_may_not_be_fetched(self, service: Service) -> None:
        data = {"to_number": TO, "from_number": "1", "document": {"url": "http://127.0.0.1:9/a"}}
        made = service.client.put("/faxes", json={"data": data}).json()["data"]
        done = service.over(made["id"])
        assert done["status"] == "failed"
        assert "not fetched from loopback" in done["tx_result"]["error_message"]

    def test_the_present_step_and_cancellation(self, service: Service, letter: Path) -> None:
        id = service.send(letter, number_of("stall_in_page_2"))["id"]
        texts: list[str] = []

        def page_1() -> bool:
            texts.append(service.get(f"/faxes/outgoing/{id}")["status"])
            return texts[-1] == "Sent Page 1 of 2"

        until(page_1, "page 1")
        assert id not in [row["id"] for row in service.get("/faxes/outbox")]
        answer = service.client.delete(f"/faxes/outgoing/{id}")
        assert answer.status_code == 200
        done = service.over(id)
        assert (done["status"], done["tx_result"]["pages_sent"]) == ("cancelled", 1)
        problem(service.client.delete(f"/faxes/outgoing/{id}"), 409)

    def test_events(self, service: Service, letter: Path) -> None:
        id = service.send(letter, TO)["id"]
        url = f"/faxes/outgoing/{id}/events"
        with service.client.stream("GET", url) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            lines = list(answer.iter_lines())
        kinds = [line[7:] for line in lines if line.startswith("event: ")]
        assert kinds[0] == "state"
        assert kinds[-1] == "end"
        assert [kind for kind in kinds if kind in ("negotiated", "page_done")] == [
            "negotiated", "page_done", "page_done",
        ]  # fmt: skip
        last = json.loads(lines[-2][6:])
        assert (last["status"], last["id"]) == ("completed", id)
        ids = [line[4:] for line in lines if line.startswith("id: ")]
        with service.client.stream("GET", url, headers={"Last-Event-ID": ids[-3]}) as answer:
            again = [line[4:] for line in answer.iter_lines() if line.startswith("id: ")]
        assert again == ids[-2:]

    def test_an_inbound_fax_is_forwarded(self, service: Service, letter: Path) -> None:
        service.accounts.change(service.account, numbers=["15550177"])
        service.over(service.send(letter, "15550177")["id"])
        (row,) = until(lambda: service.get("/faxes/inbox"), "the inbox")
        path = f"/faxes/inbox/{row['id']}"
        missing = problem(service.client.put(path, json={"data": {}}), 400)
        assert missing == {"message": "action required"}
        assert problem(service.client.put(path, json={"action": "x"}), 400)
        assert problem(service.client.put(path, json={"action": "resubmit"}), 400)
        errors = problem(service.client.put(path, json={"action": "forward", "data": {}}), 400)
        assert "to_number" in errors
        again = service.client.put(path, json={"action": "forward", "data": {"to_number": TO}})
        assert again.status_code == 201, again.text
        done = service.over(again.json()["data"]["id"])
        assert (done["status"], done["from_number"]) == ("completed", "15550177")

    def test_an_inbound_fax_that_breaks_off(self, service: Service, letter: Path) -> None:
        """It is live at incoming, then in the inbox with the pages that were received."""
        number = number_of("stall_in_page_2")
        service.accounts.change(service.account, numbers=[number])
        made = service.send(letter, number)
        (row,) = until(lambda: service.get("/faxes/incoming"), "it comes in")
        path = f"/faxes/incoming/{row['id']}"
        until(lambda: service.get(path)["status"] == "Received  Page 1", "the first page")
        live = service.get(path)
        assert "rx_result" not in live
        assert live["_read_only"]["status"] == "processing"
        service.client.delete(f"/faxes/outgoing/{made['id']}")
        until(lambda: service.get(path)["status"] == "failed", "it broke off")
        assert row["id"] in [listed["id"] for listed in service.get("/faxes/inbox")]
        shown = service.get(f"/faxes/inbox/{row['id']}")
        assert shown == service.get(path)
        result = shown["rx_result"]
        assert (result["success"], result["partial"], result["pages_received"]) == (False, True, 1)
        answer = service.client.get(f"/faxes/inbox/{row['id']}/attachment")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")


class TestWithFaxbox:
    def test_the_faxbox_fills_in_missing_fields(self, service: Service, letter: Path) -> None:
        box = Faxboxes(service.database).create(
            service.account,
            {
                "name": "ward",
                "caller_id": "15550199",
                "caller_name": "Ward 7",
                "fax_header": "WARD",
                "fax_identity": "+1 555 0199",
                "retries": 2,
            },
        )
        base = f"/faxboxes/{box.id}/faxes"
        data = json.dumps({"data": {"to_number": TO, "not_before": LATER}})
        parts = [
            ("x", ("f.json", data, "application/json")),
            ("x", ("a.pdf", letter.read_bytes(), "application/pdf")),
        ]
        made = service.client.put(base, files=parts).json()["data"]
        assert (made["from_number"], made["from_name"]) == ("15550199", "Ward 7")
        assert (made["retries"], made["faxbox_id"]) == (2, box.id)
        assert service.store.get(made["id"]).preferences.ident == "+1 555 0199"
        other = service.send(letter, TO, not_before=LATER)
        listed = [row["id"] for row in service.get(f"{base}/outgoing")]
        assert listed == [made["id"]]
        problem(service.client.get(f"{base}/outgoing/{other['id']}"), 404)
        problem(service.client.get(f"/faxboxes/{'0' * 32}/faxes/outgoing"), 404)
        raw = service.client.put(
            base,
            params={"to_number": TO, "not_before": LATER},
            content=letter.read_bytes(),
            headers={"Content-Type": "application/pdf"},
        )
        assert raw.status_code == 201, raw.text

    def test_the_faxbox_selects_t38(self, service: Service, letter: Path) -> None:
        boxes = Faxboxes(service.database)
        for option, expected in ((False, "off"), (True, None), ("auto", None)):
            box = boxes.create(
                service.account, {"name": "a", "caller_id": "1", "media": {"fax_option": option}}
            )
            made = service.client.put(
                f"/faxboxes/{box.id}/faxes",
                params={"to_number": TO, "not_before": LATER},
                content=letter.read_bytes(),
                headers={"Content-Type": "application/pdf"},
            ).json()["data"]
            assert service.store.get(made["id"]).preferences.t38 == expected
