"""The live clusters of one emulator: what the API asks of the rooms below it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from emrlite.cluster.model import ClusterSpec, ClusterStatus, Event
from emrlite.cluster.reconciler import Reconciler
from emrlite.cluster.standby import Standby
from emrlite.cluster.states import ClusterState
from emrlite.cluster.store import Store
from emrlite.errors import EmrliteError, ValidationException
from emrlite.node.daemons import FOOTPRINT
from emrlite.node.driver import SPARE_KINDS, Driver, daemons_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What new clusters are held against."""

    memory: int  #: MiB for all clusters together
    versions: dict[str, str]  #: what really runs
    ahead: bool = True  #: whether clusters that wait start JVMs for their next step
    #: Raises ValidationException for a release that is refused; returns what is to be said of it.
    admit: Callable[[ClusterSpec], str | None]


class Reconcilers:
    """Starts a reconciler for each live cluster, and stops them all at its end."""

    def __init__(
        self, store: Store, driver: Callable[[ClusterSpec], Driver], limits: Limits, *, owner: str, hold: float,
        standby: Standby | None = None,
    ) -> None:
        self.store, self.standby = store, standby
        self._driver, self._limits, self._owner, self._hold = driver, limits, owner, hold
        self._lock = threading.Lock()
        self._running: dict[str, Reconciler] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            running, self._running = list(self._running.values()), {}
        for reconciler in running:
            reconciler.__exit__(*exc)

    def attach(self, cluster_ids: list[str]) -> None:
        """Take over clusters that an earlier emulator of this home left; what hinders one hinders no other."""
        for cluster_id in cluster_ids:
            self.store.own(cluster_id, self._owner)
            spec = self.store.record(cluster_id).spec
            try:
                driver = self._driver(spec)
            except (EmrliteError, OSError, ValueError) as error:
                log.exception("%s cannot be attached", cluster_id)
                reason = f"not attached: {error}"
                event = Event(time=time.time(), subject="cluster", state="TROUBLE", reason=reason)
                self.store.add_events(cluster_id, [event])
                continue
            with self._lock:
                self._start(spec, driver)

    def launch(self, spec: ClusterSpec) -> ClusterSpec:
        """Save *spec* and begin to bring the cluster about; return it with the ids that it has got.

        Raises `ValidationException` if the release is refused, or the cluster does not fit
        beside those that run.
        """
        remark = self._limits.admit(spec)
        with self._lock:
            self._check_room(spec)
            ready = self.standby.take(spec) if self.standby else None
            # First: a cluster that nobody can look after is not written down.
            spec, driver = ready or (spec, self._driver(spec))
            remarks = ["RunJobFlow", "a cluster like this stood by" if ready else "", remark or ""]
            reason = "; ".join(part for part in remarks if part)
            created = Event(time=spec.created, subject="cluster", state=str(ClusterState.STARTING), reason=reason)
            try:
                self.store.create(spec, ClusterStatus(versions=self._limits.versions), [created], owner=self._owner)
            except BaseException:
                if ready and self.standby:
                    self.standby.give_back()
                else:
                    driver.close()
                raise
            self._start(spec, driver)
            if self.standby:
                self.standby.launched(spec)
            return spec

    def look_after_standby(self) -> None:
        """Have a cluster stand by where there should be one; called every second or so."""
        if self.standby:
            with self._lock:  # a cluster that is just being launched is not overlooked
                self.standby.keep(idle=not self.store.live())

    def poke(self, cluster_id: str) -> None:
        """The spec of a cluster changed: look again now."""
        with self._lock:
            reconciler = self._running.get(cluster_id)
        if reconciler:
            reconciler.poke()

    def reset(self, timeout: float, keep: frozenset[str] = frozenset()) -> None:
        """End all clusters of this emulator but *keep*, wait until they are gone, and forget them.

        Of those that are kept, HDFS is as it was when they were new.  Raises ``TimeoutError``
        when one does not end in time.
        """
        self.end_all(timeout, keep)
        self.store.forget_ended(self._owner)
        with self._lock:
            kept = [self._running[cluster_id] for cluster_id in keep if cluster_id in self._running]
        for reconciler in kept:
            if not reconciler.done:
                reconciler.driver.wipe_hdfs()

    def end_all(self, timeout: float, keep: frozenset[str] = frozenset()) -> None:
        """End all clusters of this emulator but *keep*, protected or not, and wait until they are gone."""
        with self._lock:
            running = {name: reconciler for name, reconciler in self._running.items()
                       if not reconciler.done and name not in keep}
        for cluster_id in running:
            self.store.terminate(cluster_id)
            self.poke(cluster_id)
        deadline, pause = time.monotonic() + timeout, threading.Event()
        while alive := [cluster_id for cluster_id, reconciler in running.items() if not reconciler.done]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{', '.join(alive)} did not end within {timeout:.0f} s")
            pause.wait(0.02)

    def _start(self, spec: ClusterSpec, driver: Driver) -> None:
        """Begin to look after a cluster, and bury those that have ended.  The lock is held."""
        for cluster_id in [name for name, reconciler in self._running.items() if reconciler.done]:
            self._running.pop(cluster_id).__exit__(None, None, None)
        self._running[spec.id] = Reconciler(self.store, spec.id, driver, hold=self._hold).__enter__()

    def _check_room(self, spec: ClusterSpec) -> None:
        ahead = self._limits.ahead
        taken = sum(footprint(record.spec, ahead=ahead) for record in self.store.live())
        asked = footprint(spec, ahead=ahead)
        if taken + asked > self._limits.memory:
            raise ValidationException(
                f"This machine has no room for the cluster: its {len(spec.nodes)} nodes take about {asked} MiB, "
                f"running clusters {taken} MiB of the {self._limits.memory} MiB that clusters may count on "
                "(the setting `memory`). Ask for fewer nodes, or end a cluster.")


def footprint(spec: ClusterSpec, *, ahead: bool = True) -> int:
    """Return about how many MiB a cluster takes when it waits: its daemons, and the JVMs that are started *ahead*."""
    daemons = [daemon for node in spec.nodes for daemon in daemons_of(spec, node)]
    spares = SPARE_KINDS if ahead and "spark-master" in daemons else ()
    return sum(FOOTPRINT[what] for what in (*daemons, *spares))
