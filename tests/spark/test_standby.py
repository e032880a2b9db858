"""A cluster that stands by is whole and fresh, is that of whoever asks for one like it, and leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from rig import Emulator, new_home, wait_for

from emrlite.node import event_logs

JOB = """
import json, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.range(7).write.mode("error").parquet("hdfs:///kept")
print(spark.sparkContext.applicationId, spark.read.parquet("hdfs:///kept").count())
"""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    emulator = Emulator(new_home(tmp_path_factory.mktemp("standby") / "home"), EMRLITE_AHEAD="all")
    emulator.start()
    yield emulator
    emulator.stop()
    assert standing_by(emulator) == []
    assert ours(emulator) == []


def standing_by(emulator: Emulator) -> list[str]:
    return [path.parent.name for path in (emulator.home / "clusters").glob("*/standby.db")]


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""  # it has ended


def ours(emulator: Emulator) -> list[psutil.Process]:
    def is_ours(process: psutil.Process) -> bool:
        try:
            return str(emulator.home) in process.environ().get("EMRLITE_OWNER", "")
        except psutil.Error:
            return False
    return [process for process in psutil.process_iter() if is_ours(process)]


def transient(emulator: Emulator, **request: Any) -> str:
    app = emulator.put("job.py", JOB)
    step = {"Name": "job", "ActionOnFailure": "TERMINATE_CLUSTER",
            "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["spark-submit", app]}}
    return emulator.run_cluster(keep=False, Steps=[step], **request)


def outcome(emulator: Emulator, cluster: str) -> tuple[str, list[str]]:
    emulator.wait_cluster(cluster, "TERMINATED", "TERMINATED_WITH_ERRORS")
    (step,) = emulator.emr.list_steps(ClusterId=cluster)["Steps"]
    return step["Status"]["State"], emulator.log(cluster, step["Id"], "stdout").split()


def up(emulator: Emulator) -> str:
    """The cluster that stands by, when its daemons are up and both JVMs for a step wait."""
    def look() -> str | None:
        for cluster in standing_by(emulator):
            if len(list((emulator.home / "clusters" / cluster).glob("*/processes/spare-*/port"))) == 2:
                return cluster
        return None

    return str(wait_for(look, 120, "a cluster that stands by"))


def test_the_second_of_a_kind_is_the_one_that_stood_by_and_sees_nothing_of_the_first(emulator: Emulator) -> None:
    first = transient(emulator)
    assert outcome(emulator, first) == ("COMPLETED", [f"{application(emulator, first)}", "7"])

    waiting = up(emulator)
    listed = [cluster["Id"] for cluster in emulator.emr.list_clusters()["Clusters"]]
    assert waiting not in listed
    second = transient(emulator, Name="the second", Tags=[{"Key": "a", "Value": "b"}])
    assert second == waiting
    assert standing_by(emulator) == []
    told = json.loads((emulator.home / "clusters" / second / "master/mnt/var/lib/info/job-flow.json").read_text())
    found = emulator.cluster(second)
    # What the first wrote to its HDFS would be in the way of `mode("error")`.
    assert outcome(emulator, second) == ("COMPLETED", [f"{application(emulator, second)}", "7"])

    assert (found["Name"], found["Tags"]) == ("the second", [{"Key": "a", "Value": "b"}])
    created = found["Status"]["Timeline"]["CreationDateTime"].timestamp()
    assert told["jobFlowCreationInstant"] / 1000 == pytest.approx(created, abs=0.01)
    groups = {group["Id"] for group in emulator.emr.list_instance_groups(ClusterId=second)["InstanceGroups"]}
    assert {group["instanceGroupId"] for group in told["instanceGroups"]} == groups
    assert any(key.startswith(f"logs/{second}/steps/") for key in emulator.keys("logs/"))


def application(emulator: Emulator, cluster: str) -> str:
    (log,) = event_logs.found(event_logs.directory(emulator.home / "clusters" / cluster))
    return log.application


def test_one_of_another_shape_ends_it_and_the_next_is_like_that(emulator: Emulator) -> None:
    waiting = up(emulator)
    other = emulator.run_cluster(core=2, keep=True)
    assert other != waiting
    wait_for(lambda: not (emulator.home / "clusters" / waiting).exists(), 60, "its end")
    assert standing_by(emulator) == [], "none beside a cluster that is live"
    emulator.wait_cluster(other, "WAITING")
    emulator.emr.terminate_job_flows(JobFlowIds=[other])
    emulator.wait_cluster(other, "TERMINATED")
    following = up(emulator)
    assert len(list((emulator.home / "clusters" / following).glob("core-*"))) == 2


def test_after_a_kill_the_next_emulator_removes_what_stood_by(emulator: Emulator) -> None:
    waiting = up(emulator)
    emulator.kill()
    emulator.start()
    assert not (emulator.home / "clusters" / waiting).exists()
    assert not [process for process in ours(emulator) if waiting in _words(process)]
