"""What the API does with faxes, beyond the samples of its document."""

from __future__ import annotations

import base64
import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from fsfax.accounts.faxboxes import Faxboxes
from fsfax.document import inspect
from fsfax.softswitch import number_of
from tests.api.service import Service, until

pytestmark = pytest.mark.spandsp

LATER = "2099-01-01T00:00:00Z"
TO = "15550123"


def problem(answer: httpx.Response, code: int) -> Any:
    """The data of an error, in its envelope."""
    assert answer.status_code == code, answer.text
    envelope = answer.json()
    assert envelope["status"] == "error"
    assert envelope["error"] == str(code)
    assert envelope["message"]
    assert envelope["request_id"] == answer.headers["X-Request-ID"]
    return envelope["data"]


class TestCreate:
    def test_answer(self, service: Service, letter: Path) -> None:
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

    def test_unknown_fields_are_kept(self, service: Service, letter: Path) -> None:
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
        told = problem(answer, 400)[path][rule]
        assert message is None or told["message"] == message

    def test_numbers_may_be_numbers(self, service: Service) -> None:
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
        kept = [d for d in service.store.documents(made["id"]) if d.kind == "original"]
        assert [document.name for document in kept] == ["one.pdf", "two.txt"]
        answer = service.client.get(f"/faxes/outbox/{made['id']}/attachment?format=original")
        with zipfile.ZipFile(BytesIO(answer.content)) as archive:
            assert archive.namelist() == ["1.pdf", "2.txt"]
            assert archive.read("2.txt") == b"Dear all"

    def test_a_document_that_is_none(self, service: Service) -> None:
        data = json.dumps({"data": {"to_number": TO, "from_number": "1"}})
        parts = [
            ("x", ("f.json", data, "application/json")),
            ("x", ("a.exe", b"MZ\x90\0" + bytes(range(256)), "application/pdf")),
        ]
        told = problem(service.client.put("/faxes", files=parts), 400)
        assert "fsfax-upload" not in json.dumps(told)
        assert told["file"]["invalid"]["cause"] == "unsupported"


class TestFate:
    def test_busy_after_its_retries(self, service: Service, letter: Path) -> None:
        made = service.send(letter, number_of("busy"), retries=0)
        done = service.over(made["id"])
        result = done["tx_result"]
        assert (done["status"], done["attempts"]) == ("failed", 1)
        assert (result["result_cause"], result["success"]) == ("USER_BUSY", False)
        assert "busy" in result["error_message"].lower()
        assert done["id"] in [row["id"] for row in service.get("/faxes/outbox")]

    def test_a_url_that_has_nothing(self, service: Service) -> None:
        data = {"to_number": TO, "from_number": "1", "document": {"url": "http://127.0.0.1:9/a"}}
        made = service.client.put("/faxes", json={"data": data}).json()["data"]
        done = service.over(made["id"])
        assert done["status"] == "failed"
        assert "not fetched from loopback" in done["tx_result"]["error_message"]

    def test_live_and_cancelled(self, service: Service, letter: Path) -> None:
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

    def test_an_incoming_fax_and_its_forwarding(self, service: Service, letter: Path) -> None:
        service.accounts.change(service.account, numbers=["15550177"])
        service.over(service.send(letter, "15550177")["id"])
        (row,) = until(lambda: service.get("/faxes/inbox"), "the inbox")
        path = f"/faxes/inbox/{row['id']}"
        missing = problem(service.client.put(path, json={"data": {}}), 400)
        assert missing == {"message": "action required"}
        assert problem(service.client.put(path, json={"action": "x"}), 400)
        assert problem(service.client.put(path, json={"action": "resubmit"}), 400)
        told = problem(service.client.put(path, json={"action": "forward", "data": {}}), 400)
        assert "to_number" in told
        again = service.client.put(path, json={"action": "forward", "data": {"to_number": TO}})
        assert again.status_code == 201, again.text
        done = service.over(again.json()["data"]["id"])
        assert (done["status"], done["from_number"]) == ("completed", "15550177")

    def test_a_fax_that_comes_in_and_breaks_off(self, service: Service, letter: Path) -> None:
        """Live at incoming, and then in the inbox with the pages that had come."""
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


