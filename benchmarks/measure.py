"""Measure a command with all that it starts, also what goes on in sessions of its own.

    python measure.py OUTCOME.json COMMAND [ARGUMENT …]

Makes itself the reaper of every descendant (Linux), so that the kernel adds up their processor
time here, however they ended.  Writes wall seconds until the command ended, processor seconds
of everything, the peak of memory and the exit code; the wall ends before what the command left
behind does.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
#: Seconds that descendants may go on after the command: a first run leaves the making of class data behind it.
LEFT_SECONDS = 600


def main(outcome: str, *command: str) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1]))  # this file is run by its path
    from benchmarks.look import Watch

    become_reaper()
    began, begin = time.time(), time.monotonic()
    child = subprocess.Popen(command)
    watch = Watch(os.getpid(), begin)
    watch.start()
    code = child.wait()
    wall = time.monotonic() - begin
    reap_all()
    watch.stop()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    Path(outcome).write_text(json.dumps({
        "began": began, "wall": wall, "cpu": used.ru_utime + used.ru_stime, "code": code, "memory": watch.peak,
        "processes": [dataclasses.asdict(one) for one in watch.seen.values()]}))


def become_reaper() -> None:
    """Let every orphan among the descendants of this process become its child (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_all() -> None:
    """Wait for every descendant, or die saying that they do not end."""
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"what the command started goes on {LEFT_SECONDS} s after it"))
    signal.alarm(LEFT_SECONDS)
    try:
        while True:
            os.wait()
    except ChildProcessError:
        signal.alarm(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
