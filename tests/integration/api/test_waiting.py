"""botocore's unchanged waiters, which poll every thirty seconds, hear of the end at once."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from emrlite.api.emr.waiting import Waiting, is_waiter
from emrlite.cluster.model import ClusterStatus, StepStatus
from emrlite.cluster.states import ClusterState, StepState


def later(seconds: float, do: Any) -> threading.Timer:
    timer = threading.Timer(seconds, do)
    timer.start()
    return timer


def test_step_complete_is_told_when_the_step_ends(rig: Any, request_of: Any, step_of: Any) -> None:
    emr = rig.client("emr")
    cluster = emr.run_job_flow(**request_of(Steps=[step_of("first")]))["JobFlowId"]
    (step,) = [found["Id"] for found in emr.list_steps(ClusterId=cluster)["Steps"]]

    def end() -> None:
        ended = StepStatus(state=StepState.COMPLETED, started=1.0, ended=2.0, exit_code=0)
        rig.clusters.set_status(cluster, ClusterStatus(state=ClusterState.RUNNING, steps={step: ended}))

    timer, start = later(0.5, end), time.monotonic()
    emr.get_waiter("step_complete").wait(ClusterId=cluster, StepId=step)
    timer.join()

    assert 0.4 < time.monotonic() - start < 15, "neither before it held, nor at the next poll"


def test_cluster_running_is_told_when_the_cluster_is_up(rig: Any, request_of: Any) -> None:
    emr = rig.client("emr")
    cluster = emr.run_job_flow(**request_of())["JobFlowId"]
    states = [ClusterState.BOOTSTRAPPING, ClusterState.WAITING]
    timers = [later(0.3 * number, lambda state=state: rig.clusters.set_status(cluster, ClusterStatus(state=state)))
              for number, state in enumerate(states, start=1)]
    emr.get_waiter("cluster_running").wait(ClusterId=cluster)
    assert emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"] == "WAITING"
    start = time.monotonic()
    emr.get_waiter("cluster_running").wait(ClusterId=cluster)
    for timer in timers:
        timer.join()

    assert time.monotonic() - start < 5, "whoever asks of a cluster that is up is not kept waiting"


def test_a_plain_call_is_never_held(rig: Any, request_of: Any, step_of: Any) -> None:
    emr = rig.client("emr")
    cluster = emr.run_job_flow(**request_of(Steps=[step_of("first")]))["JobFlowId"]
    (step,) = emr.list_steps(ClusterId=cluster)["Steps"]
    start = time.monotonic()

    assert emr.describe_step(ClusterId=cluster, StepId=step["Id"])["Step"]["Status"]["State"] == "PENDING"
    assert emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"] == "STARTING"
    assert time.monotonic() - start < 5


def test_who_was_told_up_and_asks_after_a_pause_waits_for_the_end(
    rig: Any, request_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    emr = rig.client("emr")
    cluster = emr.run_job_flow(**request_of())["JobFlowId"]
    rig.clusters.set_status(cluster, ClusterStatus(state=ClusterState.WAITING))
    monkeypatch.setattr("emrlite.api.emr.waiting._PAUSE", (0.2, 45.0))
    waiting = Waiting(threading.Event())

    def look() -> Any:
        return rig.clusters.store.record(cluster)

    assert waiting.cluster(look).status.state is ClusterState.WAITING
    threading.Event().wait(0.3)
    ended = replace(look().status, state=ClusterState.TERMINATED)
    timer = later(0.2, lambda: rig.clusters.set_status(cluster, ended))
    assert waiting.cluster(look).status.state is ClusterState.TERMINATED
    timer.join()


def test_held_replies_are_let_go_when_the_emulator_ends(rig: Any, request_of: Any, step_of: Any) -> None:
    emr = rig.client("emr")
    cluster = emr.run_job_flow(**request_of(Steps=[step_of("first")]))["JobFlowId"]
    stopped = threading.Event()
    timer, start = later(0.2, stopped.set), time.monotonic()
    Waiting(stopped).step(lambda: rig.clusters.store.record(cluster), "s-1")
    timer.join()

    assert time.monotonic() - start < 10


@pytest.mark.parametrize(("agent", "waits"), [
    ("Boto3/1.43.1 md/Botocore#1.43.1 ua/2.1 os/linux lang/python#3.11.7 m/B,Z,b,D cfg/retry-mode#legacy",
     True),
    ("Boto3/1.43.1 md/Botocore#1.43.1 ua/2.1 os/linux m/Z,b,D,C cfg/retry-mode#legacy", False),
    ("aws-sdk-go/1.0", False),
    ("", False),
])
def test_a_waiter_is_known_by_its_user_agent(agent: str, waits: bool) -> None:
    assert is_waiter(agent) is waits
