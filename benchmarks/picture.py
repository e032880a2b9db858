"""Draws runs as SVG: a line for each process, the darker the more of a core it used just then.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

#: Seconds of one cell.
CELL = 0.25
_LEFT, _WIDTH, _RIGHT, _LINE, _HEAD = 230, 760, 150, 18, 46
_WAITING, _COLOURS = "#e8edf2", ("#c6dbef", "#9ecae1", "#6baed6", "#4292c6", "#2171b5", "#084594")
_STYLE = "text{font:12px sans-serif;fill:#222}.t{font-weight:bold}.m{font-size:10px;fill:#666}.n{text-anchor:end}"


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One process; times are seconds after the begin of its run."""

    name: str
    start: float
    end: float
    cpu: float
    memory: float
    series: Sequence[Sequence[float]]  #: time, processor seconds until then


@dataclass(frozen=True, kw_only=True)
class Run:
    title: str
    wall: float
    marks: Mapping[str, float]
    bars: Sequence[Bar]


def stretches(bar: Bar) -> list[tuple[float, float, str]]:
    """Return begin, end and colour of each stretch of time in which the colour is the same."""
    found: list[tuple[float, float, str]] = []
    begin = bar.start
    while begin < bar.end:
        end = min(begin + CELL, bar.end)
        fill = colour((_used(bar, end) - _used(bar, begin)) / max(0.01, end - begin))
        if found and found[-1][2] == fill:
            found[-1] = (found[-1][0], end, fill)
        else:
            found.append((begin, end, fill))
        begin = end
    return found


def _used(bar: Bar, at: float) -> float:
    """Processor seconds until *at*, on a straight line between two looks."""
    before = (bar.start, 0.0)
    for time, cpu in bar.series:
        if time >= at:
            part = (at - before[0]) / (time - before[0]) if time > before[0] else 1.0
            return before[1] + part * (cpu - before[1])
        before = (time, cpu)
    return before[1]


def colour(share: float) -> str:
    """A colour for the share of a core, the last one for more than a whole."""
    if share < 0.02:
        return _WAITING
    return _COLOURS[min(len(_COLOURS) - 1, int(share * (len(_COLOURS) - 1)))]


def svg(runs: Sequence[Run]) -> str:
    """Draw *runs* below one another on one scale of time."""
    scale = _WIDTH / max(run.wall for run in runs)
    parts: list[str] = []
    top = 4
    for run in runs:
        parts += _run(run, top, scale)
        top += _HEAD + _LINE * len(run.bars) + 26
    parts += _legend(top)
    width, height = _LEFT + _WIDTH + _RIGHT, top + 24
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}"><style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>\n'
            + "\n".join(parts) + "\n</svg>\n")


def _run(run: Run, top: int, scale: float) -> list[str]:
    first, last = top + _HEAD, top + _HEAD + _LINE * len(run.bars)
    parts = [f'<text class="t" x="8" y="{top + 14}">{escape(run.title)}</text>']
    for number, (name, at) in enumerate(run.marks.items()):
        x = _LEFT + at * scale
        parts.append(f'<line x1="{x:.1f}" y1="{first - 4}" x2="{x:.1f}" y2="{last}" stroke="#bbb"/>')
        parts.append(f'<text class="m" x="{x:.1f}" y="{first - 6 - 10 * (number % 2)}">{escape(name)}</text>')
    for number, bar in enumerate(run.bars):
        y = first + _LINE * number
        parts.append(f'<text class="n" x="{_LEFT - 8}" y="{y + 13}">{escape(bar.name)}</text>')
        parts += [
            f'<rect x="{_LEFT + begin * scale:.1f}" y="{y + 2}" width="{(end - begin) * scale:.1f}" '
            f'height="{_LINE - 4}" fill="{fill}"/>' for begin, end, fill in stretches(bar)]
        parts.append(f'<text class="m" x="{_LEFT + bar.end * scale + 4:.1f}" y="{y + 13}">'
                     f'{bar.cpu:.1f} CPU s, {bar.memory / 1e6:.0f} MB</text>')
    step = next(step for step in (1, 2, 5, 10, 20, 60, 120, 600) if _WIDTH / (step * scale) <= 16)
    for second in range(0, int(run.wall) + 1, step):
        parts.append(f'<text class="m" x="{_LEFT + second * scale:.1f}" y="{last + 12}">{second} s</text>')
    return parts


def _legend(top: int) -> list[str]:
    parts = [f'<text class="m" x="{_LEFT}" y="{top + 11}">share of a core: waits</text>']
    for number, fill in enumerate((_WAITING, *_COLOURS)):
        parts.append(f'<rect x="{_LEFT + 110 + 22 * number}" y="{top}" width="22" height="14" fill="{fill}"/>')
    return [*parts, f'<text class="m" x="{_LEFT + 116 + 22 * 7}" y="{top + 11}">a whole one and more</text>']
