"""The pure parts of the pytest door, and what it costs who does not use it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emrlite.cluster.model import (
    ClusterSpec,
    ClusterStatus,
    Event,
    Failure,
    InstanceGroup,
    NodeSpec,
    Role,
    StepSpec,
    StepStatus,
)
from emrlite.cluster.states import ClusterState, StepState
from emrlite.cluster.store import Store
from emrlite.errors import StorageError
from emrlite.node.layout import Layout
from emrlite.testing import Step, assert_completed, assert_failed, objects, report
from emrlite.testing.environment import variables
from emrlite.testing.shape import Shape, UnknownWord


def test_a_run_that_uses_no_fixture_imports_nothing_of_emrlite():
    code = (
        "import sys, pytest, emrlite.pytest_plugin\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('emrlite', 'boto3', 'botocore', 'moto')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == "['emrlite', 'emrlite.pytest_plugin']", done


# Shapes


def test_a_shape_is_a_request_of_instance_groups_that_stays_up():
    request = Shape(core=2, task=1, instance_type="r5.xlarge", release="emr-7.12.0").request("nightly", {})
    groups = request["Instances"]["InstanceGroups"]
    assert [(g["InstanceRole"], g["InstanceCount"]) for g in groups] == [("MASTER", 1), ("CORE", 2), ("TASK", 1)]
    assert {g["InstanceType"] for g in groups} == {"r5.xlarge"}
    assert request["Instances"]["KeepJobFlowAliveWhenNoSteps"] is True
    assert (request["Name"], request["ReleaseLabel"], "LogUri" in request) == ("nightly", "emr-7.12.0", False)


def test_words_change_the_shape_and_members_of_run_job_flow_are_laid_over_it():
    request = Shape(log_uri="s3://logs/").request("x", {
        "core": 3, "Name": "mine", "Instances": {"TerminationProtected": True, "KeepJobFlowAliveWhenNoSteps": False}})
    assert request["Name"] == "mine"
    assert request["LogUri"] == "s3://logs/"
    assert request["Instances"]["TerminationProtected"] is True
    assert request["Instances"]["KeepJobFlowAliveWhenNoSteps"] is False
    assert [g["InstanceCount"] for g in request["Instances"]["InstanceGroups"]] == [1, 3]


def test_nodes_that_are_given_in_emrs_own_words_replace_the_shape():
    given = {"InstanceCount": 1, "MasterInstanceType": "m5.xlarge"}
    assert "InstanceGroups" not in Shape().request("x", {"Instances": given})["Instances"]


def test_a_word_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(UnknownWord, match="knows no cores; it takes concurrency, core, instance_type"):
        Shape().request("x", {"cores": 2})


# The environment


def test_whatever_would_come_before_the_endpoint_is_taken_away():
    new = variables("http://127.0.0.1:1", "eu-west-1", {
        "AWS_PROFILE": "prod", "AWS_ENDPOINT_URL_S3": "http://minio", "no_proxy": "corp", "PATH": "/bin"})
    assert new["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert (new["AWS_REGION"], new["AWS_DEFAULT_REGION"]) == ("eu-west-1", "eu-west-1")
    assert new["AWS_ENDPOINT_URL_S3"] is new["AWS_PROFILE"] is new["AWS_SESSION_TOKEN"] is None
    assert new["no_proxy"] == "corp,127.0.0.1"
    assert "NO_PROXY" not in new
    assert "PATH" not in new


# Assertions


STEP = Step(cluster_id="j-1", id="s-1", name="words", state="FAILED", reason="Unknown Error.",
            message="KeyError: 'word'", log_file="s3://logs/j-1/steps/s-1/stderr.gz")


def test_an_assertion_on_a_step_says_what_the_step_failed_of():
    with pytest.raises(AssertionError) as caught:
        assert_completed(STEP)
    assert str(caught.value).splitlines()[:5] == [
        "step s-1 (words) of j-1 is FAILED", "  reason   Unknown Error.", "  message  KeyError: 'word'",
        "  log      s3://logs/j-1/steps/s-1/stderr.gz", "expected COMPLETED"]


def test_a_step_that_fails_of_something_else_is_no_pass():
    assert_failed(STEP, "KeyError")
    with pytest.raises(AssertionError, match="expected it to say 'OutOfMemory'"):
        assert_failed(STEP, "OutOfMemory")


# The report


SPEC = ClusterSpec(
    id="j-1", account="1", region="r", name="nightly", release_label="emr-7.12.0", created=100.0,
    groups=(InstanceGroup(id="ig-1", role=Role.MASTER, instance_type="m5.xlarge", count=1),),
    nodes=(NodeSpec(id="ci-1", instance_id="i-1", group_id="ig-1", role=Role.MASTER, instance_type="m5.xlarge", index=1,
                    name="master"),),
    steps=(StepSpec(id="s-1", name="old", jar="command-runner.jar", created=101.0),
           StepSpec(id="s-2", name="words", jar="command-runner.jar", args=("spark-submit", "job.py"), created=200.0)))
FAILED = StepStatus(state=StepState.FAILED, ended=210.0, exit_code=1,
                    failure=Failure(reason="Unknown Error.", message="KeyError: 'word'", log_file="s3://logs/x"))


def save(state: Path, status: ClusterStatus, *events: Event) -> None:
    Store(state / "emrlite.db").create(SPEC, status, events)


def test_the_report_has_what_was_at_work_during_the_test_with_the_ends_of_its_logs(tmp_path: Path):
    status = ClusterStatus(state=ClusterState.WAITING, reason="Cluster ready to run steps.", steps={
        "s-1": StepStatus(state=StepState.COMPLETED, ended=110.0, exit_code=0), "s-2": FAILED})
    save(tmp_path, status, Event(time=205.0, subject="cluster", state="TROUBLE", reason="logs stay here"))
    folder = Layout(tmp_path / "clusters/j-1/master").step_logs("s-2")
    folder.mkdir(parents=True)
    (folder / "stdout").write_text("")
    (folder / "stderr").write_text("\n".join(f"line {n}" for n in range(100)) + "\n" + "x" * 1000 + "\n")
    (cluster, step) = report.sections(tmp_path, since=150.0)
    assert cluster[0] == "emrlite cluster j-1"
    assert cluster[1].splitlines() == [
        "WAITING  Cluster ready to run steps.", "nightly, emr-7.12.0, 1 master (m5.xlarge)",
        "cluster      TROUBLE      logs stay here"]
    assert step[0] == "emrlite step s-2 of j-1"
    lines = step[1].splitlines()
    assert lines[:6] == [
        "FAILED  exit code 1", "words: command-runner.jar spark-submit job.py", "reason   Unknown Error.",
        "message  KeyError: 'word'", "log      s3://logs/x", "--- stderr (the last 40 lines)"]
    assert lines[6:] == [*(f"line {n}" for n in range(61, 100)), "x" * 500 + "…"]


def test_the_report_has_nothing_of_the_tests_before(tmp_path: Path):
    save(tmp_path, ClusterStatus(state=ClusterState.WAITING, ready=105.0, steps={
        "s-1": StepStatus(state=StepState.COMPLETED, ended=110.0), "s-2": FAILED}))
    assert report.sections(tmp_path, since=300.0) == []
    assert report.sections(tmp_path / "no emulator ever ran here", since=300.0) == []


def test_a_failed_bootstrap_action_shows_what_it_wrote(tmp_path: Path):
    reason = "On the master instance (i-1), bootstrap action 1 returned a non-zero return code"
    cancelled = StepStatus(state=StepState.CANCELLED, ended=290.0)
    save(tmp_path, ClusterStatus(
        state=ClusterState.TERMINATED_WITH_ERRORS, reason_code="BOOTSTRAP_FAILURE", reason=reason, ended=400.0,
        steps={"s-1": cancelled, "s-2": cancelled}))
    folder = Layout(tmp_path / "clusters/j-1/master").bootstrap_logs(1)
    folder.mkdir(parents=True)
    (folder / "stderr").write_text("no such package\n")
    ((_, text),) = report.sections(tmp_path, since=300.0)
    assert text.startswith("TERMINATED_WITH_ERRORS  BOOTSTRAP_FAILURE On the master instance")
    assert text.endswith("--- bootstrap action 1 on master, stderr\nno such package")


def test_calls_that_mock_aws_answered_are_listed_once():
    ((title, text),) = report.captured(["s3 PutObject", "s3 CreateBucket", "s3 PutObject"])
    assert "mock_aws" in title
    assert text.splitlines()[1:] == ["s3 CreateBucket", "s3 PutObject"]
    assert report.captured([]) == []


# Tables


class Bucket:
    """As much of an S3 client as reading needs."""

    def __init__(self, **objects: bytes) -> None:
        self.objects = objects

    def get_paginator(self, name: str) -> Any:
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803
        if Bucket != "b":
            raise ClientError({"Error": {"Code": "NoSuchBucket"}}, "ListObjectsV2")
        return [{"Contents": [{"Key": key} for key in sorted(self.objects) if key.startswith(Prefix)]}]

    def download_file(self, bucket: str, key: str, path: str) -> None:
        Path(path).write_bytes(self.objects[key])


def test_a_table_is_read_from_a_folder_without_markers_and_neighbours():
    bucket = Bucket(**{
        "t/_SUCCESS": b"", "t/.x.crc": b"?", "t/day=1/part-0.csv": b"a\n1\n", "t/day=2/part-0.csv": b"a\n2\n",
        "t2/part-0.csv": b"a\n9\n", "t/day=2/_temporary/part-9.csv": b"a\n9\n"})
    assert objects.read_table(bucket, "s3://b/t").to_pylist() == [{"a": 1, "day": 1}, {"a": 2, "day": 2}]
    assert objects.read_table(bucket, "s3://b/t/").num_rows == 2
    assert objects.read_table(bucket, "s3://b/t2/part-0.csv").to_pylist() == [{"a": 9}]


def test_csv_without_a_line_of_names_and_lines_of_json_are_tables_too():
    bucket = Bucket(**{"c/part-0": b"x,1\n", "j/part-0.json": b'{"a": 1}\n{"a": 2}\n'})
    table = objects.read_table(bucket, "s3://b/c", format="csv", column_names=["word", "count"])
    assert table.to_pylist() == [{"word": "x", "count": 1}]
    assert objects.read_table(bucket, "s3://b/j").column("a").to_pylist() == [1, 2]


@pytest.mark.parametrize(("uri", "says"), [
    ("s3://b/none", "there is no data at s3://b/none: it is empty"),
    ("s3://b/t", "there is no data at s3://b/t: only t/_SUCCESS"),
    ("s3://c/t", "NoSuchBucket"),
    ("s3://b/u", "holds part-0: say which format that is"),
])
def test_what_is_no_table_says_so(uri: str, says: str):
    with pytest.raises(StorageError, match=says):
        objects.read_table(Bucket(**{"t/_SUCCESS": b"", "u/part-0": b"?"}), uri)
