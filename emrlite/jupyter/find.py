"""Which cluster of a home is meant, read from its store whether the emulator is ours or another's."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from emrlite import home as homes
from emrlite.cluster.states import ClusterState, is_final
from emrlite.cluster.store import Record, Store
from emrlite.errors import EmrliteError

#: How long a cluster may take to come up.
SECONDS = 300.0

UP = (ClusterState.RUNNING, ClusterState.WAITING)
_COMING = (ClusterState.STARTING, ClusterState.BOOTSTRAPPING)
_HOW = "make one with emrlite.start().cluster()"


class NoCluster(EmrliteError, LookupError):
    """There is no cluster that could be used; the message says what to do."""


def find(home: Path, cluster_id: str | None = None) -> Record:
    """Return the cluster called *cluster_id*, whatever its state; without an id the newest live one, else the newest.

    Raises `NoCluster`.
    """
    records = Store(home / "emrlite.db").all() if (home / "emrlite.db").exists() else []
    if cluster_id is not None:
        for record in records:
            if record.spec.id == cluster_id:
                return record
        known = ", ".join(record.spec.id for record in records[:5]) or "none yet"
        raise NoCluster(f"cluster {cluster_id!r} is unknown in {home}; newest: {known}")
    if not records:
        raise NoCluster(f"there is no cluster in {home}; {_HOW}")
    looked_after = _looked_after(home)
    for states in (UP, _COMING):
        for record in records:
            if record.status.state in states and record.spec.id in looked_after:
                return record
    return records[0]


def up(home: Path, cluster_id: str | None = None, seconds: float = SECONDS) -> Record:
    """Return a cluster once it is up; it may still be starting.  Raises `NoCluster`."""
    record = find(home, cluster_id)
    store = Store(home / "emrlite.db")
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while record.status.state not in UP:
        status = record.status
        if is_final(status.state) or status.state is ClusterState.TERMINATING:
            none_lives = "no cluster is up; the newest, " if cluster_id is None else "cluster "
            raise NoCluster(f"{none_lives}{record.spec.id}, is {status.state} ({status.reason or 'no reason'}); {_HOW}")
        if time.monotonic() > deadline:
            raise NoCluster(f"cluster {record.spec.id} is still {status.state} after {seconds:.0f} s; "
                            f"`emrlite events {record.spec.id}` tells how far it is")
        pause.wait(0.1)
        record = store.record(record.spec.id)
    if record.spec.id not in _looked_after(home):
        raise NoCluster(f"cluster {record.spec.id} has lost its emulator, and with it its nodes; {_HOW}")
    return record


def _looked_after(home: Path) -> set[str]:
    """Ids of clusters whose emulator runs."""
    owners = Store(home / "emrlite.db").owners()
    alive = {owner for owner in set(owners.values()) if homes.is_alive(home, owner)}
    return {cluster_id for cluster_id, owner in owners.items() if owner in alive}
