"""An emulator in a process of its own, and what tests ask of it."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from emrlite import home as homes
from emrlite.node import engines
from emrlite.settings import Settings

FINAL = ("COMPLETED", "FAILED", "CANCELLED", "INTERRUPTED")
ENDED = ("TERMINATED", "TERMINATED_WITH_ERRORS")
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


def wait_for(look: Callable[[], Any], timeout: float = 120, what: str = "it") -> Any:
    """Return the first true answer of *look*; fail after *timeout* seconds."""
    deadline, pause = time.monotonic() + timeout, threading.Event()
    while time.monotonic() < deadline:
        if found := look():
            return found
        pause.wait(0.1)
    return pytest.fail(f"{what} did not come about within {timeout} s")


def new_home(at: Path) -> Path:
    """Make a home that shares the engine of the machine's home, and nothing else."""
    real = Settings.load()
    engines.ensure(real, print, whole=True)
    at.mkdir(parents=True)
    for name in ("engines", "tools", "java", "cache"):
        if (real.home / name).exists():
            (at / name).symlink_to(real.home / name)
    return at


class Emulator:
    """An `emrlite start` in a process of its own, with boto3 clients for it.

    Nothing is started ahead, for it would be in the way of the next test; tests of that say otherwise.
    """

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        names = ("PATH", "HOME", "JAVA_HOME", "TMPDIR", "LANG")
        self.env = {name: os.environ[name] for name in names if name in os.environ}
        self.env |= {**KEYS, "EMRLITE_HOME": str(home), "EMRLITE_PORT": "0", "EMRLITE_AHEAD": "nothing", **variables}
        self.url = ""

    def start(self) -> None:
        with (self.home / "test.log").open("a") as log:
            command = [sys.executable, "-m", "emrlite", "start"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.env)
        running = wait_for(self._running, 60, "the emulator")
        self.url = running.url
        kept: Any = {"endpoint_url": self.url, "region_name": "us-east-1", "aws_access_key_id": "test",
                     "aws_secret_access_key": "test", "config": Config(proxies={})}
        self.emr, self.s3 = boto3.client("emr", **kept), boto3.client("s3", **kept)

    def _running(self) -> homes.Running | None:
        assert self.process.poll() is None, (self.home / "test.log").read_text()
        return homes.running(self.home)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(120)

    # What tests ask

    def bucket(self, name: str) -> str:
        if name not in {bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"]}:
            self.s3.create_bucket(Bucket=name)
        return name

    def put(self, key: str, text: str | bytes, bucket: str = "test-bucket") -> str:
        self.s3.put_object(Bucket=self.bucket(bucket), Key=key, Body=text)
        return f"s3://{bucket}/{key}"

    def read(self, uri: str) -> str:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return (gzip.decompress(body) if key.endswith(".gz") else body).decode()

    def keys(self, prefix: str, bucket: str = "test-bucket") -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def run_cluster(self, *, core: int = 1, task: int = 0, keep: bool = True, **request: Any) -> str:
        counts = {"MASTER": 1, "CORE": core, "TASK": task}
        groups = [{"InstanceRole": role, "InstanceType": "m5.xlarge", "InstanceCount": count}
                  for role, count in counts.items() if count]
        instances = {"InstanceGroups": groups, "KeepJobFlowAliveWhenNoSteps": keep, **request.pop("Instances", {})}
        self.bucket("test-bucket")
        answer = self.emr.run_job_flow(**{
            "Name": "test", "ReleaseLabel": "emr-spark-8.1.0", "Applications": [{"Name": "Spark"}],
            "LogUri": "s3://test-bucket/logs/", "ServiceRole": "EMR_DefaultRole", "JobFlowRole": "EMR_EC2_DefaultRole",
            "Instances": instances, **request})
        return str(answer["JobFlowId"])

    def cluster(self, cluster: str) -> dict[str, Any]:
        found: dict[str, Any] = self.emr.describe_cluster(ClusterId=cluster)["Cluster"]
        return found

    def state(self, cluster: str) -> str:
        return str(self.cluster(cluster)["Status"]["State"])

    def wait_cluster(self, cluster: str, *states: str, timeout: float = 180) -> dict[str, Any]:
        wait_for(lambda: self.state(cluster) in (*states, *ENDED), timeout, f"{cluster} in {states}")
        found = self.cluster(cluster)
        assert found["Status"]["State"] in states, found["Status"]
        return found

    def add_steps(self, cluster: str, *argvs: tuple[str, ...], action: str = "CONTINUE", **jar: Any) -> list[str]:
        steps = [{"Name": argv[0] if argv else "jar", "ActionOnFailure": action,
                  "HadoopJarStep": {"Jar": "command-runner.jar", "Args": list(argv), **jar}} for argv in argvs]
        return list(self.emr.add_job_flow_steps(JobFlowId=cluster, Steps=steps)["StepIds"])

    def step(self, cluster: str, step: str) -> dict[str, Any]:
        found: dict[str, Any] = self.emr.describe_step(ClusterId=cluster, StepId=step)["Step"]
        return found

    def wait_step(self, cluster: str, step: str, *states: str, timeout: float = 180) -> dict[str, Any]:
        wanted = (*states, *FINAL)
        wait_for(lambda: self.step(cluster, step)["Status"]["State"] in wanted, timeout, f"{step} in {wanted}")
        found: dict[str, Any] = self.step(cluster, step)["Status"]
        return found

    def run_step(self, cluster: str, *argv: str, **jar: Any) -> dict[str, Any]:
        """Run a step to its end; its status, its id, and its logs by file name."""
        (step,) = self.add_steps(cluster, argv, **jar)
        status = self.wait_step(cluster, step)
        logs = {name: self.log(cluster, step, name) for name in ("stdout", "stderr", "controller")}
        return {**status, "Id": step, **logs}

    def log(self, cluster: str, step: str, name: str) -> str:
        """A log of a step, from S3."""
        key = f"logs/{cluster}/steps/{step}/{name}.gz"
        wait_for(lambda: key in self.keys(key), 30, key)
        return self.read(f"s3://test-bucket/{key}")
