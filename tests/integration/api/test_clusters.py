"""RunJobFlow, DescribeCluster, ListClusters, TerminateJobFlows and the switches, as boto3 sees them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emrlite.cluster.model import ClusterStatus, NodeStatus, Role
from emrlite.cluster.states import ClusterState, InstanceState


def refused(call: Any, *arguments: Any, **members: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **members)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_what_run_job_flow_asks_for_is_what_describe_cluster_shows(rig: Any, request_of: Any) -> None:
    emr = rig.client("emr")
    answer = emr.run_job_flow(**request_of(
        Tags=[{"Key": "team", "Value": "data"}],
        Configurations=[
            {"Classification": "spark-defaults", "Properties": {"spark.x": "1"}},
            {"Classification": "spark-env", "Configurations": [
                {"Classification": "export", "Properties": {"A": "b"}}]},
        ],
        StepConcurrencyLevel=3,
    ))
    cluster_id = answer["JobFlowId"]
    assert answer["ClusterArn"] == f"arn:aws:elasticmapreduce:us-east-1:123456789012:cluster/{cluster_id}"
    cluster = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
    assert cluster["Id"] == cluster_id
    assert cluster["Name"] == "demo"
    assert cluster["Status"]["State"] == "STARTING"
    assert cluster["Status"]["StateChangeReason"] == {}
    assert set(cluster["Status"]["Timeline"]) == {"CreationDateTime"}
    assert cluster["LogUri"] == "s3://logs/emr/"
    assert cluster["ReleaseLabel"] == "emr-spark-8.1.0"
    assert cluster["InstanceCollectionType"] == "INSTANCE_GROUP"
    assert cluster["AutoTerminate"] is False
    assert cluster["TerminationProtected"] is False
    assert cluster["VisibleToAllUsers"] is True
    assert cluster["StepConcurrencyLevel"] == 3
    assert cluster["Tags"] == [{"Key": "team", "Value": "data"}]
    assert cluster["ServiceRole"] == "EMR_DefaultRole"
    assert cluster["Ec2InstanceAttributes"]["IamInstanceProfile"] == "EMR_EC2_DefaultRole"
    assert cluster["Applications"] == [{"Name": "Spark"}]
    assert cluster["Configurations"][1]["Configurations"] == [{"Classification": "export", "Properties": {"A": "b"}}]
    assert "MasterPublicDnsName" not in cluster  # not before there is a master


def test_a_running_cluster_shows_its_master_its_versions_and_its_reason(rig: Any, request_of: Any) -> None:
    emr = rig.client("emr")
    label = {"ReleaseLabel": "emr-7.12.0", "Applications": [{"Name": "spark"}, {"Name": "Hive"}]}
    cluster_id = emr.run_job_flow(**request_of(**label))["JobFlowId"]
    rig.clusters.set_status(cluster_id, ClusterStatus(
        state=ClusterState.WAITING, reason="Cluster ready to run steps.", ready=1_700_000_000.5,
        nodes={"master": NodeStatus(state=InstanceState.RUNNING, address="127.66.0.1", ready=1_700_000_000.5)},
        versions={"Spark": "4.1.1", "Hadoop": "3.4.2"}))
    cluster = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
    assert cluster["MasterPublicDnsName"] == "127.66.0.1"
    assert cluster["Status"]["StateChangeReason"] == {"Message": "Cluster ready to run steps."}
    assert cluster["Status"]["Timeline"]["ReadyDateTime"].timestamp() == 1_700_000_000.5
    assert cluster["NormalizedInstanceHours"] > 0
    assert cluster["Applications"] == [
        {"Name": "Spark", "Version": "4.1.1"},
        {"Name": "Hive", "AdditionalInfo": {"emrlite": "accepted, but not installed"}},
        {"Name": "Hadoop", "Version": "3.4.2"},
    ]


def test_nodes_are_numbered_over_all_groups_and_the_master_is_first(rig: Any, request_of: Any) -> None:
    groups = [
        {"InstanceRole": "TASK", "InstanceType": "m5.xlarge", "InstanceCount": 1},
        {"InstanceRole": "CORE", "InstanceType": "r5.xlarge", "InstanceCount": 2},
        {"InstanceRole": "TASK", "InstanceType": "m5.2xlarge", "InstanceCount": 1},
        {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1},
    ]
    cluster_id = rig.client("emr").run_job_flow(**request_of(Instances={"InstanceGroups": groups}))["JobFlowId"]
    spec = rig.clusters.store.record(cluster_id).spec
    assert [(node.name, node.index) for node in spec.nodes] == [
        ("master", 1), ("core-1", 2), ("core-2", 3), ("task-1", 4), ("task-2", 5)]
    assert len({node.instance_id for node in spec.nodes}) == 5
    assert spec.keep_alive is False


def test_the_short_form_gives_one_master_and_the_rest_as_core_nodes(rig: Any, request_of: Any) -> None:
    instances = {"MasterInstanceType": "m5.xlarge", "SlaveInstanceType": "c5.xlarge", "InstanceCount": 3}
    cluster_id = rig.client("emr").run_job_flow(**request_of(Instances=instances))["JobFlowId"]
    groups = rig.clusters.store.record(cluster_id).spec.groups
    assert [(group.role, group.instance_type, group.count) for group in groups] == [
        (Role.MASTER, "m5.xlarge", 1), (Role.CORE, "c5.xlarge", 2)]


def group(role: str = "MASTER", count: int = 1, **more: Any) -> dict[str, Any]:
    return {"InstanceRole": role, "InstanceType": "m5.xlarge", "InstanceCount": count, **more}


ONE_FORM = (
    "Please configure instances using one and only one of the following: instance groups; instance fleets; "
    "instance count, master and slave instance type.")
SPOT: dict[str, Any] = {"Market": "SPOT"}


@pytest.mark.parametrize(("instances", "message"), [
    ({}, ONE_FORM),
    ({"InstanceCount": 1, "MasterInstanceType": "m5.xlarge", "InstanceGroups": [group()]}, ONE_FORM),
    ({"InstanceCount": 2, "MasterInstanceType": "m5.xlarge"}, ONE_FORM),
    ({"InstanceCount": 0, "MasterInstanceType": "m5.xlarge"}, "An instance group must have at least one instance"),
    ({"InstanceGroups": [group("CORE")]},
     "Zero master instance groups supplied, you must specify exactly one master instance group"),
    ({"InstanceGroups": [group(), group("TASK")]}, "Clusters with task nodes must also define core nodes."),
    ({"InstanceGroups": [group(count=2)]}, "A master instance group must specify a single instance"),
    ({"InstanceGroups": [group(), group("CORE", 0)]}, "An instance group must have at least one instance"),
    ({"InstanceGroups": [group(BidPrice="1")]}, "Attempted to set bid price for on demand instance group."),
    ({"InstanceGroups": [group(BidPrice="0.1234", **SPOT)]},
     "No more than 3 digits are allowed after decimal place in bid price"),
    ({"InstanceGroups": [group(InstanceType="m9.huge")]}, "Instance type 'm9.huge' is not supported."),
    ({"InstanceGroups": [group(InstanceType="t2.micro")]}, "Instance type 't2.micro' is not supported."),
    ({"InstanceGroups": [group(InstanceType="../../etc")]}, "Instance type '../../etc' is not supported."),
    ({"InstanceGroups": [group(count=3)]},
     "emrlite does not implement clusters with three master nodes yet; ask for one."),
    ({"InstanceGroups": [group(), group("CORE", 1_000_000)]},
     "1000001 nodes are asked for; emrlite runs 250 in one cluster at the most."),
    ({"InstanceFleets": [{"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1}]},
     "emrlite does not implement InstanceFleets yet; use InstanceGroups."),
    ({"InstanceGroups": [group()], "HadoopVersion": "2"},
     "Must specify exactly one of the following: release label, AMI version, or Hadoop version."),
])
def test_instances_that_make_no_cluster_are_refused(rig: Any, request_of: Any, instances: Any, message: Any) -> None:
    assert refused(rig.client("emr").run_job_flow, **request_of(Instances=instances)) == (
        "ValidationException", message)
    assert rig.clusters.store.records("123456789012", "us-east-1") == []


@pytest.mark.parametrize(("change", "message"), [
    ({"ReleaseLabel": ...},
     "Must specify exactly one of the following: release label, AMI version, or Hadoop version."),
    ({"ReleaseLabel": "emr-99.0.0"}, "The supplied release label is invalid: emr-99.0.0."),
    ({"ReleaseLabel": "emr-8.1.0"}, "The supplied release label is invalid: emr-8.1.0."),
    ({"ReleaseLabel": "latest"}, "The supplied release label is invalid: latest."),
    ({"ServiceRole": ...}, "ServiceRole is required for creating cluster."),
    ({"JobFlowRole": ...}, "InstanceProfile is required for creating cluster."),
    ({"JobFlowRole": "a b"}, "Invalid InstanceProfile: a b."),
    ({"LogUri": "s3://nowhere/x"}, "The bucket 'nowhere' of LogUri 's3://nowhere/x' does not exist; create it first."),
    ({"LogUri": "/tmp/logs"}, "LogUri '/tmp/logs' is not valid: it has to be s3://BUCKET/FOLDER/."),
    ({"StepConcurrencyLevel": 0}, "Invalid step concurrency level. Allowed level is from 1 to 256"),
    ({"StepConcurrencyLevel": 257}, "Invalid step concurrency level. Allowed level is from 1 to 256"),
    ({"AutoTerminationPolicy": {"IdleTimeout": 60}}, "emrlite does not implement AutoTerminationPolicy of RunJobFlow."),
    ({"Applications": [{"Name": "Excel"}]}, "The application 'Excel' is not supported by release emr-spark-8.1.0."),
    ({"Configurations": [{"Properties": {"a": "b"}}]}, "Classification is required in each of the Configurations."),
    ({"Configurations": [{"Classification": "nonsense"}]},
     "Classification 'nonsense' is not valid: EMR has no such classification."),
    ({"Configurations": [{"Classification": "spark-env", "Properties": {"A": "b"}}]},
     "Classification 'spark-env' takes its Properties in a Configuration 'export' inside of it."),
    ({"Configurations": [{"Classification": "core-site", "Configurations": [{"Classification": "export"}]}]},
     "Of the Configurations inside of 'core-site', none can be used."),
    ({"Configurations": [{"Classification": "spark-hive-site", "Properties": {
        "hive.metastore.client.factory.class":
            "com.amazonaws.glue.catalog.metastore.AWSGlueDataCatalogHiveClientFactory"}}]},
     ("The property hive.metastore.client.factory.class of 'spark-hive-site' names AWS's Glue Data Catalog, which "
      "emrlite does not have; without the property tables are in a catalogue of the job's own.")),
    ({"BootstrapActions": [{"Name": "x", "ScriptBootstrapAction": {"Path": "s3://b/x"}}] * 17},
     "A cluster can have 16 bootstrap actions at the most."),
])
def test_a_request_that_emr_would_refuse_is_refused_in_its_words(
    rig: Any, request_of: Any, change: Any, message: Any
) -> None:
    code, text = refused(rig.client("emr").run_job_flow, **request_of(**change))
    assert (code, text) == ("ValidationException", message)
    assert rig.clusters.store.records("123456789012", "us-east-1") == []


def test_a_security_configuration_does_not_exist_as_none_can_be_made(rig: Any, request_of: Any) -> None:
    assert refused(rig.client("emr").run_job_flow, **request_of(SecurityConfiguration="mine")) == (
        "InvalidRequestException", "Security configuration with name 'mine' does not exist.")


def test_an_unknown_cluster_is_answered_in_the_way_of_each_operation(rig: Any) -> None:
    emr = rig.client("emr")
    with pytest.raises(emr.exceptions.InvalidRequestException) as caught:
        emr.describe_cluster(ClusterId="j-NONE")
    assert caught.value.response["ErrorCode"] == "NoSuchCluster"
    assert caught.value.response["Error"]["Message"] == "Cluster id 'j-NONE' is not valid."
    assert refused(emr.list_steps, ClusterId="../x") == ("InvalidRequestException", "Cluster id '../x' is not valid.")
    assert refused(emr.terminate_job_flows, JobFlowIds=["j-NONE"]) == (
        "ValidationException", "Specified job flow ID does not exist.")
    assert refused(emr.terminate_job_flows, JobFlowIds=["nonsense"]) == (
        "ValidationException", "Specified job flow ID not valid.")
    assert refused(emr.terminate_job_flows, JobFlowIds=[]) == (
        "ValidationException", "The JobFlowId list cannot be empty")
    assert refused(emr.get_auto_termination_policy, ClusterId="x") == (
        "ValidationException", "clusterId 'x' is not valid.")


def test_clusters_of_another_account_or_region_are_unknown(rig: Any, request_of: Any) -> None:
    cluster_id = rig.client("emr").run_job_flow(**request_of())["JobFlowId"]
    elsewhere = rig.client("emr", region="eu-west-1")
    somebody = rig.client("emr", key="999999999999")
    for emr in (elsewhere, somebody):
        assert refused(emr.describe_cluster, ClusterId=cluster_id)[0] == "InvalidRequestException"
        assert emr.list_clusters()["Clusters"] == []
        assert refused(emr.terminate_job_flows, JobFlowIds=[cluster_id])[0] == "ValidationException"
    theirs = somebody.run_job_flow(**request_of())
    assert theirs["ClusterArn"].startswith("arn:aws:elasticmapreduce:us-east-1:999999999999:")


def test_clusters_come_newest_first_in_pages_of_fifty(rig: Any, request_of: Any) -> None:
    emr = rig.client("emr")
    made = [emr.run_job_flow(**request_of(Name=f"c{n}"))["JobFlowId"] for n in range(53)]
    first = emr.list_clusters()
    assert [cluster["Id"] for cluster in first["Clusters"]] == made[:2:-1]
    emr.run_job_flow(**request_of(Name="meanwhile"))  # does not shift the next page
    second = emr.list_clusters(Marker=first["Marker"])
    assert [cluster["Id"] for cluster in second["Clusters"]] == made[2::-1]
    assert "Marker" not in second
    assert refused(emr.list_clusters, Marker="bm9uZQ==") == (
        "InvalidRequestException", "Marker 'bm9uZQ==' is not valid.")


def test_clusters_are_filtered_by_state_and_time(rig: Any, request_of: Any) -> None:
    emr = rig.client("emr")
    old, new = (emr.run_job_flow(**request_of())["JobFlowId"] for _ in range(2))
    rig.clusters.set_status(old, ClusterStatus(state=ClusterState.TERMINATED))
    created = rig.clusters.store.record(new).spec.created

    def listed(**filters: Any) -> list[str]:
        return [cluster["Id"] for cluster in emr.list_clusters(**filters)["Clusters"]]

    assert listed(ClusterStates=["STARTING", "RUNNING"]) == [new]
    assert listed(ClusterStates=["TERMINATED"]) == [old]
    assert listed(CreatedAfter=created + 10) == []
    assert listed(CreatedBefore=created + 10) == [new, old]


def test_terminating_spares_the_protected_and_ends_the_others(rig: Any, request_of: Any) -> None:
    emr = rig.client("emr")
    one, protected = (emr.run_job_flow(**request_of())["JobFlowId"] for _ in range(2))
    emr.set_termination_protection(JobFlowIds=[protected], TerminationProtected=True)
    assert refused(emr.terminate_job_flows, JobFlowIds=[protected, one]) == (
        "ValidationException", "Could not shut down one or more job flows since they are termination protected.")
    store = rig.clusters.store
    assert (store.record(one).spec.terminate, store.record(protected).spec.terminate) == (True, False)
    assert one in rig.clusters.poked
    emr.set_termination_protection(JobFlowIds=[protected], TerminationProtected=False)
    emr.terminate_job_flows(JobFlowIds=[protected])
    assert store.record(protected).spec.terminate


def test_one_unknown_id_and_nothing_is_terminated(rig: Any, request_of: Any) -> None:
    emr = rig.client("emr")
    cluster_id = emr.run_job_flow(**request_of())["JobFlowId"]
    refused(emr.terminate_job_flows, JobFlowIds=[cluster_id, "j-NONE"])
    assert rig.clusters.store.record(cluster_id).spec.terminate is False


def test_the_switches_of_a_cluster_turn(rig: Any, request_of: Any) -> None:
    emr = rig.client("emr")
    cluster_id = emr.run_job_flow(**request_of())["JobFlowId"]
    emr.set_keep_job_flow_alive_when_no_steps(JobFlowIds=[cluster_id], KeepJobFlowAliveWhenNoSteps=False)
    emr.set_visible_to_all_users(JobFlowIds=[cluster_id], VisibleToAllUsers=False)
    cluster = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
    assert (cluster["AutoTerminate"], cluster["VisibleToAllUsers"]) == (True, False)
    assert emr.get_auto_termination_policy(ClusterId=cluster_id).keys() == {"ResponseMetadata"}


@pytest.mark.parametrize("status", [ClusterStatus(state=state) for state in (
    ClusterState.TERMINATING, ClusterState.TERMINATED, ClusterState.TERMINATED_WITH_ERRORS)])
def test_an_ending_cluster_takes_no_changes_but_terminating_it_again_is_fine(
    rig: Any, request_of: Any, status: Any
) -> None:
    emr = rig.client("emr")
    cluster_id = emr.run_job_flow(**request_of())["JobFlowId"]
    rig.clusters.set_status(cluster_id, status)
    code, message = refused(
        emr.set_termination_protection, JobFlowIds=[cluster_id], TerminationProtected=True)
    assert message == "A job flow that is shutting down, terminated, or finished may not be modified."
    assert refused(emr.add_tags, ResourceId=cluster_id, Tags=[{"Key": "a", "Value": "b"}]) == (
        "InvalidRequestException", "Tags cannot be modified on terminated clusters.")
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    assert code == "ValidationException"


def test_tags_are_added_changed_and_removed(rig: Any, request_of: Any) -> None:
    emr = rig.client("emr")
    cluster_id = emr.run_job_flow(**request_of(Tags=[{"Key": "a", "Value": "1"}]))["JobFlowId"]
    emr.add_tags(ResourceId=cluster_id, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b"}])
    emr.remove_tags(ResourceId=cluster_id, TagKeys=["none"])
    tags = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Tags"]
    assert tags == [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}]
    emr.remove_tags(ResourceId=cluster_id, TagKeys=["a"])
    assert rig.clusters.store.record(cluster_id).spec.tags == {"b": ""}
    many = [{"Key": str(n), "Value": ""} for n in range(50)]
    assert refused(emr.add_tags, ResourceId=cluster_id, Tags=many)[0] == "InvalidRequestException"
    assert refused(emr.add_tags, ResourceId=cluster_id, Tags=[{"Value": "x"}])[0] == "InvalidRequestException"


def test_groups_and_instances_are_listed_and_filtered(rig: Any, request_of: Any) -> None:
    emr = rig.client("emr")
    cluster_id = emr.run_job_flow(**request_of())["JobFlowId"]
    running = NodeStatus(state=InstanceState.RUNNING, address="127.66.0.9", created=1.0, ready=2.0)
    names = ("master", "core-1", "task-1")
    rig.clusters.set_status(cluster_id, ClusterStatus(
        state=ClusterState.WAITING, nodes={
            **dict.fromkeys(names, running),
            "core-2": replace(running, state=InstanceState.TERMINATED, reason_code="INSTANCE_FAILURE",
                              reason="Instance was terminated.", ended=3.0)}))
    groups = emr.list_instance_groups(ClusterId=cluster_id)["InstanceGroups"]
    shown = [(g["InstanceGroupType"], g["RequestedInstanceCount"], g["RunningInstanceCount"], g["Status"]["State"])
             for g in groups]
    assert shown == [("MASTER", 1, 1, "RUNNING"), ("CORE", 2, 1, "RUNNING"), ("TASK", 1, 1, "RUNNING")]
    assert groups[2]["Market"] == "SPOT"
    core = emr.list_instances(ClusterId=cluster_id, InstanceGroupTypes=["CORE"])["Instances"]
    assert [instance["Status"]["State"] for instance in core] == ["RUNNING", "TERMINATED"]
    assert core[0]["PrivateIpAddress"] == core[0]["PublicDnsName"] == "127.66.0.9"
    assert core[1]["Status"]["StateChangeReason"] == {
        "Code": "INSTANCE_FAILURE", "Message": "Instance was terminated."}
    task = emr.list_instances(ClusterId=cluster_id, InstanceGroupId=groups[2]["Id"])["Instances"]
    assert [instance["InstanceType"] for instance in task] == ["m5.xlarge"]
    assert len(emr.list_instances(ClusterId=cluster_id, InstanceStates=["RUNNING"])["Instances"]) == 3
    assert refused(emr.list_instances, ClusterId=cluster_id, InstanceGroupId="ig-X") == (
        "InvalidRequestException", "Instance group id 'ig-X' is not valid.")


def test_fleets_of_a_cluster_of_groups_are_refused_with_the_way_out(rig: Any, request_of: Any) -> None:
    emr = rig.client("emr")
    cluster_id = emr.run_job_flow(**request_of())["JobFlowId"]
    with pytest.raises(emr.exceptions.InvalidRequestException) as caught:
        emr.list_instance_fleets(ClusterId=cluster_id)
    assert caught.value.response["ErrorCode"] == "API_DOES_NOT_SUPPORT_INSTANCE_GROUP_CLUSTERS"
    assert "Use the ListInstanceGroups operation instead." in str(caught.value)


def test_bootstrap_actions_are_listed_with_their_arguments(rig: Any, request_of: Any) -> None:
    emr = rig.client("emr")
    actions = [{"Name": "one", "ScriptBootstrapAction": {"Path": "s3://b/one.sh", "Args": ["a", "b c"]}},
               {"Name": "two", "ScriptBootstrapAction": {"Path": "/usr/bin/true"}}]
    cluster_id = emr.run_job_flow(**request_of(BootstrapActions=actions))["JobFlowId"]
    assert emr.list_bootstrap_actions(ClusterId=cluster_id)["BootstrapActions"] == [
        {"Name": "one", "ScriptPath": "s3://b/one.sh", "Args": ["a", "b c"]},
        {"Name": "two", "ScriptPath": "/usr/bin/true", "Args": []}]