class TestFaxbox:
    def test_it_fills_in(self, service: Service, letter: Path) -> None:
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

    def test_t38_as_it_says(self, service: Service, letter: Path) -> None:
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

    def test_what_is_done_with_faxes_that_come_in(self, service: Service) -> None:
        data = {
            "name": "a",
            "numbers": ["+353 1 777 0100"],
            "callers": {"allow": ["+353 1*"], "block": ["Anonymous"]},
            "forward_to": "+1 555 0111",
            "retention_days": 30,
            "notifications": {"inbound": {"email": {"send_to": ["a@example.org"]}}},
            "smtp_permission_list": [".*@example.org"],
            "media": {"fax_option": "auto"},
        }
        box = service.client.put("/faxboxes", json={"data": data}).json()["data"]
        assert box["numbers"] == ["+35317770100"]
        assert box["callers"] == {"allow": ["+3531*"], "block": ["anonymous"]}
        assert {name: box[name] for name in ("forward_to", "retention_days", "media")} == {
            name: data[name] for name in ("forward_to", "retention_days", "media")
        }
        path = f"/faxboxes/{box['id']}"
        shown = service.client.get(path).json()["data"]
        assert shown == box
        for change, field in (
            ({"callers": {"block": ["+353*1"]}}, "callers.block"),
            ({"callers": {"deny": []}}, "callers.deny"),
            ({"callers": ["+353"]}, "callers"),
            ({"forward_to": "nobody"}, "forward_to"),
            ({"retention_days": 0}, "retention_days"),
            ({"retention_days": "soon"}, "retention_days"),
            ({"numbers": ["no number"]}, "numbers"),
            ({"caller_id": "nobody"}, "caller_id"),
            ({"fax_identity": "x" * 21}, "fax_identity"),
            ({"media": {"fax_option": "maybe"}}, "media.fax_option"),
        ):
            told = problem(service.client.patch(path, json={"data": change}), 400)
            assert any(name.startswith(field) for name in told), told
        itself = {"data": {"forward_to": "00353 1 7770100"}}
        assert service.client.patch(path, json=itself).status_code == 400
        taken = service.client.put(
            "/faxboxes", json={"data": {"name": "b", "numbers": ["0035317770100"]}}
        )
        assert taken.status_code in (400, 409), taken.text
        changed = service.client.patch(path, json={"data": {"callers": None}}).json()["data"]
        assert "callers" not in changed
        assert changed["retention_days"] == 30
        assert service.client.delete(path).status_code == 200

    def test_all_verbs(self, service: Service) -> None:
        made = service.client.put("/faxboxes", json={"data": {"name": "a", "flags": ["x"]}})
        assert made.status_code == 201
        box = made.json()["data"]
        path = f"/faxboxes/{box['id']}"
        assert box["smtp_email_address"]
        changed = service.client.patch(path, json={"data": {"caller_id": "1", "flags": None}})
        assert (changed.json()["data"]["caller_id"], changed.json()["data"]["name"]) == ("1", "a")
        assert "flags" not in changed.json()["data"]
        problem(service.client.patch(path, json={"data": {"retries": 9}}), 400)
        problem(service.client.put("/faxboxes", json={"data": {}}), 400)
        replaced = service.client.post(path, json={"data": {"name": "b"}}).json()["data"]
        assert replaced["name"] == "b"
        assert "caller_id" not in replaced
        assert replaced["smtp_email_address"] == box["smtp_email_address"]
        assert box["id"] in [row["id"] for row in service.get("/faxboxes")]
        custom = {"custom_smtp_email_address": "ward.example.com"}
        assert service.client.patch(path, json={"data": custom}).status_code == 200
        taken = service.client.put("/faxboxes", json={"data": {"name": "c", **custom}})
        assert "unique" in problem(taken, 400)["custom_smtp_email_address"]
        assert service.client.delete(path).status_code == 200
        problem(service.client.get(path), 404)


@pytest.fixture(scope="module")
def path(service: Service, letter: Path) -> str:
    return f"/faxes/outbox/{service.over(service.send(letter, TO)['id'])['id']}"


