"""AddJobFlowSteps, DescribeStep, ListSteps, CancelSteps, as boto3 sees them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emrlite.cluster.model import CancelOption, ClusterStatus, Failure, StepStatus
from emrlite.cluster.states import ClusterState, StepState


def refused(call: Any, **members: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_steps_are_added_described_and_listed_newest_first(rig: Any, request_of: Any, step_of: Any) -> None:
    emr = rig.client("emr")
    cluster_id = emr.run_job_flow(**request_of(Steps=[step_of("first")]))["JobFlowId"]
    added = emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[
        step_of("second", Properties=[{"Key": "k", "Value": "v"}], MainClass="Main"), step_of("third")])["StepIds"]
    assert all(re.fullmatch(r"s-[0-9A-Z]{20}", step_id) for step_id in added)
    assert rig.clusters.poked == [cluster_id]
    listed = emr.list_steps(ClusterId=cluster_id)["Steps"]
    assert [step["Name"] for step in listed] == ["third", "second", "first"]
    step = emr.describe_step(ClusterId=cluster_id, StepId=added[0])["Step"]
    assert step["Config"] == {
        "Jar": "command-runner.jar", "Properties": {"k": "v"}, "MainClass": "Main", "Args": ["bash", "-c", "true"]}
    assert step["Status"]["State"] == "PENDING"
    assert step["Status"]["StateChangeReason"] == {}
    assert set(step["Status"]["Timeline"]) == {"CreationDateTime"}


def test_a_failed_step_says_why_and_where_its_log_is(rig: Any, request_of: Any, step_of: Any) -> None:
    emr = rig.client("emr")
    cluster_id = emr.run_job_flow(**request_of(Steps=[step_of()]))["JobFlowId"]
    step_id = rig.clusters.store.record(cluster_id).spec.steps[0].id
    failure = Failure(reason="Unknown Error.", message="ValueError: x", log_file="s3://logs/stderr.gz")
    rig.clusters.set_status(cluster_id, ClusterStatus(state=ClusterState.WAITING, steps={
        step_id: StepStatus(state=StepState.FAILED, started=10.0, ended=12.25, exit_code=3, failure=failure)}))
    status = emr.describe_step(ClusterId=cluster_id, StepId=step_id)["Step"]["Status"]
    assert status["FailureDetails"] == {
        "Reason": "Unknown Error.", "Message": "ValueError: x", "LogFile": "s3://logs/stderr.gz"}
    assert status["Timeline"]["EndDateTime"].timestamp() == 12.25


def test_a_step_without_an_action_on_failure_terminates_the_cluster(rig: Any, request_of: Any, step_of: Any) -> None:
    step = step_of()
    del step["ActionOnFailure"]
    cluster_id = rig.client("emr").run_job_flow(**request_of(Steps=[step]))["JobFlowId"]
    assert rig.clusters.store.record(cluster_id).spec.steps[0].action_on_failure == "TERMINATE_CLUSTER"


def test_beside_other_steps_only_continue_is_taken(rig: Any, request_of: Any, step_of: Any) -> None:
    emr = rig.client("emr")
    cluster_id = emr.run_job_flow(**request_of(StepConcurrencyLevel=2))["JobFlowId"]
    assert refused(emr.add_job_flow_steps, JobFlowId=cluster_id, Steps=[step_of(action="CANCEL_AND_WAIT")]) == (
        "ValidationException", "Action on failure 'CANCEL_AND_WAIT' is invalid.")
    assert rig.clusters.store.record(cluster_id).spec.steps == ()


def test_no_more_than_256_steps_are_active(rig: Any, request_of: Any, step_of: Any) -> None:
    emr = rig.client("emr")
    too_many = ("ValidationException", ("Maximum number of active steps(State = 'Running', 'Pending' or "
                                       "'Cancel_Pending') for cluster exceeded."))
    assert refused(emr.run_job_flow, **request_of(Steps=[step_of()] * 257)) == too_many
    cluster_id = emr.run_job_flow(**request_of(Steps=[step_of()] * 256))["JobFlowId"]
    assert refused(emr.add_job_flow_steps, JobFlowId=cluster_id, Steps=[step_of()]) == too_many
    done = rig.clusters.store.record(cluster_id).spec.steps[0].id
    rig.clusters.set_status(cluster_id, ClusterStatus(
        state=ClusterState.RUNNING, steps={done: StepStatus(state=StepState.COMPLETED)}))
    emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step_of("one more")])
    pages = list(emr.get_paginator("list_steps").paginate(ClusterId=cluster_id))
    assert [len(page["Steps"]) for page in pages] == [50, 50, 50, 50, 50, 7]
    assert len({step["Id"] for page in pages for step in page["Steps"]}) == 257


def test_an_ending_cluster_takes_no_steps(rig: Any, request_of: Any, step_of: Any) -> None:
    emr = rig.client("emr")
    cluster_id = emr.run_job_flow(**request_of())["JobFlowId"]
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    assert refused(emr.add_job_flow_steps, JobFlowId=cluster_id, Steps=[step_of()]) == (
        "ValidationException", "A job flow that is shutting down, terminated, or finished may not be modified.")


def test_steps_are_found_by_state_or_by_id_but_not_both(rig: Any, request_of: Any, step_of: Any) -> None:
    emr = rig.client("emr")
    cluster_id = emr.run_job_flow(**request_of(Steps=[step_of("a"), step_of("b")]))["JobFlowId"]
    one, two = (step.id for step in rig.clusters.store.record(cluster_id).spec.steps)
    rig.clusters.set_status(cluster_id, ClusterStatus(
        state=ClusterState.RUNNING, steps={one: StepStatus(state=StepState.RUNNING, started=1.0)}))

    def listed(**filters: Any) -> list[str]:
        return [step["Id"] for step in emr.list_steps(ClusterId=cluster_id, **filters)["Steps"]]

    assert listed(StepStates=["RUNNING"]) == [one]
    assert listed(StepIds=[two]) == [two]
    assert refused(emr.list_steps, ClusterId=cluster_id, StepIds=[one], StepStates=["RUNNING"]) == (
        "InvalidRequestException", "Cannot specify both StepIds and StepStates.")
    assert refused(emr.list_steps, ClusterId=cluster_id, StepIds=[f"s-{n}" for n in range(11)])[0] == (
        "InvalidRequestException")
    assert refused(emr.describe_step, ClusterId=cluster_id, StepId="s-NONE") == (
        "InvalidRequestException", "Step id 's-NONE' is not valid.")


def test_cancelling_is_answered_step_by_step(rig: Any, request_of: Any, step_of: Any) -> None:
    emr = rig.client("emr")
    cluster_id = emr.run_job_flow(**request_of(Steps=[step_of("a"), step_of("b")]))["JobFlowId"]
    done, pending = (step.id for step in rig.clusters.store.record(cluster_id).spec.steps)
    rig.clusters.set_status(cluster_id, ClusterStatus(
        state=ClusterState.RUNNING, steps={done: StepStatus(state=StepState.COMPLETED)}))
    answers = emr.cancel_steps(
        ClusterId=cluster_id, StepIds=[done, pending], StepCancellationOption="TERMINATE_PROCESS")
    assert answers["CancelStepsInfoList"] == [
        {"StepId": done, "Status": "FAILED", "Reason": "The step is COMPLETED and cannot be cancelled."},
        {"StepId": pending, "Status": "SUBMITTED"}]
    assert rig.clusters.store.record(cluster_id).spec.cancels == {pending: CancelOption.TERMINATE_PROCESS}
    assert refused(emr.cancel_steps, ClusterId=cluster_id, StepIds=["s-NONE"])[0] == "InvalidRequestException"
