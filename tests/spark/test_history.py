"""Spark's pages while applications run, and their history when they and their cluster are gone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest
from rig import Emulator, wait_for

JOB = """
import os, signal, sys, time
from pyspark.sql import SparkSession

spark = SparkSession.builder.appName(sys.argv[1]).getOrCreate()
print(spark.range(1000).selectExpr("id % 7 AS k").groupBy("k").count().collect()[:1])
print(spark.sparkContext.applicationId)
if sys.argv[2] == "waits":
    time.sleep(170)
if sys.argv[2] == "is killed":
    spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()  # among others, on the one that writes the log
    os.kill(os.getppid(), signal.SIGKILL)
spark.stop()
"""


def fetch(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=60) as answer:
        body: bytes = answer.read()
        return body


def api(url: str) -> Any:
    return json.loads(fetch(url))


def emrlite(emulator: Emulator, *words: str) -> str:
    return subprocess.run([sys.executable, "-m", "emrlite", *words], capture_output=True, text=True, timeout=60,
                          check=True, env=emulator.env).stdout


def test_an_application_that_runs_is_linked_from_everywhere(emulator: Emulator, cluster: str):
    job = emulator.put("history.py", JOB)
    (step,) = emulator.add_steps(cluster, ("spark-submit", "--deploy-mode", "cluster", job, "looked at", "waits"))

    def running() -> dict[str, Any] | None:
        found = json.loads(emrlite(emulator, "status", "--json"))["pages"][cluster]["applications"]
        assert emulator.step(cluster, step)["Status"]["State"] in ("PENDING", "RUNNING")
        return next((app for app in found if app["name"] == "looked at"), None)

    try:
        app = wait_for(running, 90, "the page of the application")
        assert b"Spark Jobs" in fetch(app["url"])
        assert [known["id"] for known in api(f"{app['url']}/api/v1/applications")] == [app["id"]]
        url = emulator.emr.get_on_cluster_app_ui_presigned_url(
            ClusterId=cluster, OnClusterAppUIType="ApplicationMaster", ApplicationId=app["id"])["PresignedURL"]
        assert url == app["url"]
        master = emulator.emr.get_on_cluster_app_ui_presigned_url(
            ClusterId=cluster, OnClusterAppUIType="ResourceManager")["PresignedURL"]
        assert app["url"].encode() in fetch(f"{master}/app/?appId={app['id']}")
        executors = wait_for(
            lambda: [each for each in api(f"{app['url']}/api/v1/applications/{app['id']}/executors")
                     if each["executorLogs"]], 60, "an executor")
        for link in executors[0]["executorLogs"].values():
            assert b"<html" in fetch(link)
        assert f"{app['id']} looked at" in emrlite(emulator, "steps", cluster)
    finally:
        emulator.emr.cancel_steps(ClusterId=cluster, StepIds=[step])
        emulator.wait_step(cluster, step, "CANCELLED")


@pytest.fixture(scope="module")
def ended(emulator: Emulator) -> dict[str, Any]:
    """A cluster that is gone, on which one application ended and one was killed."""
    job = emulator.put("history.py", JOB)
    steps = [{"Name": how, "ActionOnFailure": "CONTINUE", "HadoopJarStep": {
        "Jar": "command-runner.jar", "Args": ["spark-submit", job, how, how]}} for how in ("ends", "is killed")]
    cluster = emulator.run_cluster(keep=False, Steps=steps)
    found = emulator.wait_cluster(cluster, "TERMINATED")
    states = {step["Name"]: step["Status"]["State"] for step in emulator.emr.list_steps(ClusterId=cluster)["Steps"]}
    assert states == {"ends": "COMPLETED", "is killed": "FAILED"}
    return found


def test_emrs_operations_lead_to_the_history_of_a_cluster_that_is_gone(emulator: Emulator, ended: dict[str, Any]):
    emr = emulator.emr
    ui = emr.create_persistent_app_ui(TargetResourceArn=ended["ClusterArn"])["PersistentAppUIId"]
    wait_for(lambda: emr.describe_persistent_app_ui(PersistentAppUIId=ui)["PersistentAppUI"]["PersistentAppUIStatus"]
             == "ATTACHED", 60, "the history server")
    (logs,) = emulator.home.glob(f"clusters/{ended['Id']}/event-logs")
    for id in (path.name.removeprefix("eventlog_v2_") for path in logs.iterdir()):
        url = emr.get_persistent_app_ui_presigned_url(PersistentAppUIId=ui, ApplicationId=id)["PresignedURL"]
        assert url == f"{emulator.url}/shs/history/{id}/jobs/"
        assert b"Spark Jobs" in fetch(url)
        at = f"{emulator.url}/shs/api/v1/applications/{id}"
        assert api(at)["name"] in ("ends", "is killed")
        assert {job["status"] for job in api(f"{at}/jobs")} == {"SUCCEEDED"}
        assert "COMPLETE" in {stage["status"] for stage in api(f"{at}/stages")}
    assert f"/shs/history/{id}/stages/".encode() in fetch(url)


def test_the_command_shows_what_ended_and_what_was_killed_and_leaves_nothing(
    emulator: Emulator, ended: dict[str, Any], tmp_path: Path
):
    words = [sys.executable, "-m", "emrlite", "history", ended["Id"], "--json"]
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        server = subprocess.Popen(words, stdout=out, stderr=err, env={**emulator.env, "TMPDIR": str(tmp_path)})
    try:
        wait_for(lambda: (tmp_path / "out").read_text().endswith("}\n") or server.poll() is not None, 90, "the server")
        assert server.poll() is None, (tmp_path / "err").read_text()
        told = json.loads((tmp_path / "out").read_text())
        assert {(row["name"], row["state"]) for row in told["applications"]} == {
            ("ends", "ended"), ("is killed", "was killed")}
        for row in told["applications"]:
            assert b"Spark Jobs" in fetch(row["url"])
        began = psutil.Process(server.pid).children(recursive=True)
        assert began
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0
    _, alive = psutil.wait_procs(began, timeout=20)
    assert not alive
    assert sorted(path.name for path in tmp_path.iterdir()) == ["err", "out"]
