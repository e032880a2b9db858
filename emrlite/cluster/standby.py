"""A cluster like the last one that nobody has asked for yet: the next like it is up at once.

It is as real as any other: the same reconciler over the same driver brings it up, but with a store of its own, in its
own directory, so that nobody sees it.  `RunJobFlow` of the same shape takes it over with all that it has; it serves
once, and has seen nothing of anybody's until then.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emrlite.cluster import ids
from emrlite.cluster.model import ClusterSpec, ClusterStatus
from emrlite.cluster.reconciler import Reconciler
from emrlite.cluster.states import InstanceState
from emrlite.cluster.store import Store
from emrlite.errors import EmrliteError
from emrlite.node.driver import Driver

log = logging.getLogger(__name__)

#: In the directory of a cluster that stands by: its store.
STORE = "standby.db"
#: Seconds after which one for which nobody has come ends.
PATIENCE = 600.0


@dataclass(frozen=True)
class _Waiting:
    """One that stands by."""

    spec: ClusterSpec
    store: Store
    reconciler: Reconciler

    @property
    def good(self) -> bool:
        """Whether it is on its way, or up, with all its nodes."""
        try:
            status = self.store.record(self.spec.id).status
        except (sqlite3.Error, KeyError) as error:  # somebody has removed its directory, or the disk is full
            log.warning("%s, which stands by, cannot be looked at: %s", self.spec.id, error)
            return False
        return status.ending is None and all(
            node.state is not InstanceState.TERMINATED for node in status.nodes.values())


class Standby:
    """At most one cluster that stands by, with its directory below *clusters*; *driver* makes its driver."""

    def __init__(self, clusters: Path, driver: Callable[[ClusterSpec], Driver]) -> None:
        self._clusters, self._driver = clusters, driver
        self._lock = threading.Lock()
        self._model: ClusterSpec | None = None
        self._waiting: _Waiting | None = None
        self._taken: _Waiting | None = None
        self._leaving: list[_Waiting] = []

    @property
    def cluster(self) -> str | None:
        """The id that the next cluster of the same shape will have."""
        found = self._waiting
        return found.spec.id if found else None

    def launched(self, spec: ClusterSpec) -> None:
        """Let the next one be like *spec*, which is written down now and no longer ours, if it was.

        What a bootstrap action does is the cluster's own: such are never made ahead.
        """
        with self._lock:
            taken, self._taken = self._taken, None
            self._model = None if spec.bootstrap_actions else spec
            if taken:
                for path in self._clusters.glob(f"{taken.spec.id}/{STORE}*"):
                    with suppress(OSError):  # the next emulator finds it and knows whose it is
                        path.unlink()

    def keep(self, *, idle: bool) -> None:
        """Start one where nothing else runs (*idle*) and there is none; end one that is in the way, old or broken."""
        with self._lock:
            self._bury()
            if found := self._waiting:
                if not found.good or time.time() - found.spec.created > PATIENCE:
                    self._model = None  # another would fare no better
                if self._model is None or not idle:
                    self._dismiss()
            elif idle and self._model is not None:
                self._start(self._model)

    def take(self, asked: ClusterSpec) -> tuple[ClusterSpec, Driver] | None:
        """Return *asked* as the cluster that stands by, and its driver, if they are alike.  Else that one ends.

        It is the caller's when `launched` is told; else `give_back`.
        """
        with self._lock:
            if (found := self._waiting) is None:
                return None
            if shape(asked) != shape(found.spec):
                self._dismiss()
                return None
            driver = found.reconciler.leave()
            spec = _as(asked, found.spec)
            self._waiting, self._taken = None, found
            if not _becomes(found, spec):
                self._give_back()
                return None
            return spec, driver

    def give_back(self) -> None:
        """The cluster that was taken could not be written down: it ends."""
        with self._lock:
            self._give_back()

    def close(self, timeout: float) -> None:
        """End it, and wait until it is gone.  Raises ``TimeoutError``; no thread is left then either."""
        deadline, pause = time.monotonic() + timeout, threading.Event()
        with self._lock:
            try:
                self._model = None
                self._dismiss()
                while self._leaving:
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"{self._leaving[0].spec.id} did not end within {timeout:.0f} s")
                    pause.wait(0.02)
                    self._bury()
            finally:
                for left in (*self._leaving, self._waiting, self._taken):
                    if left:
                        left.reconciler.__exit__(None, None, None)

    # The lock is held

    def _start(self, model: ClusterSpec) -> None:
        spec = _like(model)
        try:
            store = Store(self._clusters / spec.id / STORE)
            store.create(spec, ClusterStatus())
            driver = self._driver(spec)
        except (EmrliteError, OSError, sqlite3.Error) as error:
            self._model = None
            log.warning("no cluster stands by: %s", error)
            _remove(self._clusters / spec.id)
            return
        self._waiting = _Waiting(spec, store, Reconciler(store, spec.id, driver, hold=0.0).__enter__())

    def _give_back(self) -> None:
        if found := self._taken:
            again = Reconciler(found.store, found.spec.id, found.reconciler.driver, hold=0.0).__enter__()
            self._waiting, self._taken = replace(found, reconciler=again), None
            self._dismiss()

    def _dismiss(self) -> None:
        if found := self._waiting:
            self._waiting = None
            self._leaving.append(found)
            try:
                found.store.terminate(found.spec.id)
                found.reconciler.poke()
            except (sqlite3.Error, KeyError):  # then without its store
                driver = found.reconciler.leave()
                with suppress(OSError):  # its directory may be gone
                    driver.stop_nodes(found.spec, found.spec.nodes)

    def _bury(self) -> None:
        for gone in [each for each in self._leaving if each.reconciler.done]:
            self._leaving.remove(gone)
            gone.reconciler.__exit__(None, None, None)
            _remove(self._clusters / gone.spec.id)


def remove_left(clusters: Path, known: Callable[[str], bool]) -> None:
    """Remove those whose emulator was killed before anybody took them: the processes are gone, the directories not."""
    for path in clusters.glob(f"*/{STORE}"):
        if not known(path.parent.name):
            _remove(path.parent)


def _remove(directory: Path) -> None:
    """The store comes last: what is left when this is interrupted is found by the next emulator."""
    for path in directory.glob("*/"):
        shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(directory, ignore_errors=True)


def _becomes(found: _Waiting, spec: ClusterSpec) -> bool:
    """Look once more, for the last look was up to half a second ago; let the cluster be *spec* if it is whole."""
    try:
        found.reconciler.tick()
        if found.good:
            found.reconciler.driver.adopt(spec)
            return True
    except (EmrliteError, OSError, sqlite3.Error, KeyError) as error:
        log.warning("%s, which stood by, is not taken: %s", found.spec.id, error)
    return False


def shape(spec: ClusterSpec) -> tuple[Any, ...]:
    """All of *spec* that shows in how its nodes are made and started."""
    groups = tuple((group.role, group.instance_type, group.count, group.configurations) for group in spec.groups)
    return (spec.region, spec.release_label, spec.applications, spec.configurations, spec.bootstrap_actions, groups)


def _like(model: ClusterSpec) -> ClusterSpec:
    """A cluster of the shape of *model*, with ids of its own and nothing to do."""
    groups = tuple(replace(group, id=ids.group_id()) for group in model.groups)
    numbers = {old.id: new.id for old, new in zip(model.groups, groups, strict=True)}
    nodes = tuple(replace(node, id=ids.node_id(), instance_id=ids.instance_id(), group_id=numbers[node.group_id])
                  for node in model.nodes)
    return ClusterSpec(
        id=ids.cluster_id(), account=model.account, region=model.region, name="standby",
        release_label=model.release_label, created=time.time(), groups=groups, nodes=nodes,
        applications=model.applications, configurations=model.configurations, keep_alive=True)


def _as(asked: ClusterSpec, found: ClusterSpec) -> ClusterSpec:
    """*asked* under the ids that the cluster and its nodes have already."""
    groups = tuple(replace(mine, id=theirs.id) for mine, theirs in zip(asked.groups, found.groups, strict=True))
    return replace(asked, id=found.id, groups=groups, nodes=found.nodes)
