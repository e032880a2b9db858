"""Measure a command with all that it starts, also what goes on in sessions of its own.

    python measure.py OUTCOME.json COMMAND [ARGUMENT …]

Makes itself the reaper of every descendant (Linux), so that the kernel adds up their processor
time here, however they ended.  Writes wall seconds until the command ended, processor seconds
of everything, and the exit code; the wall ends before what the command left behind does.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
#: Seconds that descendants may go on after the command.
LEFT_SECONDS = 30


def main(outcome: str, *command: str) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    begin = time.monotonic()
    child = subprocess.Popen(command)
    code = child.wait()
    wall = time.monotonic() - begin
    reap_all()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    Path(outcome).write_text(json.dumps({"wall": wall, "cpu": used.ru_utime + used.ru_stime, "code": code}))


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
