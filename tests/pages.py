"""The fenced blocks of a Markdown page, and whether a program printed what a page shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(?P<words>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_ID = re.compile(r"\b(j|s)-[0-9A-Z]{8,}")
_NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class Block:
    """One fenced block: ```` ```KIND name=value ````."""

    kind: str
    options: dict[str, str]
    text: str


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of *page*, in order."""
    found = []
    for match in _BLOCK.finditer(page.read_text()):
        kind, *options = match["words"].split()
        found.append(Block(kind, dict(option.split("=", 1) for option in options), match["text"]))
    return found


def missing(shown: str, printed: str, home: Path) -> list[str]:
    """Return the lines of *shown* that do not stand in *printed*, in this order.

    Ids, numbers, bars and the home differ from run to run; words do not.
    """
    lines = iter([_shape(line.replace(str(home), "~/.emrlite")) for line in printed.splitlines()])
    return [line for line in shown.splitlines() if line.strip() and _shape(line) not in lines]


def _shape(line: str) -> str:
    line = _NUMBER.sub("0", _ID.sub(r"\1-X", line))
    return " ".join(re.sub("█+", "█", line).split())
