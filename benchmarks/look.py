"""Look at a process and all its descendants: processor time and memory, without being in their way.

Looking at memory costs the looked-at process time too, so it stays below a share of one core:
after a look that took long the next one comes later.  Linux's ``/proc`` is read by hand, which
costs a tenth of what psutil takes; other systems are asked through psutil.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks import java_counters

#: Seconds between two looks at processor times and at memory, and the share of a core that memory may cost.
TIMES_EVERY, MEMORY_EVERY, MEMORY_SHARE = 0.1, 0.5, 0.03

LINUX = sys.platform == "linux"
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Process:
    """One process at the time of a look."""

    pid: int
    parent: int
    start: float  #: on the clock of `time.time`
    user: float
    system: float
    waited: float  #: processor seconds of its children that ended and were waited for
    ended: bool  #: and not yet waited for


def processes(root: int) -> list[Process]:
    """Descendants of *root*, parents first, without *root* itself."""
    children: dict[int, list[Process]] = {}
    for one in _all_by_hand() if LINUX else _all_by_psutil(root):
        children.setdefault(one.parent, []).append(one)
    found, todo = [], [root]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += [one.pid for one in below]
    return found


def _all_by_hand() -> Iterator[Process]:
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            fields = Path(f"/proc/{name}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it is gone
        user, system, *waited = (int(field) / _TICK for field in fields[11:15])
        yield Process(pid=int(name), parent=int(fields[1]), start=boot + int(fields[19]) / _TICK, user=user,
                      system=system, waited=sum(waited), ended=fields[0] in "ZX")


def _all_by_psutil(root: int) -> Iterator[Process]:
    try:
        found = psutil.Process(root).children(recursive=True)
    except psutil.Error:
        return
    for process in found:
        try:
            with process.oneshot():
                times = process.cpu_times()
                yield Process(pid=process.pid, parent=process.ppid(), start=process.create_time(), user=times.user,
                              system=times.system, waited=times.children_user + times.children_system,
                              ended=process.status() == psutil.STATUS_ZOMBIE)
        except psutil.Error:
            continue  # it is gone


def memory(pid: int) -> int:
    """Bytes of *pid*, pages that several processes map divided among them (PSS); RSS where that is not known."""
    try:
        if LINUX:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
        return psutil.Process(pid).memory_info().rss
    except (OSError, psutil.Error):
        return 0


def rss(pid: int) -> int:
    """Bytes that *pid* has in memory, shared or not."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def memory_of(*roots: int) -> int:
    """Bytes of *roots* and all their descendants."""
    return sum(memory(pid) for root in roots for pid in (root, *(one.pid for one in processes(root))))


def processor_time(root: int) -> float:
    """Processor seconds of all descendants of *root*, also of those that ended inside its tree."""
    return sum(one.user + one.system + one.waited for one in processes(root))


def words(pid: int) -> list[str]:
    """The command line of *pid*."""
    try:
        return psutil.Process(pid).cmdline()
    except (OSError, psutil.Error):
        return []


@dataclass(kw_only=True)
class Seen:
    """One process, as it was seen last; times are seconds since the begin, memory is bytes."""

    pid: int
    parent: int
    start: float
    argv: list[str]
    last: float = 0
    user: float = 0
    system: float = 0
    peak: int = 0
    series: list[tuple[float, float]] = field(default_factory=list)  #: time, processor seconds until then
    counters: dict[str, float] = field(default_factory=dict)  #: of a JVM, see `java_counters`


class Watch(threading.Thread):
    """Looks at the descendants of *root* until stopped; *begin* is on the clock of `time.monotonic`."""

    def __init__(self, root: int, begin: float) -> None:
        super().__init__(name=f"watch of {root}", daemon=True)
        self.root, self.begin = root, begin
        self._zero = time.time() - (time.monotonic() - begin)
        self.seen: dict[int, Seen] = {}
        self.peak = 0
        self._ended = threading.Event()

    def run(self) -> None:
        next_memory = 0.0
        while not self._ended.is_set():
            now = time.monotonic()
            weigh = now >= next_memory
            self._look(now - self.begin, weigh)
            if weigh:
                next_memory = now + max(MEMORY_EVERY, (time.monotonic() - now) / MEMORY_SHARE)
            self._ended.wait(TIMES_EVERY)

    def _look(self, now: float, weigh: bool) -> None:
        total = 0
        for process in processes(self.root):
            if process.ended:
                continue
            pid = process.pid
            one = self.seen.setdefault(
                pid, Seen(pid=pid, parent=process.parent, start=process.start - self._zero, argv=[]))
            one.last, one.user, one.system = now, process.user, process.system
            # A process that was just forked still has the words of its parent, and one may become another program.
            if weigh or not one.argv or now - one.start < 1:
                one.argv = words(pid) or one.argv
            one.series.append((round(now, 3), round(process.user + process.system, 2)))
            if weigh:
                one.counters = java_counters.read(pid) or one.counters
                size = memory(pid)
                one.peak = max(one.peak, size)
                total += size
        self.peak = max(self.peak, total)

    def stop(self) -> None:
        self._ended.set()
        self.join()
