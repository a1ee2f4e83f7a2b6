"""Output: progress and results of faxes as text or as JSON lines, and tables.

On a terminal one line of text a step; otherwise, or with --json, one JSON object a line:
``{"event": "negotiated", "rate": 14400, …}`` and at the end ``{"event": "result", …}``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fsfax.engine.observations import (
    Answered,
    Created,
    Dialling,
    FaxStarted,
    HungUp,
    Negotiated,
    Observation,
    PageDone,
    Prepared,
    Ringing,
)
from fsfax.runtime.sanitize import escaped
from fsfax.values.results import RxResult, TxResult


def in_words(observation: Observation, pages: int = 0) -> str:
    """Return one line of text, "" for an observation that is shown in JSON alone."""
    match observation:
        case Prepared():
            return f"prepared {_pages(observation.pages)}, {observation.bytes / 1000:.1f} kB"
        case Dialling():
            return f"dialling over {observation.gateway} ({observation.node})"
        case Created() if observation.inbound:
            return f"call from {observation.from_number or 'unknown'} to {observation.to_number}"
        case Ringing():
            return "ringing"
        case Answered():
            return "answered"
        case FaxStarted():
            return "waiting for the other fax machine"
        case Negotiated():
            who = f" with {observation.remote_station_id}" if observation.remote_station_id else ""
            way = "T.38" if observation.t38_status == "negotiated" else "audio"
            ecm = "error correction" if observation.ecm else "no error correction"
            return f"negotiated{who}: {observation.rate} bit/s, {way}, {ecm}"
        case PageDone():
            total = pages or observation.total
            of = f" of {total}" if total else ""
            page = observation.page
            bad = f", {page.bad_rows} bad rows" if page.bad_rows else ""
            return (
                f"page {page.number}{of} confirmed"
                f" ({page.encoding}, {page.image_bytes / 1000:.1f} kB{bad})"
            )
        case HungUp():
            return f"hung up ({observation.cause})"
        case _:
            return ""


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count} pages"


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]], wide: str = "") -> None:
    """Print a table; only the column ``wide`` may be wrapped."""
    table = Table(box=None)
    for title in titles:
        table.add_column(title, no_wrap=title != wide, overflow="fold")
    for row in rows:
        table.add_row(*(escape(escaped(cell)) for cell in row))
    # Wide enough that no id is cut off.
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(table)


class Show:
    """Prints progress and results, in words or as JSON lines."""

    def __init__(self, as_json: bool | None = None) -> None:
        """``as_json`` None decides by whether standard output is a terminal."""
        self.as_json = not sys.stdout.isatty() if as_json is None else as_json
        self._console = Console(highlight=False, soft_wrap=True)
        self._pages = 0

    def progress(self, observation: Observation, call_id: str = "") -> None:
        """Print one observation."""
        if isinstance(observation, Prepared):
            self._pages = observation.pages
        if self.as_json:
            known = {"call_id": call_id} if call_id else {}
            self.line({"event": observation.kind, **known, **observation.as_dict()})
        elif words := in_words(observation, self._pages):
            self._console.print(f"  {escape(words)}")

    def sent(self, result: TxResult) -> None:
        """Print the result of an outbound fax."""
        if self.as_json:
            self.line({"event": "result", **result.as_dict()})
            return
        if result.success:
            self._console.print(
                f"[green]delivered[/]: {_pages(result.pages_sent)} in {result.time_elapsed} s"
                f" to {escape(result.fax_receiver_id or 'a machine without a name')}"
            )
            return
        self._console.print(f"[red]{result.status.value}[/]: {escape(result.error_message)}")
        detail = " · ".join(
            part
            for part in (
                result.outcome.value.replace("_", " "),
                result.result_text,
                f"{_pages(result.pages_sent)} confirmed" if result.pages_sent else "",
                f"goes on at page {result.first_unconfirmed_page}" if result.pages_sent else "",
                "another try may help" if result.retry else "another try will not help",
            )
            if part
        )
        self._console.print(f"  {escape(detail)}")

    def received(self, result: RxResult) -> None:
        """Print the result of an inbound fax."""
        if self.as_json:
            self.line({"event": "received", **result.as_dict()})
            return
        colour = "green" if result.success else "yellow" if result.file else "red"
        words = (
            "received"
            if result.success
            else (result.error_message.rstrip(".") or result.status.value)
        )
        self._console.print(
            f"[{colour}]{escape(words)}[/]: {_pages(result.pages_received)} from"
            f" {escape(result.from_number or 'unknown')}"
            f" ({escape(result.fax_sender_id or 'no station id')})"
            + (f" → {escape(str(result.file))}" if result.file else "")
        )

    def words(self, text: str) -> None:
        """Print a line of text; nothing where JSON is wanted."""
        if not self.as_json:
            self._console.print(escape(text))

    def line(self, value: dict[str, Any]) -> None:
        """Print one JSON object on a line of its own, and flush."""
        sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False) + "\n")
        sys.stdout.flush()
