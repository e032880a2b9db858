"""Record the README's ``emrlite run`` in a terminal of its own and draw its last screen: ``python docs/picture.py``.

The job, its input and the command are the README's.  The command runs on a pseudo-terminal, so it prints what it
prints to people: colours, and a live line that goes again.  What comes out of it, and nothing else, is drawn; only
the home is written as ``~/.emrlite``.
"""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
PATH = ROOT / "docs/pictures/run.svg"
COLUMNS, LINE, ADVANCE, MARGIN = 96, 19, 8.4, 16
BACKGROUND, FOREGROUND, DIM = "#16181d", "#d8dbe2", "#8b93a1"
#: The colours that terminals number 30 to 37; the bright ones, 90 to 97, are drawn alike.
PALETTE = ("#8b93a1", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d8dbe2")
FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
BOLD = ' font-weight="bold"'
NO_BREAK = "\u00a0"

_PART = re.compile(r"\x1b\[(?P<values>[\d;]*)(?P<verb>[A-Za-z])|(?P<sign>[\r\n])|(?P<text>[^\x1b\r\n]+)")


@dataclass(frozen=True)
class Style:
    """How characters look."""

    colour: str = FOREGROUND
    bold: bool = False


Cell = tuple[str, Style]


def record(command: list[str]) -> tuple[str, int, float]:
    """Run *command* on a pseudo-terminal; return what it wrote, its exit code and its seconds."""
    begun, written = time.monotonic(), bytearray()

    def read(terminal: int) -> bytes:
        data = os.read(terminal, 65536)
        written.extend(data)
        return data

    status = pty.spawn(["env", "TERM=xterm-256color", f"COLUMNS={COLUMNS}", "LINES=50", *command], read)
    return written.decode(), os.waitstatus_to_exitcode(status), time.monotonic() - begun


def screen(text: str) -> list[list[Cell]]:
    """Return the lines that are left on a terminal after *text*.

    Knows what emrlite writes: lines, the way back to a line's begin, erasing to its end, and styles.
    """
    lines: list[list[Cell]] = [[]]
    column, style = 0, Style()
    for part in _PART.finditer(text):
        if part["sign"] == "\n":
            lines.append([])
            column = 0
        elif part["sign"] == "\r":
            column = 0
        elif part["verb"] == "K":
            del lines[-1][column:]
        elif part["verb"] == "m":
            style = styled(style, [int(value or 0) for value in part["values"].split(";")])
        elif part["text"]:
            cells = [(letter, style) for letter in part["text"]]
            lines[-1][column : column + len(cells)] = cells
            column += len(cells)
        else:
            raise ValueError(f"this terminal does not know {part[0]!r}")
    return lines if lines[-1] else lines[:-1]


def styled(style: Style, values: list[int]) -> Style:
    """Apply the values of one "select graphic rendition"."""
    for value in values:
        if value == 0:
            style = Style()
        elif value == 1:
            style = replace(style, bold=True)
        elif 30 <= value <= 37 or 90 <= value <= 97:
            style = replace(style, colour=PALETTE[value % 10])
        else:
            raise ValueError(f"this terminal does not know style {value}")
    return style


def draw(lines: list[list[Cell]], caption: str) -> str:
    """Return *lines* as SVG; *caption* is what those read who do not see it."""
    width = round(COLUMNS * ADVANCE + 2 * MARGIN)
    height = len(lines) * LINE + 2 * MARGIN
    texts = "\n".join(_line(cells, MARGIN + LINE * (number + 1) - 5) for number, cells in enumerate(lines) if cells)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img">\n<title>{escape(caption)}</title>\n'
        f'<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>\n'
        f'<g font-family="{FONT}" font-size="14" fill="{FOREGROUND}">\n{texts}\n</g>\n</svg>\n'
    )


def _line(cells: list[Cell], y: int) -> str:
    """One line; each run of a style says where it begins and how wide it is, so that columns stand in any font.

    Spaces are such that SVG does not take together.
    """
    runs: list[tuple[int, str, Style]] = []
    for column, (letter, style) in enumerate(cells):
        if runs and runs[-1][2] == style:
            runs[-1] = (runs[-1][0], runs[-1][1] + letter, style)
        else:
            runs.append((column, letter, style))
    spans = (
        f'<tspan x="{MARGIN + column * ADVANCE:.1f}" textLength="{len(text) * ADVANCE:.1f}" fill="{style.colour}"'
        f"{BOLD if style.bold else ''}>{escape(text).replace(' ', NO_BREAK)}</tspan>"
        for column, text, style in runs
        if text.strip()
    )
    return f'<text y="{y}">{"".join(spans)}</text>'


def readme() -> tuple[dict[str, str], list[str], list[str]]:
    """Return the files of the README, and of its first block that runs a job what comes before and the command."""
    text = (ROOT / "README.md").read_text()
    files = dict(re.findall(r"^```python title=(\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    (block,) = re.findall(r"^```bash\n([^`]*?emrlite run --input[^`]*)^```$", text, re.MULTILINE)
    *before, command = block.splitlines()
    return files, before, shlex.split(command)


def main() -> None:
    files, before, command = readme()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, text in files.items():
            Path(name).write_text(text)
        subprocess.run(["sh", "-ec", "\n".join(before)], check=True)
        written, code, seconds = record(command)
        os.chdir(ROOT)
    if code:
        sys.exit(f"no picture: {shlex.join(command)} ended with {code}")
    home = os.environ.get("EMRLITE_HOME", str(Path("~/.emrlite").expanduser()))
    prompt = [("$ ", Style(DIM)), (shlex.join(command), Style(bold=True))]
    shown = [[(letter, style) for text, style in prompt for letter in text]]
    shown += screen(written.replace(home, "~/.emrlite"))
    PATH.write_text(draw(shown, f"{shlex.join(command)}: ended with {code} after {seconds:.0f} s"))


if __name__ == "__main__":
    main()
