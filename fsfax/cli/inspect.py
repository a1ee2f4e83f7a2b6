"""``fsfax inspect``: show what a document contains, and its time on the line."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from fsfax.cli import options
from fsfax.cli.main import Common
from fsfax.cli.show import Show
from fsfax.document import Inspection, inspect

_SPEEDS = (14400, 9600)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@options.as_json
@click.pass_obj
def command(common: Common, *, file: Path, as_json: bool | None) -> int:
    """Show kind, pages, problems and time on the line."""
    settings = common.load().settings
    found = inspect(file, settings=settings.document)
    show = Show(as_json)
    times = {speed: round(found.seconds_on_line(speed)) for speed in _SPEEDS} if found.fax else {}
    if show.as_json:
        show.line({"event": "inspected", **asdict(found), "seconds_on_line": times})
        return 0
    for line in _lines(found, times):
        show.words(line)
    return 0


def _lines(found: Inspection, times: dict[int, int]) -> list[str]:
    lines = [
        f"{found.path.name}: {found.kind}, {len(found.pages)} pages, {found.bytes / 1000:.1f} kB"
    ]
    if found.title:
        lines.append(f"  title: {found.title}")
    if found.encrypted != "no":
        lines.append(
            "  encrypted: needs a password and cannot be faxed"
            if found.encrypted == "user"
            else "  encrypted against changes only; it can be faxed"
        )
    for page in found.pages:
        parts = [f"{page.width_mm:.0f} x {page.height_mm:.0f} mm" if page.width_mm else ""]
        if page.width:
            parts.append(f"{page.width} x {page.height} pels")
        if page.x_dpi:
            parts.append(f"{page.x_dpi:.0f} x {page.y_dpi:.0f} dpi")
        parts += [page.resolution, page.compression]
        if page.compression:
            parts.append(f"{page.bytes / 1000:.1f} kB")
        lines.append(f"  page {page.number}: " + ", ".join(part for part in parts if part))
    for speed, seconds in times.items():
        lines.append(f"  on the line at {speed} bit/s: about {seconds} s")
    lines += [f"  problem: {problem}" for problem in found.problems]
    return lines
