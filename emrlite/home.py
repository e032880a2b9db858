"""Who owns a home: one durable emulator at a time, found by its lock; tethered ones beside it."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from emrlite.errors import HomeInUse

DURABLE = "durable"

#: A look at a lock (`is_alive`) is over by then.
LOOK_SECONDS = 0.3


@dataclass(frozen=True, kw_only=True)
class Running:
    """The durable emulator of a home."""

    pid: int
    url: str


class Ownership:
    """A held lock.  The kernel lets go of it when its process ends, however it ends."""

    def __init__(self, home: Path, *, tethered: bool) -> None:
        self.home = home
        self.owner = f"tethered-{uuid.uuid4().hex[:12]}" if tethered else DURABLE
        path = _lock_path(home, self.owner)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = path.open("a")
        if not locked(self._file, LOOK_SECONDS):
            self._file.close()
            other = running(home)
            where = f"process {other.pid} at {other.url}" if other else "another process, which is just starting"
            raise HomeInUse(
                f"an emulator owns {home} already: {where}; use it, stop it with `emrlite stop`, or give another --home"
            )
        if self.owner == DURABLE:
            (home / "emulator.json").unlink(missing_ok=True)  # of one that was killed

    def announce(self, url: str) -> None:
        """Tell others where the durable emulator answers."""
        if self.owner == DURABLE:
            path = self.home / "emulator.json"
            path.with_suffix(".tmp").write_text(json.dumps({"pid": os.getpid(), "url": url}))
            path.with_suffix(".tmp").replace(path)

    def release(self) -> None:
        """Let go of the home."""
        if self.owner == DURABLE:
            (self.home / "emulator.json").unlink(missing_ok=True)
        else:
            _lock_path(self.home, self.owner).unlink(missing_ok=True)
        self._file.close()


def locked(file: IO[str] | int, seconds: float) -> bool:
    """Take the lock of *file*, and tell whether that came about within some *seconds*.

    Whoever looks whether somebody is there holds it for a moment too.
    """
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
        pause.wait(0.01)


def is_alive(home: Path, owner: str) -> bool:
    """Tell whether the emulator called *owner* runs."""
    path = _lock_path(home, owner)
    with suppress(FileNotFoundError), path.open("r") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def running(home: Path) -> Running | None:
    """Return the durable emulator of *home*, if one runs and answers."""
    if not is_alive(home, DURABLE):
        return None
    with suppress(FileNotFoundError, ValueError, KeyError):
        found: dict[str, Any] = json.loads((home / "emulator.json").read_text())
        return Running(pid=found["pid"], url=found["url"])
    return None


def anybody(home: Path) -> bool:
    """Tell whether any emulator, durable or tethered, works in *home*."""
    return any(is_alive(home, path.stem) for path in (home / "emulators").glob("*.lock"))


def _lock_path(home: Path, owner: str) -> Path:
    return home / "emulators" / f"{owner}.lock"
