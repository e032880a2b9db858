"""One live line below the output of a job, where a terminal is; plain lines of changes elsewhere."""

from __future__ import annotations

import shutil
import sys
import time

import click

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Live:
    """Writes to stderr, so that the job's own output on stdout stays clean."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._start = time.monotonic()
        self._shown = self._last = ""
        self._turn = 0

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._start

    def show(self, text: str) -> None:
        """Say what holds now; without a terminal only when it changed."""
        if not self._terminal:
            if text != self._last:
                click.echo(f"{self.elapsed:7.1f} s  {text}", err=True)
            self._last = text
            return
        self._turn += 1
        line = f"{_SPINNER[self._turn % len(_SPINNER)]} {self.elapsed:5.1f} s  {text}"
        line = line[: shutil.get_terminal_size().columns - 1]
        sys.stderr.write("\r\x1b[K" + line)
        sys.stderr.flush()
        self._shown = line

    def clear(self) -> None:
        """Take the line away, before something else is written."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = ""

    def output(self, text: str) -> None:
        """Write what the job printed, above the line."""
        self.clear()
        sys.stdout.write(text)
        sys.stdout.flush()
