"""The operations on application UIs: Spark's pages of a cluster that runs, its history when it is gone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

from emrlite.api.emr import describe, lookup, tags
from emrlite.api.protocol import Call
from emrlite.cluster import ids
from emrlite.cluster.model import AppUi, ClusterSpec
from emrlite.cluster.states import is_final
from emrlite.cluster.store import Record
from emrlite.errors import InvalidRequestException

#: What of EMR's application UIs is here: Spark's history server.
HISTORY, ON_CLUSTER_HISTORY = "SHS", "SparkHistoryServer"


class AppPages(Protocol):
    """Spark's pages, of whoever runs the clusters."""

    def attach(self) -> bool:
        """Start the history server unless it runs; tell whether it answers already."""

    def history(self, application: str | None) -> str:
        """Return the URL of the history server's list or of an application, once it is there."""

    def logged(self, spec: ClusterSpec) -> list[str]:
        """Return the applications of a cluster that left an event log."""

    def running(self, spec: ClusterSpec) -> Mapping[str, str]:
        """Return the pages of a cluster's drivers, by application."""

    def master(self, spec: ClusterSpec) -> str | None:
        """Return the page of the cluster's Spark master, if it answers."""


class AppUiOperations:
    """CreatePersistentAppUI, DescribePersistentAppUI and the URLs of both kinds of UI."""

    def __init__(self, clusters: lookup.Clusters, pages: AppPages | None) -> None:
        self._clusters, self._pages = clusters, pages

    def create_persistent_app_ui(
        self, call: Call, *, target_resource_arn: str, profiler_type: str = HISTORY,
        emr_containers_config: Mapping[str, str] | None = None, **_: Any,
    ) -> Mapping[str, Any]:
        """A cluster has one; who asks again gets its id again."""
        if emr_containers_config:
            raise InvalidRequestException("EMRContainersConfig is for EMR on EKS, which emrlite does not have.")
        if profiler_type != HISTORY:
            raise InvalidRequestException(_only_history(profiler_type))
        record = self._target(call, target_resource_arn)
        pages = self._pages_of_spark()
        ui = self._clusters.store.create_app_ui(AppUi(
            id=ids.app_ui_id(), cluster=record.spec.id, created=time.time(),
            tags=tags.read(call.members.get("Tags") or ())))
        pages.attach()
        return {"PersistentAppUIId": ui.id, "RuntimeRoleEnabledCluster": False}

    def describe_persistent_app_ui(self, call: Call, *, persistent_app_ui_id: str) -> Mapping[str, Any]:
        ui = self._ui(call, persistent_app_ui_id)
        return {"PersistentAppUI": {
            "PersistentAppUIId": ui.id,
            "PersistentAppUITypeList": [HISTORY],
            "PersistentAppUIStatus": "ATTACHED" if self._pages_of_spark().attach() else "ATTACHING",
            "AuthorId": call.account,
            "CreationTime": ui.created,
            "LastModifiedTime": ui.created,
            "Tags": [{"Key": key, "Value": value} for key, value in ui.tags.items()],
        }}

    def get_persistent_app_ui_presigned_url(
        self, call: Call, *, persistent_app_ui_id: str, persistent_app_ui_type: str = HISTORY,
        application_id: str | None = None, **_: Any,
    ) -> Mapping[str, Any]:
        ui = self._ui(call, persistent_app_ui_id)
        if persistent_app_ui_type != HISTORY:
            raise InvalidRequestException(_only_history(persistent_app_ui_type))
        return self._history(self._clusters.store.record(ui.cluster).spec, application_id)

    def get_on_cluster_app_ui_presigned_url(
        self, call: Call, *, cluster_id: str, on_cluster_app_ui_type: str = ON_CLUSTER_HISTORY,
        application_id: str | None = None, dry_run: bool = False, **_: Any,
    ) -> Mapping[str, Any]:
        record = lookup.cluster(self._clusters.store, call, cluster_id)
        if is_final(record.status.state):
            raise InvalidRequestException(
                f"Cluster '{cluster_id}' is {record.status.state}: nothing runs on it. CreatePersistentAppUI leads to "
                "the history of its applications.")
        match on_cluster_app_ui_type:
            case "SparkHistoryServer":
                self._check(record.spec, application_id)
                return {"PresignedURLReady": True} if dry_run else self._history(record.spec, application_id)
            case "ApplicationMaster":
                url = self._running(record.spec, application_id)
            case "ResourceManager":
                url = self._pages_of_spark().master(record.spec)
            case _:
                raise InvalidRequestException(
                    f"emrlite has no {on_cluster_app_ui_type}; there are SparkHistoryServer, ApplicationMaster (the "
                    "page of a driver) and ResourceManager (the page of the Spark master).")
        return {"PresignedURLReady": url is not None, "PresignedURL": None if dry_run else url}

    def _running(self, spec: ClusterSpec, application: str | None) -> str | None:
        """The page of a driver; the only one where no application is named."""
        running = self._pages_of_spark().running(spec)
        if application is None and len(running) != 1:
            raise InvalidRequestException(
                f"{len(running)} applications run on cluster '{spec.id}'; ApplicationId says which is meant.")
        if application is not None and application not in running:
            raise InvalidRequestException(f"Application id '{application}' is not valid: it does not run.")
        return running[application] if application else next(iter(running.values()))

    def _history(self, spec: ClusterSpec, application: str | None) -> Mapping[str, Any]:
        self._check(spec, application)
        return {"PresignedURLReady": True, "PresignedURL": self._pages_of_spark().history(application)}

    def _check(self, spec: ClusterSpec, application: str | None) -> None:
        if application is not None and application not in self._pages_of_spark().logged(spec):
            raise InvalidRequestException(
                f"Application id '{application}' is not valid: cluster '{spec.id}' has no event log of it.")

    def _target(self, call: Call, arn: str) -> Record:
        kind, _, cluster_id = arn.rpartition("/")
        if not kind.endswith(":cluster"):
            raise InvalidRequestException(f"TargetResourceArn '{arn}' is not the ARN of a cluster.")
        record = lookup.cluster(self._clusters.store, call, cluster_id)
        if arn != describe.cluster_arn(record.spec):
            raise InvalidRequestException(f"TargetResourceArn '{arn}' is not valid.")
        return record

    def _ui(self, call: Call, ui_id: str) -> AppUi:
        """A UI of another account's or region's cluster is as unknown as one that never was."""
        ui = self._clusters.store.app_ui(ui_id)
        if ui is not None:
            spec = self._clusters.store.record(ui.cluster).spec
            if (spec.account, spec.region) == (call.account, call.region):
                return ui
        raise InvalidRequestException(f"Persistent App UI id '{ui_id}' is not valid.")

    def _pages_of_spark(self) -> AppPages:
        if self._pages is None:
            raise InvalidRequestException("No Spark runs here (the setting timing is instant), so it has no pages.")
        return self._pages


def _only_history(kind: str) -> str:
    return f"emrlite has no {kind}: clusters have neither Tez nor YARN. Spark's history server ({HISTORY}) is here."
