"""What a benchmark has found, as rows of one table.  Pure, but for the look at the machine."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import psutil


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One figure of a row: the values of all pairs, and the goal for their median."""

    name: str  #: "wall"; "" where the row has one measure only
    values: Sequence[float]
    at_most: float | None = None
    at_least: float | None = None
    unit: str = ""  #: nothing for a ratio
    sides: str = ""  #: medians of both sides, for who wants more than the ratio

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def goal(self) -> str:
        bounds = [f"{sign} {bound:g}{f' {self.unit}' if self.unit else ''}"
                  for sign, bound in (("≤", self.at_most), ("≥", self.at_least)) if bound is not None]
        return " and ".join(bounds) or "-"

    @property
    def met(self) -> str:
        if self.at_most is None and self.at_least is None:
            return "-"
        good = (self.at_most is None or self.median <= self.at_most) and (
            self.at_least is None or self.median >= self.at_least)
        return "yes" if good else "**no**"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one benchmark says: *what* was measured *against* what."""

    what: str
    against: str
    measures: Sequence[Measure]
    details: str = ""  #: Markdown that goes below the table
    raw: Any = field(default=None, repr=False)  #: everything that was measured, for JSON


def ratio(name: str, ours: Sequence[float], peers: Sequence[float], unit: str, scale: float = 1.0,
          at_most: float | None = None, at_least: float | None = None) -> Measure:
    """Compare within pairs; *scale* brings both sides to *unit*."""
    sides = f"{spread([value * scale for value in ours])} against {spread([value * scale for value in peers])} {unit}"
    values = [our / peer for our, peer in zip(ours, peers, strict=True)]
    return Measure(name=name, values=values, sides=sides, at_most=at_most, at_least=at_least)


def digits(value: float) -> str:
    """Three digits that say something."""
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:,.0f}"


def spread(values: Sequence[float]) -> str:
    """Median, lowest and highest."""
    if len(values) == 1:
        return digits(values[0])
    return f"{digits(statistics.median(values))} ({digits(min(values))} to {digits(max(values))})"


def table(rows: Sequence[Row]) -> str:
    """Render the table of goals, in Markdown."""
    lines = ["| what | against | goal | measured: median (lowest to highest) | both sides | met? |",
             "|---|---|---|---|---|---|"]
    for row in rows:
        for number, measure in enumerate(row.measures):
            what, against = (row.what, row.against) if number == 0 else ("", "")
            name = f"{measure.name}: " if measure.name else ""
            unit = f" {measure.unit}" if measure.unit else ""
            count = f", {len(measure.values)} times" if len(measure.values) > 1 else ", once"
            lines.append(f"| {what} | {against} | {name}{measure.goal} | {spread(measure.values)}{unit}{count} "
                         f"| {measure.sides} | {measure.met} |")
    return "\n".join(lines)


def report(rows: Sequence[Row], machine: str) -> str:
    """Render all that was measured, in Markdown that can be pasted into a page."""
    details = [f"**{row.what}**\n\n{row.details}" for row in rows if row.details]
    compared = [row for row in rows if row.measures]
    return "\n\n".join([machine, *([table(compared)] if compared else []), *details])


def as_json(rows: dict[str, Row], machine: str) -> dict[str, Any]:
    return {"machine": machine, "rows": {name: asdict(row) for name, row in rows.items()}}


def machine(java: str) -> str:
    """Describe this machine in a sentence; *java* is the program."""
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr.splitlines()
    version = told[0].partition('"')[2].partition('"')[0] if told else "?"
    memory = psutil.virtual_memory().total / 2**30
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        name = f"{platform.system()} {platform.release()}"
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, Java {version}, Python {platform.python_version()}, "
            f"{name} ({platform.machine()}); load before the first measurement: {load}.")
