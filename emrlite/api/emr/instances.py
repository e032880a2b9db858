"""The operations on instance groups, instances and bootstrap actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emrlite.api.emr import describe, lookup, paging
from emrlite.api.protocol import Call
from emrlite.cluster.model import NodeSpec
from emrlite.errors import InvalidRequestException


class InstanceOperations:
    """ListInstanceGroups, ListInstances, ListBootstrapActions."""

    def __init__(self, clusters: lookup.Clusters) -> None:
        self._clusters = clusters

    def list_instance_groups(self, call: Call, *, cluster_id: str, marker: str | None = None) -> Mapping[str, Any]:
        record = lookup.cluster(self._clusters.store, call, cluster_id)
        found, following = paging.page(record.spec.groups, marker, lambda group: group.id)
        return {"InstanceGroups": [describe.group(record, group) for group in found], "Marker": following}

    def list_instances(
        self, call: Call, *, cluster_id: str, instance_group_id: str | None = None,
        instance_group_types: Sequence[str] = (), instance_fleet_id: str | None = None,
        instance_fleet_type: str | None = None, instance_states: Sequence[str] = (), marker: str | None = None,
    ) -> Mapping[str, Any]:
        record = lookup.cluster(self._clusters.store, call, cluster_id)
        if instance_fleet_id or instance_fleet_type:
            raise _no_fleets("ListInstances", "ListInstances operation with InstanceGroupId or InstanceGroupTypes")
        if instance_group_id and instance_group_id not in {group.id for group in record.spec.groups}:
            raise InvalidRequestException(f"Instance group id '{instance_group_id}' is not valid.")

        def keep(node: NodeSpec) -> bool:
            return (
                (not instance_group_id or node.group_id == instance_group_id)
                and (not instance_group_types or node.role in instance_group_types)
                and (not instance_states or record.status.node(node.name).state in instance_states)
            )

        found, following = paging.page(record.spec.nodes, marker, lambda node: node.id, keep)
        return {"Instances": [describe.instance(record, node) for node in found], "Marker": following}

    def list_instance_fleets(self, call: Call, *, cluster_id: str, **_: Any) -> Mapping[str, Any]:
        lookup.cluster(self._clusters.store, call, cluster_id)
        raise _no_fleets("ListInstanceFleets", "ListInstanceGroups operation")

    def list_bootstrap_actions(self, call: Call, *, cluster_id: str, marker: str | None = None) -> Mapping[str, Any]:
        record = lookup.cluster(self._clusters.store, call, cluster_id)
        numbered = list(enumerate(record.spec.bootstrap_actions))
        found, following = paging.page(numbered, marker, lambda item: str(item[0]))
        actions = [
            {"Name": action.name, "ScriptPath": action.path, "Args": list(action.args)} for _, action in found]
        return {"BootstrapActions": actions, "Marker": following}


def _no_fleets(operation: str, instead: str) -> InvalidRequestException:
    return InvalidRequestException(
        "Instance fleets and instance groups are mutually exclusive. The EMR cluster specified in the request uses "
        f"instance groups. The {operation} operation does not support clusters that use instance groups. "
        f"Use the {instead} instead.",
        error_code="API_DOES_NOT_SUPPORT_INSTANCE_GROUP_CLUSTERS",
    )
