"""Queries that several tables have in common, and values made of their rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from fsfax.db.database import Database
from fsfax.db.rows import matching, oldest_first, value_from_row
from fsfax.db.schema import accounts, tokens

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Named:
    """A value of some of the columns, one of them computed."""

    id: str
    name: str
    loud: str


@pytest.fixture
def filled(database: Database) -> Database:
    """Two accounts; the first has tokens c, a and b, of which a and b were made at one moment."""
    with database.write() as connection:
        for id in ("one", "two"):
            times = {"created_at": NOON, "served_at": NOON}
            connection.execute(insert(accounts).values(id=id, name=id, windows=[], **times))
        for id, account_id, seconds in (
            ("c", "one", 0),
            ("b", "one", 5),
            ("a", "one", 5),
            ("d", "two", 1),
        ):
            connection.execute(
                insert(tokens).values(
                    id=id,
                    account_id=account_id,
                    name=id,
                    hash=id,
                    scopes=[],
                    created_at=NOON + timedelta(seconds=seconds),
                )
            )
    return database


@pytest.mark.parametrize(
    ("wanted", "conditions"),
    [
        ({}, []),
        ({"id": "a"}, ["tokens.id = 'a'"]),
        ({"account_id": "x"}, ["tokens.account_id = 'x'"]),
        ({"id": "a", "account_id": "x"}, ["tokens.id = 'a'", "tokens.account_id = 'x'"]),
        ({"id": ""}, ["tokens.id = ''"]),  # an empty id is a condition, and no row has it
    ],
)
def test_a_value_that_is_given_is_a_condition(
    wanted: dict[str, str], conditions: list[str]
) -> None:
    found = matching(tokens, **wanted)
    literal = {"literal_binds": True}
    assert [str(each.compile(compile_kwargs=literal)) for each in found] == conditions


@pytest.mark.parametrize(
    ("account_id", "ids"),
    [(None, ["c", "d", "a", "b"]), ("one", ["c", "a", "b"]), ("two", ["d"]), ("none", [])],
)
def test_the_oldest_row_is_first_and_ids_order_one_moment(
    filled: Database, account_id: str | None, ids: list[str]
) -> None:
    with filled.read() as connection:
        rows = connection.execute(oldest_first(tokens, account_id)).all()
    assert [row.id for row in rows] == ids


def test_a_value_has_columns_and_what_is_given_instead(filled: Database) -> None:
    with filled.read() as connection:
        row = connection.execute(oldest_first(tokens)).first()
    assert row is not None
    assert value_from_row(Named, row, loud="C!") == Named("c", "c", "C!")
    assert value_from_row(Named, row, loud="C!", name="given") == Named("c", "given", "C!")
    with pytest.raises(AttributeError, match="loud"):
        value_from_row(Named, row)
