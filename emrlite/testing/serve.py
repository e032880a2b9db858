"""The emulator of a test run or notebook, in a process of its own: ``serve.py ROOM SETTINGS WORKERS PID MARK``.

ROOM is a directory of the run's own; SETTINGS is JSON; so many WORKERS share the machine's
memory.  SETTINGS that name a home are a notebook's: its emulator works in that home,
with the S3 that the user has chosen, and ends in order; a test run's lives in its room, with
moto's S3.

PID with MARK (its start, in the kernel's count) is the process that the emulator belongs to,
pytest, the controller of xdist or a notebook: once that is gone, however it went, everything here
goes too.  What a worker of xdist made for its test goes with the worker.

A file ``keep`` in the room says that the user wants to look around: then it stays until SIGTERM.
"""

from __future__ import annotations

import faulthandler
import fcntl
import json
import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil

from emrlite.errors import EmrliteError
from emrlite.node import shim
from emrlite.server import Emulator, usable_memory
from emrlite.settings import Settings

#: How often it looks whether its owner is there.
LOOK_SECONDS = 0.2 if shim.LINUX else 1.0
#: By then every tethered process has seen its tether cut.
GONE_SECONDS = 10.0


def main(arguments: list[str]) -> int:
    """Serve until the owner is gone or SIGTERM comes.  Returns at once where another serves this room."""
    faulthandler.enable()  # a crash in native code says where
    room, settings, workers = Path(arguments[0]), json.loads(arguments[1]), int(arguments[2])
    owner = int(arguments[3]), arguments[4]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is pytest's
    with (room / "emulator.lock").open("a") as alone:
        try:
            fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        try:
            users = Settings.load(settings)
            at = users if "home" in settings else replace(
                users, home=room / "state", s3="moto", memory=usable_memory(users) // workers)
            emulator = Emulator(at, tethered=True, say=_say, engines_home=users.home)
            watch = threading.Thread(target=_watch, args=(room, emulator, owner, stop, "home" in settings), daemon=True)
            watch.start()
            with emulator:
                _announce(room, emulator)
                watch.join()
        except EmrliteError as error:
            _say(f"emrlite: {error}")
            return 1
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _announce(room: Path, emulator: Emulator) -> None:
    new = room / "emulator.new"
    new.write_text(json.dumps({"pid": os.getpid(), "url": emulator.url, "mark": shim.start_mark(os.getpid())}))
    new.replace(room / "emulator.json")


def _watch(room: Path, emulator: Emulator, owner: tuple[int, str], stop: threading.Event, in_order: bool) -> None:
    """Look until the owner is gone, then end this process with all that it started, or let it end *in order*."""
    while _lives(*owner) and not stop.wait(LOOK_SECONDS):
        _end_what_nobody_owns(room, emulator)
    if (room / "keep").exists():
        stop.wait()
    if in_order:  # the home stays, so it says that its clusters have ended
        return
    # Nobody waits for an orderly end, and nothing outlives this room but its files.
    mine = psutil.Process().children(recursive=True)
    emulator.abandon()
    _, left = psutil.wait_procs(mine, GONE_SECONDS)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    os._exit(0)


def _lives(pid: int, mark: str) -> bool:
    return shim.start_mark(pid) == mark


def _end_what_nobody_owns(room: Path, emulator: Emulator) -> None:
    """A file ``made/PID.MARK.*`` names the clusters that a worker made for a test, one a line."""
    for path in (room / "made").glob("*"):
        pid, mark, _ = path.name.split(".")
        if not _lives(int(pid), mark):
            for cluster_id in path.read_text().split():
                emulator.store.terminate(cluster_id)
                emulator.clusters.poke(cluster_id)
            path.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