class TestAttachment:
    @pytest.mark.parametrize(
        ("query", "accept", "kind"),
        [
            ("", "*/*", "application/pdf"),
            ("", "application/pdf", "application/pdf"),
            ("", "image/tiff", "image/tiff"),
            ("", "image/tiff;q=0.5, application/pdf", "application/pdf"),
            ("?format=tiff", "application/pdf", "image/tiff"),
            ("?format=pdf", "*/*", "application/pdf"),
            ("?format=original", "*/*", "application/pdf"),
            ("?accept=image/tiff", "*/*", "image/tiff"),
        ],
    )
    def test_formats(
        self, service: Service, path: str, query: str, accept: str, kind: str, tmp_path: Path
    ) -> None:
        url = f"{path}/attachment{query}"
        answer = service.client.get(url, headers={"Accept": accept})
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
        file = tmp_path / "fax"
        file.write_bytes(answer.content)
        assert len(inspect(file).pages) == 2

    def test_the_original_is_what_was_handed_in(
        self, service: Service, path: str, letter: Path
    ) -> None:
        answer = service.client.get(f"{path}/attachment?format=original&disposition=inline")
        assert answer.content == letter.read_bytes()
        assert answer.headers["Content-Disposition"].startswith("inline; ")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    def test_what_is_not_on_offer(self, service: Service, path: str) -> None:
        url = f"{path}/attachment"
        problem(service.client.get(url, headers={"Accept": "application/json"}), 406)
        problem(service.client.get(f"{url}?format=gif"), 400)

    def test_ranges(self, service: Service, path: str) -> None:
        url = f"{path}/attachment?format=tiff"
        whole = service.client.get(url).content
        for given, part in (
            ("bytes=0-99", whole[:100]),
            ("bytes=100-", whole[100:]),
            ("bytes=-7", whole[-7:]),
            (f"bytes=5-{len(whole) * 2}", whole[5:]),
        ):
            answer = service.client.get(url, headers={"Range": given})
            assert (answer.status_code, answer.content) == (206, part), given
        beyond = service.client.get(url, headers={"Range": f"bytes={len(whole)}-"})
        problem(beyond, 416)
        assert beyond.headers["Content-Range"] == f"bytes */{len(whole)}"

    def test_what_the_client_has_already(self, service: Service, path: str) -> None:
        url = f"{path}/attachment"
        etag = service.client.get(url).headers["ETag"]
        answer = service.client.get(url, headers={"If-None-Match": etag})
        assert (answer.status_code, answer.content) == (304, b"")

    def test_pictures_of_pages(self, service: Service, path: str) -> None:
        for number in (1, 2):
            answer = service.client.get(f"{path}/pages/{number}?width=200")
            assert answer.content[:8] == b"\x89PNG\r\n\x1a\n"
        problem(service.client.get(f"{path}/pages/3"), 404)
        problem(service.client.get(f"{path}/pages/0"), 404)
        problem(service.client.get(f"{path}/pages/1?width=1"), 400)


@pytest.fixture(scope="module")
def ids(new_service: Any, letter: Path) -> tuple[Service, list[str]]:
    service = new_service("--api-only")
    labels = ["a", "b", "c"]
    made = [
        service.send(letter, f"1555020{n}", labels=[labels[n % 3]], priority=n)["id"]
        for n in range(7)
    ]
    return service, made


