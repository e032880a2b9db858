"""Looks at a cluster from outside while it lives: its blocks and its processes, as the machine has them."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

from emrlite.node.layout import NodeInfo
from emrlite.node.process import MARK_VARIABLE, OWNER_VARIABLE

PERIOD = 0.25


class Cluster:
    """One cluster's directory, and the most that was ever seen in it."""

    def __init__(self, root: Path) -> None:
        self.id, self.root = root.name, root
        self.default_fs = ""
        self.owner = ""  #: mark of the emulator that it belongs to
        self.most_blocks: dict[Path, int] = {}
        self.most_processes = 0

    def look(self) -> None:
        if not self.default_fs and (self.root / "master/node.json").exists():
            with suppress(ValueError):  # being written
                self.default_fs = NodeInfo.read(self.root / "master").default_fs
        if len(blocks := self.blocks()) >= len(self.most_blocks):
            self.most_blocks = blocks
        processes = self.processes()
        self.most_processes = max(self.most_processes, len(processes))
        if processes and not self.owner:
            with suppress(psutil.Error):
                self.owner = psutil.Process(processes[0]).environ().get(OWNER_VARIABLE, "")

    def blocks(self) -> dict[Path, int]:
        """The block files of all DataNodes, with their sizes."""
        found = {}
        for path in self.root.glob("*/mnt/hdfs/**/blk_*"):
            with suppress(FileNotFoundError):  # deleted since
                if path.suffix != ".meta":
                    found[path] = path.stat().st_size
        return found

    def processes(self) -> list[int]:
        """The pids of all processes that carry the mark of one of the cluster's nodes."""
        return marked(MARK_VARIABLE, f"{self.root}/")


def marked(variable: str, beginning: str) -> list[int]:
    """The pids of all processes with *variable* in their environment and this *beginning* in it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(variable, "").startswith(beginning):
                found.append(process.pid)
    return found


class Witness:
    """Watches, as a context manager, for the first cluster that is new below *clusters*."""

    def __init__(self, clusters: Path) -> None:
        self.cluster: Cluster | None = None
        self._clusters, self._before = clusters, set(clusters.glob("j-*"))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="witness")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(PERIOD):
            new = sorted(set(self._clusters.glob("j-*")) - self._before)
            if self.cluster is None and new:
                self.cluster = Cluster(new[0])
            if self.cluster:
                self.cluster.look()
