"""The configuration of a faxbox: strict when it is stored, tolerant when it is read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from fsfax.accounts.accounts import Account, Accounts
from fsfax.accounts.callers import may_send
from fsfax.accounts.faxbox_config import DEFAULT_RETRIES, FaxboxBody, FaxboxConfig
from fsfax.accounts.faxboxes import Faxbox, Faxboxes
from fsfax.accounts.presets import default_fax_fields
from fsfax.accounts.routing import admission, owner_of
from fsfax.db.database import Database
from fsfax.db.schema import faxboxes as faxbox_table
from fsfax.errors import InvalidRequest
from fsfax.mail.permission import judge
from fsfax.settings import InboundSettings
from fsfax.values.webhook_secret import new_secret
from tests.job_fixtures import Clock

NUMBER = "+35315550100"
SECRET = new_secret()


@pytest.fixture
def account(database: Database, clock: Clock) -> Account:
    return Accounts(database, clock=clock).create("mine")


@pytest.fixture
def boxes(database: Database, clock: Clock) -> Faxboxes:
    return Faxboxes(database, clock=clock)


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


class TestStrict:
    @pytest.mark.parametrize(
        ("fields", "named"),
        [
            ({"caller_id": "nobody"}, "caller_id"),
            ({"fax_identity": "x" * 21}, "fax_identity"),
            ({"fax_timezone": "Nowhere/City"}, "fax_timezone"),
            ({"retries": 9}, "retries"),
            ({"forward_to": "nobody"}, "forward_to"),
            ({"retention_days": 0}, "retention_days"),
            ({"numbers": ["no number"]}, "numbers.0"),
            ({"callers": {"block": ["+353*1"]}}, "callers.block.0"),
            ({"callers": {"deny": []}}, "callers.deny"),
            ({"media": {"fax_option": "maybe"}}, "media.fax_option"),
            ({"smtp_permission_list": ["a"] * 1001}, "smtp_permission_list"),
            ({"notifications": {"inbound": {"email": {"send_to": "a b"}}}}, "inbound.email"),
            ({"notifications": {"inbound": {"callback": {"url": "x"}}}}, "inbound.callback.url"),
        ],
    )
    def test_an_invalid_field_is_not_stored(
        self, boxes: Faxboxes, account: Account, fields: dict[str, Any], named: str
    ) -> None:
        with pytest.raises(InvalidRequest, match=named):
            boxes.create(account.id, {"name": "Desk", **fields})
        box = boxes.create(account.id, {"name": "Desk"})
        with pytest.raises(InvalidRequest, match=named):
            boxes.change(box.id, fields)
        with pytest.raises(InvalidRequest, match=named):
            boxes.replace(box.id, {"name": "Desk", **fields})
        assert boxes.list() == (box,)

    def test_fields_are_normalized_and_unknown_ones_stored(
        self, boxes: Faxboxes, account: Account
    ) -> None:
        box = boxes.create(
            account.id,
            {
                "name": "Desk",
                "numbers": ["+353 1 555 0100"],
                "callers": {"allow": ["+353 1*"], "block": ["Anonymous"]},
                "caller_id": 15550199,
                "notifications": {"inbound": {"callback": {"url": "https://A.org"}}},
                "anything": {"a": [1]},
                "id": "of the client",
            },
        )
        assert box.numbers == (NUMBER,)
        assert box.config.callers
        assert (box.config.callers.allow, box.config.callers.block) == (["+3531*"], ["anonymous"])
        assert box.config.caller_id == "15550199"
        callback = box.config.inbound_notifications().callback
        assert callback
        assert callback.url == "https://a.org/"
        assert (callback.secret or "").startswith("whsec_")
        assert box.config.as_dict()["anything"] == {"a": [1]}
        assert "id" not in box.config.as_dict()
        assert boxes.replace(box.id, box.given()).config == box.config

    @pytest.mark.parametrize("value", [object(), nested(300)])
    def test_an_unknown_field_that_is_not_json(
        self, boxes: Faxboxes, account: Account, value: object
    ) -> None:
        with pytest.raises(InvalidRequest, match="cannot be stored as JSON"):
            boxes.create(account.id, {"name": "Desk", "x": value})

    def test_what_an_empty_configuration_means(self) -> None:
        config = FaxboxConfig()
        assert config.as_dict() == {}
        assert default_fax_fields(config) == {"retries": DEFAULT_RETRIES}
        assert config.send_preferences().as_dict() == {}
        assert config.outbound_notifications().mail_addresses() == []


class TestTolerant:
    @pytest.mark.parametrize(
        ("stored", "read"),
        [
            ({"caller_id": "nobody", "retries": 2}, {"retries": 2}),
            ({"caller_id": ["1"]}, {}),
            ({"fax_identity": "x" * 21, "fax_header": "CLINIC"}, {"fax_header": "CLINIC"}),
            ({"retries": 99, "fax_timezone": "Nowhere"}, {}),
            ({"callers": 7, "media": [], "notifications": "x"}, {}),
            # Documents are not removed because of a value that may mean something else.
            ({"retention_days": "10"}, {}),
            ({"retention_days": True}, {}),
            # Of a list, single items.
            ({"flags": ["a", {}, "b", None]}, {"flags": ["a", "b"]}),
            (
                {"notifications": {"inbound": {"email": {"send_to": ["a@b.org", "a b", 7]}}}},
                {"notifications": {"inbound": {"email": {"send_to": ["a@b.org"]}}}},
            ),
            (
                {"notifications": {"inbound": {"email": {"send_to": "a b"}, "language": "de"}}},
                {"notifications": {"inbound": {"email": {}, "language": "de"}}},
            ),
            # A callback is not called without its secret, nor given a new one.
            (
                {
                    "notifications": {
                        "inbound": {"callback": {"url": "https://a.org/", "secret": 1}}
                    }
                },
                {"notifications": {"inbound": {}}},
            ),
            (
                {"notifications": {"inbound": {"callback": {"url": "https://a.org/"}}}},
                {"notifications": {"inbound": {"callback": {"url": "https://a.org/"}}}},
            ),
            # Longer than a list may be now.
            ({"smtp_permission_list": ["a"] * 1001}, {"smtp_permission_list": ["a"] * 1001}),
            ({"callers": {"deny": [], "block": ["*"]}}, {"callers": {"block": ["*"]}}),
            ([1, 2], {}),
            (None, {}),
        ],
    )
    def test_an_invalid_field_is_ignored(self, stored: Any, read: dict[str, Any]) -> None:
        assert FaxboxConfig.from_stored(stored).as_dict() == read

    def test_an_ignored_field_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        stored = {"callers": {"deny": []}, "flags": ["a", {}]}
        FaxboxConfig.from_stored(stored, faxbox="b0x")
        for part in ("stored_field_ignored", "callers.deny", "flags.1", "b0x"):
            assert part in caplog.text
        assert stored == {"callers": {"deny": []}, "flags": ["a", {}]}, "nothing is changed"

    def test_deeply_nested_unknown_fields(self) -> None:
        """A recursive copy would fail, and with it the work on every other faxbox."""
        config = FaxboxConfig.from_stored({"x": nested(900), "retries": 99, "fax_header": "A"})
        assert (config.fax_header, config.retries) == ("A", DEFAULT_RETRIES)

    @pytest.mark.parametrize(
        "stored",
        [["a b"], ["x" * 1025], ["\udcff"], [None], [{}, True], {"a": 1}, "+15550100", True, 7],
    )
    def test_a_list_that_restricts_does_not_become_empty(self, stored: Any) -> None:
        """An empty list of callers admits all, and so may an empty list of senders."""
        config = FaxboxConfig.from_stored(
            {"callers": {"allow": stored}, "smtp_permission_list": stored}
        )
        assert config.callers
        assert not may_send(NUMBER, allow=config.callers.allow)
        assert not judge("ann@example.com", config.smtp_permission_list, when_empty=True).allowed
        assert FaxboxConfig.from_stored(config.as_dict()) == config

    @pytest.mark.parametrize("stored", [[], None, "", {}])
    def test_a_list_that_was_stored_empty_restricts_no_caller(self, stored: Any) -> None:
        config = FaxboxConfig.from_stored({"callers": {"allow": stored}})
        assert may_send(NUMBER, allow=config.callers.allow if config.callers else ())

    def test_readable_entries_of_a_list_that_restricts(self) -> None:
        stored = {"callers": {"allow": ["x" * 1025, NUMBER, 15550100]}}
        callers = FaxboxConfig.from_stored(stored).callers
        assert callers
        assert may_send(NUMBER, allow=callers.allow)
        assert may_send("+15550100", allow=callers.allow)
        assert not may_send("+15550111", allow=callers.allow)

    def test_a_block_of_one_caller_that_is_not_in_a_list(self) -> None:
        callers = FaxboxConfig.from_stored({"callers": {"block": "*"}}).callers
        assert callers
        assert not may_send(NUMBER, block=callers.block)

    def test_rows_of_another_version(
        self, database: Database, boxes: Faxboxes, account: Account
    ) -> None:
        box = boxes.create(account.id, {"name": "Desk", "numbers": [NUMBER], "retries": 2})
        stored = {"retries": "x", "callers": {"block": ["+353*", None]}, "media": 7, "more": 1}
        with database.write() as connection:
            connection.execute(update(faxbox_table).values(data=stored))
        expected = {"callers": {"block": ["+353*"]}, "more": 1}

        def config(found: Faxbox | None) -> dict[str, Any]:
            assert found
            return found.config.as_dict()

        assert config(boxes.get(box.id)) == expected
        assert [config(each) for each in boxes.list()] == [expected]
        assert config(boxes.by_number(NUMBER)) == expected
        with database.read() as connection:
            assert owner_of(connection, NUMBER, InboundSettings()).config.as_dict() == expected
            assert admission(connection, NUMBER, NUMBER, InboundSettings()).cause
            assert not admission(connection, "+15550111", NUMBER, InboundSettings()).cause
        changed = boxes.change(box.id, {"fax_header": "CLINIC"})
        assert changed.config.as_dict() == expected | {"fax_header": "CLINIC"}


INNER = ("allow", "block", "send_to", "email", "sms", "inbound", "callback", "url", "secret")
NAMES = [*FaxboxBody.model_fields, *INNER]
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(NAMES), json_values))
def test_any_stored_json_can_be_read(stored: dict[str, Any]) -> None:
    config = FaxboxConfig.from_stored(stored)
    assert FaxboxConfig.from_stored(config.as_dict()) == config
    assert config.send_preferences().t38 in (None, "off")
