"""Measure a command with all that it starts, also what goes on in sessions of its own.

    python measure.py OUTCOME.json COMMAND [ARGUMENT …]

Makes itself the reaper of every descendant (Linux), so that the kernel adds up their processor
time here, however they ended.  Writes wall seconds until the command ended, processor seconds
of everything, the peak of memory and the exit code; the wall ends before what the command left
behind does.

Looks at the processes meanwhile.  That costs time too, so it stays below a share of one core:
after a look that took long the next one comes later.  Its own time is not counted.
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
import threading
import time
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
#: Seconds that descendants may go on after the command.
LEFT_SECONDS = 30

#: Seconds between two looks at processor times, and at memory, and the share of a core that memory may cost.
TIMES_EVERY, MEMORY_EVERY, MEMORY_SHARE = 0.1, 0.5, 0.03

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(kw_only=True)
class Seen:
    """One process, as it was seen last; times are seconds since the begin, memory is bytes."""

    pid: int
    parent: int
    argv: list[str]
    start: float
    last: float
    user: float
    system: float
    peak: int = 0


def tree(root: int) -> dict[int, list[str]]:
    """Descendants of *root* with the fields of their ``/proc/<pid>/stat`` from the state on."""
    found: dict[int, list[str]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                fields = Path(f"/proc/{name}/stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue  # it ended
            if fields[0] not in "ZX":
                found[int(name)] = fields
    children: dict[int, list[int]] = {}
    for pid, fields in found.items():
        children.setdefault(int(fields[1]), []).append(pid)
    below, todo = {}, [root]
    while todo:
        for pid in children.get(todo.pop(), ()):
            below[pid] = found[pid]
            todo.append(pid)
    return below


def memory(pid: int) -> int:
    """Bytes of *pid*, pages that several processes map divided among them (PSS); RSS where there is none."""
    for file, key in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
                if line.startswith(key):
                    return int(line.split()[1]) * 1024
        except OSError:
            continue
    return 0


def memory_of(root: int) -> int:
    """Bytes of *root* and all its descendants."""
    return sum(memory(pid) for pid in (root, *tree(root)))


class Watch(threading.Thread):
    """Looks at the descendants of *root* until stopped; without ``/proc`` it sees nothing."""

    def __init__(self, root: int, begin: float) -> None:
        super().__init__(name=f"watch of {root}", daemon=True)
        self.root, self.begin = root, begin
        # What /proc calls the start of a process counts from boot.
        self._boot = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic() if sys.platform == "linux" else 0.0
        self.seen: dict[tuple[int, float], Seen] = {}
        self.peak = 0
        self._ended = threading.Event()

    def run(self) -> None:
        next_memory = time.monotonic()
        while sys.platform == "linux":
            now = time.monotonic()
            self._look(now, weigh := now >= next_memory)
            if weigh:
                took = time.monotonic() - now
                next_memory = now + max(MEMORY_EVERY, took / MEMORY_SHARE)
            if self._ended.wait(TIMES_EVERY):
                return

    def _look(self, now: float, weigh: bool) -> None:
        total = 0
        for pid, fields in tree(self.root).items():
            start = int(fields[19]) / _TICK - self._boot - self.begin
            one = self.seen.setdefault((pid, start), Seen(
                pid=pid, parent=int(fields[1]), argv=[], start=start, last=0, user=0, system=0))
            one.last, one.user, one.system = now - self.begin, int(fields[11]) / _TICK, int(fields[12]) / _TICK
            # A process that was just forked still has the words of its parent.
            if weigh or not one.argv or one.last - one.start < 1:
                one.argv = words(pid) or one.argv
            if weigh:
                size = memory(pid)
                one.peak = max(one.peak, size)
                total += size
        self.peak = max(self.peak, total)

    def stop(self) -> None:
        self._ended.set()
        self.join()


def words(pid: int) -> list[str]:
    try:
        return [word for word in Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0") if word]
    except OSError:
        return []


def main(outcome: str, *command: str) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    begin = time.monotonic()
    child = subprocess.Popen(command)
    watch = Watch(os.getpid(), begin)
    watch.start()
    code = child.wait()
    wall = time.monotonic() - begin
    reap_all()
    watch.stop()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    Path(outcome).write_text(json.dumps({
        "wall": wall, "cpu": used.ru_utime + used.ru_stime, "code": code, "memory": watch.peak,
        "processes": [dataclasses.asdict(one) for one in watch.seen.values()]}))


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
