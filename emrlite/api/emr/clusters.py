"""The operations on clusters as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from emrlite.api.emr import describe, lookup, paging, run_job_flow
from emrlite.api.emr.waiting import Waiting
from emrlite.api.protocol import Call
from emrlite.cluster.model import ClusterSpec
from emrlite.cluster.store import Record
from emrlite.errors import ValidationException


class ClusterOperations:
    """RunJobFlow, DescribeCluster, ListClusters, TerminateJobFlows and the switches of a cluster."""

    def __init__(self, clusters: lookup.Clusters, bucket_exists: Callable[[str], bool], waiting: Waiting) -> None:
        self._clusters, self._waiting = clusters, waiting
        self._bucket_exists = bucket_exists

    def run_job_flow(self, call: Call, **_: Any) -> Mapping[str, Any]:
        spec = self._clusters.launch(run_job_flow.read(call, call.members, self._bucket_exists))
        return {"JobFlowId": spec.id, "ClusterArn": describe.cluster_arn(spec)}

    def describe_cluster(self, call: Call, *, cluster_id: str) -> Mapping[str, Any]:
        record = lookup.cluster(self._clusters.store, call, cluster_id)
        if call.waits:
            record = self._waiting.cluster(lambda: self._clusters.store.record(cluster_id))
        return {"Cluster": describe.cluster(record)}

    def list_clusters(
        self, call: Call, *, created_after: float | None = None, created_before: float | None = None,
        cluster_states: Sequence[str] = (), marker: str | None = None,
    ) -> Mapping[str, Any]:
        def keep(record: Record) -> bool:
            return (
                (created_after is None or record.spec.created >= created_after)
                and (created_before is None or record.spec.created <= created_before)
                and (not cluster_states or record.status.state in cluster_states)
            )

        records = self._clusters.store.records(call.account, call.region)
        found, following = paging.page(records, marker, lambda record: record.spec.id, keep)
        return {"Clusters": [describe.cluster_summary(record) for record in found], "Marker": following}

    def terminate_job_flows(self, call: Call, *, job_flow_ids: Sequence[str]) -> None:
        """A protected cluster does not save the others of the same call."""
        protected = []

        def change(record: Record) -> ClusterSpec:
            if lookup.is_ending(record):
                return record.spec
            if record.spec.termination_protected:
                protected.append(record.spec.id)
                return record.spec
            return replace(record.spec, terminate=True)

        self._change(call, job_flow_ids, change)
        if protected:
            raise ValidationException(
                "Could not shut down one or more job flows since they are termination protected.")

    def set_termination_protection(
        self, call: Call, *, job_flow_ids: Sequence[str], termination_protected: bool
    ) -> None:
        self._switch(call, job_flow_ids, lambda spec: replace(spec, termination_protected=termination_protected))

    def set_keep_job_flow_alive_when_no_steps(
        self, call: Call, *, job_flow_ids: Sequence[str], keep_job_flow_alive_when_no_steps: bool
    ) -> None:
        self._switch(call, job_flow_ids, lambda spec: replace(spec, keep_alive=keep_job_flow_alive_when_no_steps))

    def set_visible_to_all_users(self, call: Call, *, job_flow_ids: Sequence[str], visible_to_all_users: bool) -> None:
        visible = {"VisibleToAllUsers": visible_to_all_users}
        self._switch(call, job_flow_ids, lambda spec: replace(spec, echo={**spec.echo, **visible}))

    def get_auto_termination_policy(self, call: Call, *, cluster_id: str) -> Mapping[str, Any]:
        """Always empty: a cluster with such a policy is refused."""
        try:
            lookup.job_flow(self._clusters.store, call, cluster_id)
        except ValidationException:
            raise ValidationException(f"clusterId '{cluster_id}' is not valid.") from None
        return {}

    def _switch(self, call: Call, job_flow_ids: Sequence[str], turn: Callable[[ClusterSpec], ClusterSpec]) -> None:
        def change(record: Record) -> ClusterSpec:
            lookup.must_be_modifiable(record)
            return turn(record.spec)

        for record in lookup.job_flows(self._clusters.store, call, job_flow_ids):
            lookup.must_be_modifiable(record)  # one that is ending, and none is changed
        self._change(call, job_flow_ids, change)

    def _change(self, call: Call, job_flow_ids: Sequence[str], change: Callable[[Record], ClusterSpec]) -> None:
        for record in lookup.job_flows(self._clusters.store, call, job_flow_ids):
            self._clusters.store.change_spec(record.spec.id, change)
            self._clusters.poke(record.spec.id)
