"""The real HTTP endpoint on a real store, with nothing behind it that runs clusters."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from emrlite.api.aws import Aws, Neighbourhood
from emrlite.api.emr.app_uis import AppPages
from emrlite.api.guard import Guard
from emrlite.api.http import Application, Endpoint, listen
from emrlite.cluster.model import ClusterSpec, ClusterStatus
from emrlite.cluster.store import Store
from emrlite.settings import Settings

NOBODY = "http://127.0.0.1:1"


class RecordingClusters:
    """Saves what is launched, and remembers who was poked."""

    def __init__(self, path: Path) -> None:
        self.store = Store(path)
        self.poked: list[str] = []
        self.resets = 0

    def launch(self, spec: ClusterSpec) -> ClusterSpec:
        self.store.create(spec, ClusterStatus())
        return spec

    def poke(self, cluster_id: str) -> None:
        self.poked.append(cluster_id)

    def reset(self, timeout: float, keep: frozenset[str] = frozenset()) -> None:
        self.resets += 1

    def set_status(self, cluster_id: str, status: ClusterStatus) -> None:
        generation = self.store.record(cluster_id).generation
        assert self.store.save_status(cluster_id, status, generation=generation, final=False)


@dataclass
class Rig:
    """An endpoint to call, and what stands behind it."""

    clusters: RecordingClusters
    application: Application
    endpoint: Endpoint
    clients: list[Any] = field(default_factory=list)

    def client(self, service: str, *, key: str = "test", region: str = "us-east-1", **config: Any) -> Any:
        made: Any = boto3.client(
            service, endpoint_url=self.endpoint.url, region_name=region, aws_access_key_id=key,
            aws_secret_access_key="secret", config=Config(proxies={}, retries={"total_max_attempts": 1}, **config))
        self.clients.append(made)
        return made

    def raw(
        self, method: str, target: str, body: bytes | str = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request as it stands, unsigned."""
        connection = http.client.HTTPConnection(self.endpoint.host, self.endpoint.port, timeout=30)
        try:
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def emr(self, operation: str, body: bytes | str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Send an unsigned EMR call."""
        target = {"X-Amz-Target": f"ElasticMapReduce.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        return self.raw("POST", "/", body, {**target, **{n.replace("_", "-"): v for n, v in headers.items()}})


MakeRig = Callable[..., Rig]


@pytest.fixture
def make_rig(tmp_path: Path) -> Iterator[MakeRig]:
    """Make endpoints that end with the test."""
    rigs: list[Rig] = []

    def make(
        *, s3: str = NOBODY, moto: str = NOBODY, moto_runs: bool = False, buckets: Path | None = None,
        bucket_exists: Callable[[str], bool] = lambda bucket: bucket == "logs", pages: AppPages | None = None,
        history_url: Callable[[], str | None] = lambda: None, **settings: Any,
    ) -> Rig:
        chosen = Settings(home=tmp_path / "home", **settings)
        clusters = RecordingClusters(tmp_path / f"{len(rigs)}.db")
        others = Neighbourhood(
            s3_url=lambda: s3, moto_url=lambda: moto, moto_runs=lambda: moto_runs, bucket_exists=bucket_exists,
            buckets=buckets, pages=pages, history_url=history_url)
        application = Application(
            Guard.of(chosen), Aws(chosen, clusters, others), {"/_emrlite/health": lambda query: {"echo": dict(query)}})
        endpoint = Endpoint(listen("127.0.0.1", 0), application)
        endpoint.__enter__()
        rigs.append(Rig(clusters, application, endpoint))
        return rigs[-1]

    yield make
    for rig in rigs:
        for client in rig.clients:
            client.close()
        rig.endpoint.__exit__(None, None, None)


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    return make_rig()


def job_flow(**changes: Any) -> dict[str, Any]:
    """Return a valid RunJobFlow request, with *changes*; a change to ``...`` leaves the member out."""
    request = {
        "Name": "demo",
        "ReleaseLabel": "emr-spark-8.1.0",
        "Applications": [{"Name": "Spark"}],
        "ServiceRole": "EMR_DefaultRole",
        "JobFlowRole": "EMR_EC2_DefaultRole",
        "LogUri": "s3://logs/emr",
        "Instances": {
            "KeepJobFlowAliveWhenNoSteps": True,
            "InstanceGroups": [
                {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1},
                {"InstanceRole": "CORE", "InstanceType": "m5.xlarge", "InstanceCount": 2},
                {"InstanceRole": "TASK", "InstanceType": "m5.xlarge", "InstanceCount": 1, "Market": "SPOT"},
            ],
        },
        **changes,
    }
    return {name: value for name, value in request.items() if value is not ...}


def step(name: str = "a step", action: str = "CONTINUE", **changes: Any) -> dict[str, Any]:
    """Return a valid StepConfig."""
    jar_step = {"Jar": "command-runner.jar", "Args": ["bash", "-c", "true"], **changes}
    return {"Name": name, "ActionOnFailure": action, "HadoopJarStep": jar_step}


@pytest.fixture
def request_of() -> Callable[..., dict[str, Any]]:
    return job_flow


@pytest.fixture
def step_of() -> Callable[..., dict[str, Any]]:
    return step
