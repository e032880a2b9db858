"""Find a cluster for its caller, or say as EMR does that there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from emrlite.api.protocol import Call
from emrlite.cluster import ids
from emrlite.cluster.model import ClusterSpec
from emrlite.cluster.states import ClusterState, is_final
from emrlite.cluster.store import Record, Store
from emrlite.errors import InvalidRequestException, ServiceError, ValidationException


class Clusters(Protocol):
    """What the handlers need of whoever runs the clusters."""

    @property
    def store(self) -> Store: ...

    def launch(self, spec: ClusterSpec) -> ClusterSpec:
        """Save a cluster, start it, and return it with its ids; raises `ValidationException` if it does not fit."""

    def poke(self, cluster_id: str) -> None:
        """Say that a spec changed."""

    def reset(self, timeout: float, keep: frozenset[str] = frozenset()) -> None:
        """End all clusters but *keep*, whose HDFS is wiped, and wait until they are gone."""


def cluster(store: Store, call: Call, cluster_id: str) -> Record:
    """Return a cluster for the newer operations."""
    record = _own(store, call, cluster_id)
    if record is None:
        raise InvalidRequestException(f"Cluster id '{cluster_id}' is not valid.", error_code="NoSuchCluster")
    return record


def job_flow(store: Store, call: Call, cluster_id: str) -> Record:
    """Return a cluster for the old JobFlow operations, which declare no error of their own."""
    record = _own(store, call, cluster_id)
    if record is None:
        known = "does not exist" if ids.is_cluster_id(cluster_id) else "not valid"
        raise ValidationException(f"Specified job flow ID {known}.")
    return record


def job_flows(store: Store, call: Call, cluster_ids: Sequence[str], most: int = 10) -> list[Record]:
    """Return clusters by a list of ids; one bad id and nothing is done to any."""
    if not cluster_ids:
        raise ValidationException("The JobFlowId list cannot be empty")
    if len(cluster_ids) > most:
        raise ValidationException(f"The JobFlowId list cannot have more than {most} ids")
    return [job_flow(store, call, cluster_id) for cluster_id in dict.fromkeys(cluster_ids)]


def _own(store: Store, call: Call, cluster_id: str) -> Record | None:
    """A cluster of another account or region is as unknown as one that never was."""
    try:
        record = store.record(cluster_id)
    except KeyError:
        return None
    return record if (record.spec.account, record.spec.region) == (call.account, call.region) else None


def is_ending(record: Record) -> bool:
    """Tell whether the cluster is shutting down, or has."""
    state = record.status.state
    return record.spec.terminate or state is ClusterState.TERMINATING or is_final(state)


def must_be_modifiable(record: Record, error: ServiceError | None = None) -> None:
    """Raise unless the cluster still takes changes."""
    if is_ending(record):
        raise error or ValidationException(
            "A job flow that is shutting down, terminated, or finished may not be modified."
        )
