"""The loop of one cluster: look, plan, act, write down, wait.

Level-triggered: a poke only says "look again", and if every poke were lost the same end would
be reached.  Every action is idempotent, so planning anew after a crash is the recovery.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from typing import Self

from emrlite.cluster.model import Event
from emrlite.cluster.planner import (
    Action,
    CancelStep,
    Provision,
    Release,
    RunBootstrap,
    RunStep,
    ShipLogs,
    StartDaemons,
    StartSpare,
    StopNodes,
    plan,
)
from emrlite.cluster.progress import Progress
from emrlite.cluster.states import ClusterState, is_final
from emrlite.cluster.store import Record, Store
from emrlite.errors import EmrliteError
from emrlite.node.driver import Driver

log = logging.getLogger(__name__)

#: While something is on its way, the next look comes after a SHARE-th of the time for which nothing has happened, but
#: at least BUSY and at most SLOW seconds: what takes long may be told a little later, and costs less to watch.  That a
#: process has ended is seen after BUSY seconds all the same, and while steps run there is hardly anything else to see.
BUSY, SLOW, SHARE, SHARE_OF_STEPS = 0.02, 0.2, 50, 5
#: Seconds between looks while the cluster idles.
IDLE = 0.5

#: Seconds after a failure of our own; so many of them in a row, and the cluster is ended rather than kept in limbo.
AGAIN, PATIENCE = 0.05, 20


class Reconciler:
    """
    Bring one cluster to its spec, and keep it there.

    `tick` makes one pass and is all that unit tests need.  As a context manager the object
    owns a thread; leaving the block stops the thread and closes the driver, and leaves the
    cluster's processes to whoever comes next.
    """

    def __init__(self, store: Store, cluster_id: str, driver: Driver, *, hold: float = 0.0) -> None:
        self.cluster_id, self.driver = cluster_id, driver
        self._store, self._hold = store, hold
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"reconciler-{cluster_id}")
        self._failures = 0
        self._actions: tuple[Action, ...] = ()  #: of the last pass

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.leave().close()

    def leave(self) -> Driver:
        """Stop the thread; return the driver as it is, for another to go on with."""
        self._stop.set()
        self._wake.set()
        self._thread.join()
        return self.driver

    @property
    def done(self) -> bool:
        """Tell whether the cluster has ended and the thread with it."""
        return not self._thread.is_alive()

    def poke(self) -> None:
        """Something changed: do not wait for the next look."""
        self._wake.set()

    def tick(self) -> bool:
        """Make one pass; tell whether it did or wrote anything that the last one did not."""
        record = self._store.record(self.cluster_id)
        seen = self.driver.observe(record.spec)
        planned = plan(record.spec, record.status, seen, hold=self._hold)
        changed = planned.status != record.status
        if changed and not self._store.save_status(
            self.cluster_id, planned.status, generation=record.generation,
            final=is_final(planned.status.state), events=planned.events,
        ):
            return True  # the spec moved on meanwhile: look again at once
        before, self._actions = self._actions, planned.actions
        for action in planned.actions:
            log.debug("%s: %s", self.cluster_id, action)
            self._carry_out(record, action)
        return changed or bool(planned.actions and planned.actions != before)

    def _carry_out(self, record: Record, action: Action) -> None:
        spec, driver = record.spec, self.driver
        match action:
            case Provision(node):
                driver.provision(spec, node)
            case RunBootstrap(node, number):
                driver.run_bootstrap(spec, node, number)
            case StartDaemons(node):
                driver.start_daemons(spec, node)
            case StopNodes(nodes):
                driver.stop_nodes(spec, nodes)
            case StartSpare(kind, step):
                driver.start_spare(spec, kind, step)
            case RunStep(step):
                driver.run_step(spec, step)
            case CancelStep(step_id, how):
                driver.cancel_step(spec, step_id, how)
            case ShipLogs():
                driver.ship_logs(spec)
            case Release():
                driver.release(spec)

    def _run(self) -> None:
        since = time.monotonic()
        while not self._stop.is_set():
            # The loop must outlive whatever one pass meets, a full disk too; it is told and counted.
            try:
                news = self.tick()
                self._failures = 0
                state = self._store.record(self.cluster_id).status.state
                if is_final(state):
                    return
                if news:
                    since = time.monotonic()
                    continue  # it may have led on already
                quiet = time.monotonic() - since
                share = SHARE_OF_STEPS if state is ClusterState.RUNNING else SHARE
                idles = state is ClusterState.WAITING and not self._actions
            except Exception as error:  # noqa: BLE001
                self._failed(error)
                self._wake.wait(AGAIN if self._failures <= PATIENCE else IDLE)
            else:
                if idles:
                    self._wake.wait(IDLE)
                else:
                    self._wait_for_news(min(SLOW, max(BUSY, quiet / share)))
            self._wake.clear()

    def _wait_for_news(self, period: float) -> None:
        """Wait, but no longer than until a process has ended."""
        end = time.monotonic() + period
        while (left := end - time.monotonic()) > 0:
            if self._wake.wait(min(left, BUSY)) or self.driver.news():
                return

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        expected = isinstance(error, EmrliteError)
        log.error("%s: %s", self.cluster_id, error, exc_info=not expected)
        text = f"{type(error).__name__}: {error}"
        try:
            if self._failures == 1:
                self._tell(text)
            if self._failures == PATIENCE:
                self._give_up(text)
        except sqlite3.Error:
            log.exception("%s: the store cannot be written", self.cluster_id)

    def _give_up(self, reason: str) -> None:
        """End the cluster with what stands in its way; an end that fails is tried on and on."""
        record = self._store.record(self.cluster_id)
        progress = Progress(record.status, time.time())
        if progress.state is not ClusterState.TERMINATING:
            progress.end("INTERNAL_ERROR", reason)
            self._store.save_status(
                self.cluster_id, progress.status, generation=record.generation, final=False, events=progress.events)

    def _tell(self, text: str) -> None:
        event = Event(time=time.time(), subject=self.cluster_id, state="TROUBLE", reason=text)
        self._store.add_events(self.cluster_id, [event])
