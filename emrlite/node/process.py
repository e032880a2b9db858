"""Processes of a node: started under the shim, recorded on disk, found again after a crash.

The record of a process is three files of one stem: ``NAME.start`` (written before it
starts), ``NAME.pid`` and ``NAME.exit`` (written by `emrlite.node.shim`).  So whoever looks,
the emulator that started it or the next one, sees the same.
"""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from emrlite.errors import NodeError
from emrlite.node import shim

#: In the environment of every process that emrlite starts: the home, and the node's directory,
#: to find orphans by.
OWNER_VARIABLE = "EMRLITE_OWNER"
MARK_VARIABLE = "EMRLITE_MARK"

#: A shim that has not written its pid by then never will.
START_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the record of a process and the kernel say of it.  Times are epoch seconds."""

    started: float
    ended: float | None = None
    exit_code: int | None = None
    stopped: bool = False
    rebooted: bool = False  #: it was started before the machine was


class Tether:
    """A pipe whose far end every tethered process holds: when its owner dies, they know."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: tuple[int, ...] = os.pipe()

    @property
    def read_end(self) -> int:
        """What a new process holds on to.  Raises `NodeError` once it was let go."""
        if not self._ends:
            raise NodeError("emrlite is ending; nothing is started any more")
        return self._ends[0]

    def close(self) -> None:
        """Let go: whatever still hangs on the tether is killed by its shim."""
        with self._lock:
            ends, self._ends = self._ends, ()
        for end in ends:  # once only: the numbers may be somebody else's by now
            os.close(end)


class Process:
    """One recorded process.  Making the object starts nothing.

    *view* is where the plan of its node's view of the file system is, where the node has one.
    """

    def __init__(self, directory: Path, name: str, view: Path | None = None) -> None:
        self.name, self._view = name, view
        self._stem = directory / name
        self._popen: subprocess.Popen[bytes] | None = None
        self._identity: tuple[int, str, str] | None = None
        self._last: Seen | None = None

    @property
    def known(self) -> bool:
        """Tell whether this process was ever started."""
        return self._file("start").exists()

    def start(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, stdout: Path, stderr: Path | None = None,
              tether: Tether | None = None) -> None:
        """Start *argv* in a session of its own; once only, however often it is called."""
        if self.known:
            return
        for path in (self._stem.parent, stdout.parent, cwd):
            path.mkdir(parents=True, exist_ok=True)
        held = (tether.read_end,) if tether else ()
        self._file("start").write_text(f"{time.time()}\n")
        far_end = str(held[0]) if held else "-"
        view = str(self._view) if self._view and self._view.exists() else "-"
        command = [sys.executable, "-I", "-S", shim.__file__, str(self._stem), far_end, view, "--", *argv]
        with stdout.open("ab") as out, (stderr or stdout).open("ab") as err:
            # Born with them blocked, the shim misses no signal that comes before it listens.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, shim.SIGNALS)
            try:
                self._popen = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=dict(env), cwd=cwd,
                    start_new_session=True, pass_fds=held,
                )
            except OSError as error:  # an argument list too long, no memory: nothing was started, and nothing will be
                err.write(f'Cannot run program "{argv[0]}": error={error.errno}, {error.strerror}\n'.encode())
                shim.write(str(self._file("exit")), f"{shim.CANNOT_RUN} {time.time()} 0\n")
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def see(self) -> Seen | None:
        """Look at the process; ``None`` if it was never started."""
        if self._last is not None and self._last.ended is not None:
            if self._popen is not None and self._popen.poll() is not None:
                self._popen = None
            return self._last
        if self._last is None:
            if (text := _read(self._file("start"))) is None:
                return None
            self._last = Seen(started=float(text or time.time()))
        # Ask the kernel before the file: a process that ends in between is then seen to run
        # once more, and is not taken for one that left nothing.
        alive = self._alive()
        if text := _read(self._file("exit")):
            code, ended, stopped = text.split()
            self._last = replace(self._last, ended=float(ended), exit_code=int(code), stopped=stopped == "1")
        elif not alive:
            rebooted = self._identity is not None and self._identity[2] != _boot_id()
            self._last = replace(self._last, ended=time.time(), rebooted=rebooted)
        return self._last

    def forget(self) -> None:
        """Remove the record of an ended process, so that it can be started anew.  What it left is killed."""
        kill_all([self])
        for kind in ("start", "pid", "exit"):
            self._file(kind).unlink(missing_ok=True)
        self._popen = self._identity = self._last = None

    @property
    def news(self) -> bool:
        """Tell whether the program has ended since `see` last saw it run: one look at one file."""
        return self._last is not None and self._last.ended is None and os.path.exists(self._file("exit"))

    @property
    def lingers(self) -> bool:
        """Tell whether the shim is there: for the program, or for what the program left behind."""
        return self._alive()

    def stop(self, *, kill: bool = False) -> bool:
        """Tell the shim to end the tree: SIGTERM and SIGKILL after a grace, or SIGKILL at once.

        ``False`` if nobody knows its pid yet, because an emulator that died a moment ago started it.
        """
        if not self._alive():
            return True
        pid = self._identity[0] if self._identity else self._popen.pid if self._popen else None
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR1 if kill else signal.SIGTERM)
            os.kill(pid, signal.SIGCONT)  # one that was stopped would not hear it
        return True

    def wait_gone(self, deadline: float) -> bool:
        """Wait until *deadline* (monotonic) for the shim and its tree to be gone; tell if they are."""
        pause = threading.Event()
        while self._alive():
            if time.monotonic() >= deadline:
                return False
            pause.wait(0.01)
        return True

    def _alive(self) -> bool:
        if self._popen is not None and self._popen.poll() is not None:
            self._popen = None
            return False
        if self._identity is None:
            text = _read(self._file("pid"))
            if not text:
                return self._popen is not None or self._fresh()
            pid, mark, boot = text.split()[:3]
            self._identity = int(pid), mark, boot
        pid_, mark, boot = self._identity
        if boot == _boot_id() and shim.start_mark(pid_) == mark:
            return True
        if self._popen is not None and self._popen.poll() is not None:  # it ended since it was asked above
            self._popen = None
        return False

    def _fresh(self) -> bool:
        """Another emulator may have started it just before it died."""
        text = "" if self._file("exit").exists() else _read(self._file("start"))
        return bool(text) and time.time() - float(text or 0) < START_SECONDS

    def _file(self, kind: str) -> Path:
        return self._stem.with_name(f"{self._stem.name}.{kind}")


