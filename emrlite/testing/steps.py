"""What a test says of steps and clusters: run one, wait for it, assert how it ended, with the reason in the message.

Every function takes a boto3 client, so that the same test also runs against AWS.
"""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from emrlite.cluster.states import ClusterState, StepState, is_final
from emrlite.errors import EmrliteError, LogNotFound
from emrlite.storage.s3 import split_uri

#: Seconds between looks.  boto3's own waiters look every 30.
PERIOD = 0.1
#: EMR brings a step's logs to S3 some time after its end; emrlite at once.
LOG_SECONDS = 30.0


class TimedOut(EmrliteError, TimeoutError):
    """Something did not come about in time; the message says how far it was."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step as it was seen last: its state, and what it failed of."""

    cluster_id: str
    id: str
    name: str
    state: str
    reason: str = ""
    message: str = ""
    log_file: str = ""

    def __str__(self) -> str:
        return _sentence(f"step {self.id} ({self.name}) of {self.cluster_id} is {self.state}", {
            "reason": self.reason, "message": self.message, "log": self.log_file})


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster as it was seen last."""

    id: str
    name: str
    state: str
    reason: str = ""
    message: str = ""

    def __str__(self) -> str:
        return _sentence(f"cluster {self.id} ({self.name}) is {self.state}", {
            "reason": self.reason, "message": self.message})


_Seen = TypeVar("_Seen", Step, Cluster)


def _sentence(head: str, details: dict[str, str]) -> str:
    return "\n".join([head, *(f"  {name:8} {text}" for name, text in details.items() if text)])


def run_step(
    emr: Any, cluster_id: str, *args: str, jar: str = "command-runner.jar", name: str | None = None,
    action_on_failure: str = "CONTINUE", timeout: float = 600, **members: Any,
) -> Step:
    """Run ``args`` as a step and wait until it has ended, however it ends.

    ``run_step(emr, cluster, "spark-submit", "s3://code/job.py", "2024-01-01")``.  *members* are
    those of HadoopJarStepConfig: ``MainClass``, ``Properties``.
    """
    config = {"Name": name or " ".join(args[:2]) or jar, "ActionOnFailure": action_on_failure,
              "HadoopJarStep": {"Jar": jar, "Args": list(args), **members}}
    (step_id,) = emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[config])["StepIds"]
    return wait_for_step(emr, cluster_id, step_id, timeout=timeout)


def describe_step(emr: Any, cluster_id: str, step_id: str) -> Step:
    """Look at a step."""
    found = emr.describe_step(ClusterId=cluster_id, StepId=step_id)["Step"]
    status, details = found["Status"], found["Status"].get("FailureDetails", {})
    return Step(cluster_id=cluster_id, id=step_id, name=found["Name"], state=status["State"],
                reason=details.get("Reason") or status.get("StateChangeReason", {}).get("Message", ""),
                message=details.get("Message", ""), log_file=details.get("LogFile", ""))


def describe_cluster(emr: Any, cluster_id: str) -> Cluster:
    """Look at a cluster."""
    found = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
    change = found["Status"].get("StateChangeReason", {})
    return Cluster(id=cluster_id, name=found["Name"], state=found["Status"]["State"], reason=change.get("Code", ""),
                   message=change.get("Message", ""))


def wait_for_step(emr: Any, cluster_id: str, step_id: str, *, timeout: float = 600) -> Step:
    """Wait until a step has ended.  Raises `TimedOut`."""
    return _wait(lambda: describe_step(emr, cluster_id, step_id), lambda step: is_final(StepState(step.state)), timeout)


def wait_for_cluster(emr: Any, cluster_id: str, *states: str, timeout: float = 600) -> Cluster:
    """Wait until a cluster is in one of *states* (without any: until it is up), or has ended.  Raises `TimedOut`."""
    wanted = states or (ClusterState.RUNNING, ClusterState.WAITING)
    return _wait(lambda: describe_cluster(emr, cluster_id),
                 lambda cluster: cluster.state in wanted or is_final(ClusterState(cluster.state)), timeout)


def _wait(look: Callable[[], _Seen], enough: Callable[[_Seen], bool], timeout: float) -> _Seen:
    deadline, pause = time.monotonic() + timeout, threading.Event()
    while not enough(seen := look()):
        if time.monotonic() > deadline:
            raise TimedOut(f"after {timeout:g} s, {seen}")
        pause.wait(PERIOD)
    return seen


def assert_state(seen: Step | Cluster, *states: str) -> None:
    """Assert that a step or cluster is in one of *states*; if not, say what it is and why."""
    __tracebackhide__ = True
    # Raised, not asserted: pytest rewrites the asserts of plugins, and would indent these lines.
    if seen.state not in states:
        raise AssertionError(f"{seen}\nexpected {' or '.join(states)}")


def assert_completed(step: Step) -> None:
    """Assert that a step is COMPLETED: its process has ended with exit code 0."""
    __tracebackhide__ = True
    assert_state(step, StepState.COMPLETED)


def assert_failed(step: Step, saying: str = "") -> None:
    """Assert that a step is FAILED, and that its reason or message holds *saying*."""
    __tracebackhide__ = True
    assert_state(step, StepState.FAILED)
    if saying not in f"{step.reason}\n{step.message}":
        raise AssertionError(f"{step}\nexpected it to say {saying!r}")


def read_log(emr: Any, s3: Any, step: Step, name: str = "stdout", *, timeout: float = LOG_SECONDS) -> str:
    """Return a log of an ended step (``stdout``, ``stderr``, ``controller``) from the cluster's LogUri."""
    uri = emr.describe_cluster(ClusterId=step.cluster_id)["Cluster"].get("LogUri")
    if not uri:
        raise LogNotFound(f"cluster {step.cluster_id} has no LogUri, so its logs are not in S3")
    place = f"{uri.rstrip('/')}/{step.cluster_id}/steps/{step.id}/{name}.gz"
    bucket, key = split_uri(place.replace("s3n://", "s3://", 1))
    deadline, pause = time.monotonic() + timeout, threading.Event()
    while True:
        try:
            return gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).decode(errors="replace")
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NoSuchKey", "NoSuchBucket", "404"):
                raise
            if time.monotonic() > deadline:
                raise LogNotFound(f"there is no {place} after {timeout:g} s") from error
        pause.wait(PERIOD)