class TestLists:
    def test_pages(self, ids: tuple[Service, list[str]]) -> None:
        service, made = ids
        for ascending in ("true", "false"):
            seen: list[str] = []
            query: dict[str, Any] = {"page_size": 3, "ascending": ascending}
            while True:
                envelope = service.client.get("/faxes/outgoing", params=query).json()
                seen += [row["id"] for row in envelope["data"]]
                assert envelope["page_size"] == len(envelope["data"])
                if "next_start_key" not in envelope:
                    break
                query["start_key"] = envelope["next_start_key"]
            assert seen == (made if ascending == "true" else made[::-1])

    def test_without_paging(self, ids: tuple[Service, list[str]]) -> None:
        service, made = ids
        envelope = service.client.get("/faxes/outgoing?paginate=false").json()
        assert len(envelope["data"]) == len(made)
        assert not {"page_size", "start_key", "next_start_key"} & envelope.keys()

    @pytest.mark.parametrize(
        ("query", "places"),
        [
            ("filter_labels=a", [0, 3, 6]),
            ('filter_labels=["a","b"]', [0, 1, 3, 4, 6]),
            ("filter_not_labels=a", [1, 2, 4, 5]),
            ("filter_to_number=15550202", [2]),
            ("filter_priority=4", [4]),
            ("filter_tx_result.success=false&page_size=2", [5, 6]),
            ("filter_labels=a&filter_priority=3", [3]),
            ("has_key=labels", [0, 1, 2, 3, 4, 5, 6]),
            ("key_missing=labels", []),
            ("has_value=to_name", []),
            ("created_from=0", None),
            ("created_to=63000000000", []),
            ("created_from=63000000000", [0, 1, 2, 3, 4, 5, 6]),
            ("modified_from=99999999999", []),
        ],
    )
    def test_filters(
        self, ids: tuple[Service, list[str]], query: str, places: list[int] | None
    ) -> None:
        service, made = ids
        answer = service.client.get(f"/faxes/outgoing?{query}")
        if places is None:
            problem(answer, 400)
            return
        found = [row["id"] for row in answer.json()["data"]]
        assert found == [made[place] for place in reversed(places)]

    def test_parameters_that_make_no_sense(self, ids: tuple[Service, list[str]]) -> None:
        service, _ = ids
        for size in ("0", "-1", "x", "1.5", ""):
            answer = service.client.get(f"/faxes/outbox?page_size={size}")
            assert problem(answer, 404) == {"message": "invalid page size"}
        problem(service.client.get("/faxes/outbox?start_key=zzz"), 400)
        told = problem(
            service.client.get("/faxes/outbox?created_from=63000000002&created_to=63000000001"), 400
        )
        message = "created_to 63000000001 is prior to created_from 63000000002"
        assert told["created_from"]["date_range"]["message"] == message

    def test_csv(self, ids: tuple[Service, list[str]], letter: Path) -> None:
        service, made = ids
        answer = service.client.get("/faxes/outgoing", headers={"Accept": "text/csv"})
        assert answer.headers["Content-Type"].startswith("text/csv")
        lines = answer.text.splitlines()
        assert lines[0].startswith("id,")
        assert len(lines) == len(made) + 1


class TestEverything:
    def test_unknown_routes_and_verbs(self, service: Service) -> None:
        assert problem(service.client.get("/faxes/foo"), 404) == {"message": "not found"}
        answer = service.client.get("/faxes")
        assert problem(answer, 405) == {"message": "method not allowed"}
        assert answer.json()["message"] == "invalid_method"
        missing = f"/faxes/outbox/202611-{'0' * 32}"
        told = problem(service.client.get(missing), 404)
        assert told == {"cause": f"202611-{'0' * 32}", "message": "bad identifier"}
        kind = {"Content-Type": "application/msword"}
        problem(service.client.put("/faxes", content=b"x", headers=kind), 415)

    def test_request_ids(self, service: Service) -> None:
        answer = service.client.get("/faxes/inbox", headers={"X-Request-ID": "abc-1"})
        assert (answer.headers["X-Request-ID"], answer.json()["request_id"]) == ("abc-1",) * 2
        lines = [line for line in service.log.read_text().splitlines() if "request=abc-1" in line]
        assert len(lines) == 1
        assert "method=GET" in lines[0]
        assert "status=200" in lines[0]
        hostile = service.client.get("/faxes/inbox", headers={"X-Request-ID": "a b\t<x>"})
        assert len(hostile.headers["X-Request-ID"]) == 32

    def test_pretty_print(self, service: Service) -> None:
        assert "\n" in service.client.get("/faxes/inbox?pretty_print=true").text
        assert "\n" not in service.client.get("/faxes/inbox").text

    def test_the_own_account(self, service: Service) -> None:
        answer = httpx.get(f"{service.url}/v2/account/faxes/inbox?auth_token={service.token}")
        assert answer.status_code == 200
        assert service.token not in service.log.read_text(), "a token is in the log"

    def test_other_origins_may_ask(self, service: Service) -> None:
        answer = httpx.options(
            f"{service.url}/v2/accounts/{service.account}/faxes",
            headers={"Origin": "https://example.com", "Access-Control-Request-Method": "PUT"},
        )
        assert answer.status_code in (200, 204)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
