"""All of EMR that emrlite implements: operation -> handler."""

from __future__ import annotations

import threading
from collections.abc import Callable

from emrlite.api.emr.app_uis import AppPages, AppUiOperations
from emrlite.api.emr.clusters import ClusterOperations
from emrlite.api.emr.instances import InstanceOperations
from emrlite.api.emr.lookup import Clusters
from emrlite.api.emr.steps import StepOperations
from emrlite.api.emr.tags import Tags
from emrlite.api.emr.waiting import Waiting
from emrlite.api.protocol import Api, Handler


def handlers(
    clusters: Clusters, bucket_exists: Callable[[str], bool], stopped: threading.Event | None = None,
    pages: AppPages | None = None,
) -> dict[str, Handler]:
    """Return every public method of the classes of this package, by its name."""
    waiting = Waiting(stopped or threading.Event())
    rooms = (
        ClusterOperations(clusters, bucket_exists, waiting), StepOperations(clusters, waiting),
        InstanceOperations(clusters), Tags(clusters), AppUiOperations(clusters, pages),
    )
    return {
        name: getattr(room, name)
        for room in rooms
        for name in vars(type(room))
        if not name.startswith("_")
    }


def emr(
    clusters: Clusters, bucket_exists: Callable[[str], bool], stopped: threading.Event | None = None,
    pages: AppPages | None = None,
) -> Api:
    """Return the EMR API; replies that are held are let go once *stopped* is set.  *pages* are those of Spark."""
    return Api("emr", handlers(clusters, bucket_exists, stopped, pages))
