"""How things look on a terminal: tables, times, colours only where somebody sees them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from emrlite.cluster.store import Store
from emrlite.settings import Settings

COLOURS = {
    "COMPLETED": "green", "RUNNING": "cyan", "WAITING": "green", "TERMINATED": "bright_black", "FAILED": "red",
    "TERMINATED_WITH_ERRORS": "red", "CANCELLED": "yellow", "INTERRUPTED": "yellow", "TROUBLE": "red",
}

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def settings(context: click.Context, **flags: Any) -> Settings:
    """Return the settings with the flags of this call; ``--home`` may stand before the command or after."""
    return Settings.load({"home": context.obj["home"], **{k: v for k, v in flags.items() if v is not None}})


def store(at: Settings) -> Store:
    """Return the store of a home."""
    return Store(at.home / "emrlite.db")


def state(text: str) -> str:
    """Colour a state; click drops the colour where no terminal is."""
    return click.style(text, fg=COLOURS.get(text))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their columns."""
    plain = [[click.unstyle(cell) for cell in row] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(columns, *plain, strict=True)]
    click.echo(click.style("  ".join(c.ljust(w) for c, w in zip(columns, widths, strict=True)).rstrip(), bold=True))
    for row, bare in zip(rows, plain, strict=True):
        cells = (cell + " " * (width - len(text)) for cell, text, width in zip(row, bare, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def as_json(value: Any) -> None:
    """Print *value* (dataclasses too) as JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(value, enc_hook=str)).decode())


def when(seconds: float | None) -> str:
    """Give a time of day of this machine, with the date where it is not today's."""
    if seconds is None:
        return ""
    at = dt.datetime.fromtimestamp(seconds, dt.UTC).astimezone()
    today = dt.datetime.now(dt.UTC).astimezone().date()
    return at.strftime("%H:%M:%S" if at.date() == today else "%Y-%m-%d %H:%M:%S")


def duration(start: float | None, end: float | None) -> str:
    """Give the time between two moments."""
    if start is None or end is None:
        return ""
    seconds = end - start
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def read_json(path: Path) -> Mapping[str, Any]:
    """Read a JSON file."""
    found: Mapping[str, Any] = json.loads(path.read_text())
    return found
