"""A server beside the clusters (S3, moto): started when first wanted, started again when it died.

Its port is kept, so that clients and clusters find it where it was.  A durable one outlives
the emulator's crash and is found again by its record.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from emrlite.errors import StorageError
from emrlite.node.process import Process, Tether

log = logging.getLogger(__name__)

START_SECONDS = 60.0


class Service:
    """One server on a port of its own on 127.0.0.1."""

    def __init__(
        self, name: str, directory: Path, *, argv: Callable[[int], Sequence[str]], env: Mapping[str, str],
        tether: Tether | None, answers: Callable[[str], bool],
    ) -> None:
        self.name, self._directory, self._argv, self._env = name, directory, argv, dict(env)
        self._tether, self._answers = tether, answers
        self._process = Process(directory, name)
        self._lock = threading.RLock()  # a `Process` is one thread's at a time
        self._wanted = self._answered = False

    @property
    def log_file(self) -> Path:
        return self._directory / f"{self.name}.log"

    @property
    def port(self) -> int:
        """The port that was chosen when the server was first started."""
        path = self._directory / f"{self.name}.port"
        with suppress(FileNotFoundError, ValueError):
            return int(path.read_text())
        path.parent.mkdir(parents=True, exist_ok=True)
        chosen = free_port()
        path.write_text(f"{chosen}\n")
        return chosen

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def wanted(self) -> bool:
        """Tell whether it was ever started by this emulator, or found running."""
        return self._wanted or self._running()

    def start(self) -> None:
        """Start the server unless it runs; return before it answers."""
        with self._lock:
            self._wanted = True
            if self._running():
                return
            self._answered = False
            if self._process.known:
                log.warning("%s is gone; starting it again on port %s", self.name, self.port)
                self._process.forget()
            if not can_bind(self.port):
                (self._directory / f"{self.name}.port").unlink()
                log.warning("the port of %s was taken meanwhile; it is on %s now", self.name, self.port)
            self._process.start(
                self._argv(self.port), env=self._env, cwd=self._directory, stdout=self.log_file, tether=self._tether
            )

    def ensure(self) -> str:
        """Return the URL of the server once it answers.  Raises `StorageError`."""
        self.start()
        if self._answered:
            return self.url
        deadline, pause = time.monotonic() + START_SECONDS, threading.Event()
        while time.monotonic() < deadline:
            if self._answers(self.url):
                self._answered = True
                return self.url
            if not self._running():
                break
            pause.wait(0.03)
        raise StorageError(f"the {self.name} server does not answer at {self.url}; see {self.log_file}")

    def keep(self) -> None:
        """Start the server again if it was wanted and died."""
        with self._lock:
            if self._wanted and not self._running():
                self.start()

    def stop(self) -> None:
        """End the server, if it runs."""
        with self._lock:
            self._wanted = False
            if self._process.known:
                self._process.forget()

    def _running(self) -> bool:
        with self._lock:
            seen = self._process.see()
        return seen is not None and seen.ended is None


def connects(url: str) -> bool:
    """Tell whether somebody listens at *url*."""
    host, port = url.removeprefix("http://").split(":")
    with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
        return True
    return False


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def can_bind(port: int) -> bool:
    """Tell whether a server of ours could listen at *port* of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
