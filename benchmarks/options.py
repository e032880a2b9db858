"""What every benchmark is told: how often, how much, and where it may work."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emrlite.errors import EmrliteError
from emrlite.node import engines
from emrlite.node.engines import Engine
from emrlite.settings import Settings

#: Of a home, what it needs to start clusters.
_OF_AN_ENGINE = ("engines", "tools", "java", "cache")


@dataclass(frozen=True, kw_only=True)
class Options:
    """One call of ``python -m benchmarks``."""

    folder: Path  #: scratch, removed at the end
    pairs: int = 5
    rows: int = 200_000  #: of the small job's input
    scale: float = 1.0  #: of TPC-H
    wanted: frozenset[str] = frozenset()  #: rows, for who measures several
    small: bool = False  #: sizes that only show that the code works
    timing: Literal["fast", "instant"] = "fast"  #: of emulators; instant ones start no process
    data: Path | None = None  #: where generated tables stay from one call to the next
    picture: Path | None = None  #: where the picture of a run goes
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True)

    @property
    def core(self) -> int:
        """Core nodes of a cluster."""
        return 1 if self.small else 2

    @property
    def task(self) -> int:
        """Task nodes of a cluster."""
        return 0 if self.small else 1

    @property
    def idle(self) -> float:
        """Seconds for which nobody asks for anything before memory is looked at."""
        return 0.2 if self.small else 5.0

    @property
    def left_alone(self) -> float:
        """Seconds after which JVMs that were started ahead have ended: five minutes, and some for their practice."""
        return 0.2 if self.small else 330.0

    @property
    def ahead(self) -> str:
        """What an emulator starts before anybody asks, as ``emrlite start --ahead`` has it."""
        return "nothing" if self.small else "steps"

    def new(self, name: str) -> Path:
        """Return a new, empty folder."""
        path = self.folder / f"{name}-{time.monotonic_ns()}"
        path.mkdir()
        return path

    def each_pair(self, what: str) -> Iterator[int]:
        """Count the pairs, and say how long each took."""
        for number in range(1, self.pairs + 1):
            begin = time.monotonic()
            yield number
            self.say(f"{what}: pair {number} of {self.pairs}, {time.monotonic() - begin:.1f} s")


def engine() -> Engine:
    """The engine of the user's home."""
    return engines.find(Settings.load())


def java() -> str:
    """The program with which it runs; the one on the path where nothing is set up, which `make_run` can do."""
    try:
        return str(engine().java_home / "bin" / "java")
    except EmrliteError:
        return "java"


def scratch_home(path: Path) -> Path:
    """Make a home with the engines of the user's; clusters, store and buckets are its own."""
    users = Settings.load().home
    path.mkdir(parents=True)
    for name in _OF_AN_ENGINE:
        if (users / name).exists():
            (path / name).symlink_to((users / name).resolve())
    return path


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    """Give a function that says how many seconds the block has taken; after the block it stays what it was."""
    begin, end = time.monotonic(), [0.0]
    try:
        yield lambda: (end[0] or time.monotonic()) - begin
    finally:
        end[0] = time.monotonic()
