"""Queries that tables with ``id``, ``account_id`` and ``created_at`` have in common.

Accounts, tokens, faxboxes, webhooks and mails are found by these conditions and made into values.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Row, Select, Table, select

T = TypeVar("T")


def matching(
    table: Table, id: str | None = None, account_id: str | None = None
) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for one row, or for the rows of an account; None sets no condition."""
    wanted = {"id": id, "account_id": account_id}
    return tuple(table.c[name] == value for name, value in wanted.items() if value is not None)


def oldest_first(table: Table, account_id: str | None = None) -> Select[Any]:
    """Return the query of all rows (of an account), the oldest first."""
    query = select(table).where(*matching(table, account_id=account_id))
    return query.order_by(table.c.created_at, table.c.id)


def value_from_row(cls: type[T], row: Row[Any], **values: Any) -> T:
    """Return a dataclass: each field from ``values``, else from the column of its name."""
    names = [item.name for item in fields(cls)]  # type: ignore[arg-type]
    return cls(**{name: getattr(row, name) for name in names if name not in values}, **values)