def processes(directory: Path) -> Iterator[Process]:
    """Yield every process that has a record in *directory*."""
    for path in sorted(directory.glob("*.start")):
        yield Process(directory, path.name.removesuffix(".start"))


def kill_all(found: Sequence[Process], *, timeout: float = 15.0) -> None:
    """Kill the trees of all these processes and wait until they are gone.  Raises `NodeError`."""
    deadline, pause = time.monotonic() + timeout, threading.Event()
    unheard = list(found)
    while unheard := [process for process in unheard if not process.stop(kill=True)]:
        if time.monotonic() >= deadline:
            break
        pause.wait(0.02)
    for process in found:
        if not process.wait_gone(deadline):
            raise NodeError(f"could not kill {process.name}; it may hang in the kernel: look with `ps`")


def orphans(variable: str, value: str) -> list[psutil.Process]:
    """Find processes that carry a mark of ours, other than this one and its parents.

    While a process becomes another program (`execve`) Linux shows its environment as empty; it is looked at again.
    """
    me = psutil.Process()
    spared = {me.pid, *(parent.pid for parent in me.parents())}
    found, unread = [], [process for process in psutil.process_iter() if process.pid not in spared]
    for pause in (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0):
        bare = []
        for process in unread:
            with suppress(psutil.Error):
                environ = process.environ()
                if environ.get(variable) == value:
                    found.append(process)
                elif not environ and process.exe():  # a thread of the kernel has no program
                    bare.append(process)
        if not (unread := bare):
            break
        time.sleep(pause)
    return found


def reap(found: Sequence[psutil.Process]) -> list[int]:
    """Kill what an earlier emulator or a dead shim left behind; return the pids."""
    for process in found:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(found, timeout=10)
    return [process.pid for process in found]


@functools.cache
def _boot_id() -> str:
    return shim.boot_id()


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
