"""How a cluster looks in a notebook.  Pure: from what the store knows at one moment to HTML or plain text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from emrlite.cluster import instance_types
from emrlite.cluster.states import StepState
from emrlite.cluster.store import Record

#: Readable on light and on dark.
_COLOURS = {
    "WAITING": "#1a7f37", "RUNNING": "#0969da", "COMPLETED": "#1a7f37", "FAILED": "#cf222e",
    "TERMINATED_WITH_ERRORS": "#cf222e", "CANCELLED": "#9a6700", "INTERRUPTED": "#9a6700", "TROUBLE": "#cf222e",
}
_GREY = "#6e7781"

Table = tuple[Sequence[str], Sequence[Sequence[str]]]


@dataclass(frozen=True)
class Card:
    """One cluster at the time *now*; *links* are titles with their addresses."""

    record: Record
    links: tuple[tuple[str, str], ...]
    now: float

    @property
    def state(self) -> str:
        return str(self.record.status.state)

    @property
    def hours(self) -> tuple[float, float]:
        """Instance-hours so far, and EMR's normalised ones, of the time for which the nodes were there."""
        plain = normalised = 0.0
        for node in self.record.spec.nodes:
            status = self.record.status.node(node.name)
            if status.created is None:
                continue
            lived = max((status.ended or self.record.status.ended or self.now) - status.created, 0.0) / 3600
            kind = instance_types.find(node.instance_type)
            plain += lived
            normalised += lived * (kind.normalized_hours if kind else 0)
        return plain, normalised

    @property
    def cost(self) -> str:
        plain, normalised = self.hours
        return f"{plain:.3f} instance-hours, {normalised:.2f} normalized (no list of prices is at hand)"

    def nodes(self) -> Table:
        """Every node with its state and address."""
        rows = []
        for node in self.record.spec.nodes:
            status = self.record.status.node(node.name)
            rows.append((node.name, node.instance_type, str(status.state), status.address or "", status.reason))
        return ("Node", "Type", "State", "Address", "Reason"), rows

    def steps(self) -> Table:
        """Every step with its state, how long it took, and what it failed of."""
        rows = []
        for step in self.record.spec.steps:
            status = self.record.status.step(step.id)
            end = status.ended or (self.now if status.state is StepState.RUNNING else None)
            took = f"{end - status.started:.1f} s" if end and status.started else ""
            why = status.failure.message.strip().partition("\n")[0] if status.failure else ""
            rows.append((step.id, step.name, str(status.state), took, why))
        return ("Step", "Name", "State", "Took", "Failure"), rows

    def facts(self) -> Iterator[tuple[str, str]]:
        """What stands above the tables."""
        spec, status = self.record.spec, self.record.status
        versions = ", ".join(f"{name} {version}" for name, version in status.versions.items())
        yield "Release", f"{spec.release_label}{f' ({versions})' if versions else ''}"
        if status.reason:
            yield "Reason", status.reason
        yield "Created", dt.datetime.fromtimestamp(spec.created, dt.UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        lived = (status.ended or self.now) - spec.created
        yield "Lived" if status.ended else "Lives for", f"{lived / 60:.0f} min" if lived > 600 else f"{lived:.0f} s"
        if spec.log_uri:
            yield "Logs", spec.log_uri
        yield "Cost so far", self.cost

    def __repr__(self) -> str:
        spec = self.record.spec
        lines = [f"{spec.id} {spec.name}: {self.state}"]
        lines += [f"  {name}: {value}" for name, value in (*self.facts(), *self.links)]
        for columns, rows in (self.nodes(), self.steps()):
            lines += _plain(columns, rows)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        spec = self.record.spec
        facts = "".join(f'<div><span style="color:{_GREY}">{escape(name)}</span>&ensp;{escape(value)}</div>'
                        for name, value in self.facts())
        links = " · ".join(f'<a href="{escape(url)}" target="_blank" rel="noopener">{escape(title)}</a>'
                           for title, url in self.links)
        return (
            '<div style="border:1px solid #8886;border-radius:6px;padding:10px 14px;max-width:60em;line-height:1.5">'
            f'<div style="font-size:1.15em"><b>{escape(spec.name)}</b> <code>{escape(spec.id)}</code> '
            f"{_badge(self.state)}</div>{facts}{f'<div>{links}</div>' if links else ''}"
            f"{_html(*self.nodes())}{_html(*self.steps())}</div>"
        )


def _badge(state: str) -> str:
    return (f'<span style="background:{_COLOURS.get(state, _GREY)};color:#fff;border-radius:4px;padding:1px 6px;'
            f'font-size:0.8em">{escape(state)}</span>')


def _without_empty(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Drop columns in which no row says anything."""
    kept = [index for index in range(len(columns)) if any(row[index] for row in rows)]
    return [columns[index] for index in kept], [[row[index] for index in kept] for row in rows]


def _plain(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if rows:
        columns, rows = _without_empty(columns, rows)
        widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
        for row in (columns, *rows):
            yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _html(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    columns, rows = _without_empty(columns, rows)
    left = "text-align:left;padding:2px 12px 2px 0"
    head = "".join(f'<th style="{left};color:{_GREY};font-weight:normal">{escape(name)}</th>' for name in columns)
    body = "".join(
        "<tr>" + "".join(f'<td style="{left}">{_badge(cell) if name == "State" else escape(cell)}</td>'
                         for name, cell in zip(columns, row, strict=True)) + "</tr>"
        for row in rows)
    return f'<table style="margin:8px 0 0"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
