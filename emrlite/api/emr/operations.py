"""All of EMR that emrlite implements: operation -> handler."""

from __future__ import annotations

from collections.abc import Callable

from emrlite.api.emr.clusters import ClusterOperations
from emrlite.api.emr.instances import InstanceOperations
from emrlite.api.emr.lookup import Clusters
from emrlite.api.emr.steps import StepOperations
from emrlite.api.emr.tags import Tags
from emrlite.api.protocol import Api, Handler


def handlers(clusters: Clusters, bucket_exists: Callable[[str], bool]) -> dict[str, Handler]:
    """Return every public method of the classes of this package, by its name."""
    rooms = (
        ClusterOperations(clusters, bucket_exists), StepOperations(clusters), InstanceOperations(clusters),
        Tags(clusters),
    )
    return {
        name: getattr(room, name)
        for room in rooms
        for name in vars(type(room))
        if not name.startswith("_")
    }


def emr(clusters: Clusters, bucket_exists: Callable[[str], bool]) -> Api:
    """Return the EMR API."""
    return Api("emr", handlers(clusters, bucket_exists))
