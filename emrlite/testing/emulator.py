"""The test run's side of the emulator: start it once, wait for it, and let it go."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emrlite.errors import EndpointError
from emrlite.node import shim

#: The first start may have to fetch an engine.
START_SECONDS, STOP_SECONDS = 900.0, 30.0

#: Imports emrlite from where this process has it, and nothing from the working directory (-P).
_PROGRAM = (
    "import sys; root = sys.argv.pop(1); root in sys.path or sys.path.insert(0, root)\n"
    "from emrlite.testing.serve import main; sys.exit(main(sys.argv[1:]))"
)


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A process, so named that another with its number is not taken for it."""

    pid: int
    mark: str

    @classmethod
    def this_process(cls) -> Owner:
        pid = os.getpid()
        return cls(pid=pid, mark=shim.start_mark(pid) or "")


class RunningEmulator:
    """The emulator in *room*: started by whoever asks first, shared by all who know the room."""

    def __init__(self, room: Path, owner: Owner, settings: Mapping[str, Any], *, workers: int = 1) -> None:
        self.room, self._owner, self._settings, self._workers = room, owner, dict(settings), workers
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    @property
    def log_file(self) -> Path:
        return self.room / "emulator.log"

    @property
    def state(self) -> Path:
        """The emulator's home: its store, and a directory for each cluster."""
        return self.room / "state"

    @property
    def pid(self) -> int:
        return int(self._found()["pid"])

    def start(self, say: Callable[[str], None]) -> str:
        """Start it unless it runs, and return its URL; what it says meanwhile goes to *say*."""
        self.room.mkdir(parents=True, exist_ok=True)
        if not self._found():
            self._spawn()
        deadline, pause, shown = time.monotonic() + START_SECONDS, threading.Event(), 0
        while not (found := self._found()):
            if not self._somebody_starts():
                raise EndpointError(f"the emulator did not start: {self.last_words()}; its log is {self.log_file}")
            if time.monotonic() > deadline:
                raise EndpointError(f"the emulator did not answer within {START_SECONDS:.0f} s; see {self.log_file}")
            shown = self._copy(shown, say)
            pause.wait(0.02)
        self.url = str(found["url"])
        return self.url

    def last_words(self) -> str:
        """The last line of its log."""
        with suppress(FileNotFoundError):
            lines = self.log_file.read_text(errors="replace").splitlines()
            return next((line.removeprefix("emrlite: ") for line in reversed(lines) if line.strip()), "it said nothing")
        return "it said nothing"

    @property
    def answers(self) -> bool:
        """Tell whether its process is there."""
        found = self._found()
        return bool(found) and shim.start_mark(found["pid"]) == found["mark"]

    def keep(self) -> None:
        """Let it outlive its owner, until it gets SIGTERM."""
        (self.room / "keep").touch()

    def stop(self) -> None:
        """End it with everything it started, where it is this process's and nobody wants to keep it."""
        if self._process is None or self._owner != Owner.this_process() or (self.room / "keep").exists():
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # the tether goes with it
            self._process.wait(STOP_SECONDS)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other workers of xdist out."""
        with (self.room / "alone.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def making(self) -> Iterator[Callable[[str], None]]:
        """Note clusters that must not outlive this process, or the block."""
        owner = Owner.this_process()
        path = self.room / "made" / f"{owner.pid}.{owner.mark}.{uuid.uuid4().hex}"
        path.parent.mkdir(exist_ok=True)

        def note(cluster_id: str) -> None:
            with path.open("a") as file:
                file.write(f"{cluster_id}\n")

        try:
            yield note
        finally:
            path.unlink(missing_ok=True)

    def _spawn(self) -> None:
        root = str(Path(__file__).parents[2])
        command = [sys.executable, "-P", "-c", _PROGRAM, root, str(self.room), json.dumps(self._settings),
                   str(self._workers), str(self._owner.pid), self._owner.mark]
        # The user's account is none of the emulator's business.
        env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTEST_"))}
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True)

    def _somebody_starts(self) -> bool:
        """This process's own, or another worker's who came first: its lock is held."""
        if self._process is not None and self._process.poll() is None:
            return True
        with (self.room / "emulator.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return bool(self._found())

    def _found(self) -> dict[str, Any]:
        with suppress(FileNotFoundError):
            found: dict[str, Any] = json.loads((self.room / "emulator.json").read_text())
            return found
        return {}

    def _copy(self, begin: int, say: Callable[[str], None]) -> int:
        with suppress(FileNotFoundError), self.log_file.open() as log:
            log.seek(begin)
            while (line := log.readline()).endswith("\n"):
                begin = log.tell()
                if not line[:1].isdigit():  # what it says to the user; its log has dates
                    say(line.rstrip())
        return begin
