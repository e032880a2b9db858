"""Records to the API's shapes.  A member without a value is left out by the protocol."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from emrlite.api.emr import applications, configurations
from emrlite.cluster import instance_types
from emrlite.cluster.model import ClusterSpec, InstanceGroup, NodeSpec, NodeStatus, StepSpec
from emrlite.cluster.states import ClusterState, InstanceState, is_final
from emrlite.cluster.store import Record


def cluster_arn(spec: ClusterSpec) -> str:
    partitions = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
    partition = next((name for start, name in partitions.items() if spec.region.startswith(start)), "aws")
    return f"arn:{partition}:elasticmapreduce:{spec.region}:{spec.account}:cluster/{spec.id}"


def cluster(record: Record) -> dict[str, Any]:
    """``Cluster`` of DescribeCluster."""
    spec, status = record.spec, record.status
    return {
        **spec.echo,
        **cluster_summary(record),
        "InstanceCollectionType": "INSTANCE_GROUP",
        "LogUri": spec.log_uri,
        "ReleaseLabel": spec.release_label,
        "AutoTerminate": not spec.keep_alive,
        "TerminationProtected": spec.termination_protected,
        "Applications": applications.write(spec.applications, status.versions),
        "Tags": [{"Key": key, "Value": value} for key, value in spec.tags.items()],
        "MasterPublicDnsName": status.node(spec.master.name).address,
        "Configurations": configurations.write(spec.configurations),
        "StepConcurrencyLevel": spec.step_concurrency,
    }


def cluster_summary(record: Record) -> dict[str, Any]:
    """``ClusterSummary`` of ListClusters."""
    spec, status = record.spec, record.status
    return {
        "Id": spec.id,
        "Name": spec.name,
        "ClusterArn": cluster_arn(spec),
        "NormalizedInstanceHours": _normalized_hours(record),
        "Status": {
            "State": status.state,
            "StateChangeReason": _reason(status.reason_code, status.reason),
            "ErrorDetails": [
                {"ErrorCode": error.code, "ErrorMessage": error.message, "ErrorData": [dict(error.data)]}
                for error in status.errors
            ] or None,
            "Timeline": {
                "CreationDateTime": spec.created, "ReadyDateTime": status.ready, "EndDateTime": status.ended},
        },
    }


def _reason(code: str | None, message: str) -> dict[str, Any]:
    """Always an object: some clients read it without asking whether it is there."""
    return {"Code": code, "Message": message or None}


def _normalized_hours(record: Record) -> int:
    """Whole hours of each node, times the weight of its type."""
    total = 0
    for node in record.spec.nodes:
        status, kind = record.status.node(node.name), instance_types.find(node.instance_type)
        if status.ready is not None and kind is not None:
            end = status.ended or record.status.ended or time.time()
            total += int((end - status.ready) / 3600) * kind.normalized_hours
    return total


def step(record: Record, spec: StepSpec) -> dict[str, Any]:
    """``Step`` of DescribeStep; ListSteps takes the part of it that its shape has."""
    status = record.status.step(spec.id)
    failure = status.failure
    return {
        "Id": spec.id,
        "Name": spec.name,
        "ActionOnFailure": spec.action_on_failure,
        "ExecutionRoleArn": spec.execution_role_arn,
        "Config": {
            "Jar": spec.jar,
            "Properties": dict(spec.properties),
            "MainClass": spec.main_class,
            "Args": list(spec.args),
        },
        "Status": {
            "State": status.state,
            "StateChangeReason": {},
            "FailureDetails": failure and {
                "Reason": failure.reason or None,
                "Message": failure.message or None,
                "LogFile": failure.log_file or None,
            },
            "Timeline": {
                "CreationDateTime": spec.created, "StartDateTime": status.started, "EndDateTime": status.ended},
        },
    }


def group(record: Record, spec: InstanceGroup) -> dict[str, Any]:
    """``InstanceGroup`` of ListInstanceGroups."""
    nodes = [record.status.node(node.name) for node in record.spec.nodes if node.group_id == spec.id]
    state = _group_state(record.status.state, nodes)
    ended = state == "TERMINATED"
    configs = configurations.write(spec.configurations)
    return {
        "Id": spec.id,
        "Name": spec.name or spec.role.lower(),
        "Market": spec.market,
        "InstanceGroupType": spec.role,
        "BidPrice": spec.bid_price,
        "InstanceType": spec.instance_type,
        "RequestedInstanceCount": spec.count,
        "RunningInstanceCount": sum(node.state is InstanceState.RUNNING for node in nodes),
        "Status": {
            "State": state,
            "StateChangeReason": (
                {"Code": "CLUSTER_TERMINATED", "Message": "Job flow terminated"} if ended else {"Message": ""}),
            "Timeline": _group_timeline(record, nodes, ended),
        },
        "Configurations": configs,
        "ConfigurationsVersion": 1 if configs else 0,
        "LastSuccessfullyAppliedConfigurations": configs,
        "LastSuccessfullyAppliedConfigurationsVersion": 1 if configs else 0,
        "EbsBlockDevices": [],
        "ShrinkPolicy": {},
    }


def _group_timeline(record: Record, nodes: list[NodeStatus], ended: bool) -> Mapping[str, Any]:
    ready = [node.ready for node in nodes if node.ready is not None]
    end = record.status.ended or max((node.ended or 0.0 for node in nodes), default=0.0)
    return {
        "CreationDateTime": record.spec.created,
        "ReadyDateTime": max(ready) if nodes and len(ready) == len(nodes) else None,
        "EndDateTime": end if ended and end else None,
    }


def _group_state(cluster_state: ClusterState, nodes: list[NodeStatus]) -> str:
    states = {node.state for node in nodes}
    if is_final(cluster_state) or states == {InstanceState.TERMINATED}:
        return "TERMINATED"
    if cluster_state is ClusterState.TERMINATING:
        return "TERMINATING"
    for state in (InstanceState.RUNNING, InstanceState.BOOTSTRAPPING):
        if state in states:
            return str(state)
    return "PROVISIONING"


def instance(record: Record, node: NodeSpec) -> dict[str, Any]:
    """``Instance`` of ListInstances.  Its names are its address: a public-looking one would be a stranger's."""
    status = record.status.node(node.name)
    market = next(group.market for group in record.spec.groups if group.id == node.group_id)
    return {
        "Id": node.id,
        "Ec2InstanceId": node.instance_id,
        "PublicDnsName": status.address,
        "PublicIpAddress": status.address,
        "PrivateDnsName": status.address,
        "PrivateIpAddress": status.address,
        "Status": {
            "State": status.state,
            "StateChangeReason": _reason(status.reason_code, status.reason),
            "Timeline": {
                "CreationDateTime": status.created or record.spec.created,
                "ReadyDateTime": status.ready,
                "EndDateTime": status.ended,
            },
        },
        "InstanceGroupId": node.group_id,
        "Market": market,
        "InstanceType": node.instance_type,
        "EbsVolumes": [],
    }
