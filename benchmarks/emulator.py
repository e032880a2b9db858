"""A durable emulator for the time of a block, in a home of its own, and what a client does with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from benchmarks import look
from emrlite.cli.serve import health
from emrlite.cluster.releases import DEFAULT

START_SECONDS, STOP_SECONDS, CLUSTER_SECONDS = 120.0, 180.0, 600.0

#: Seconds between two questions of a client that waits.
ASK_EVERY = 0.05


@dataclass(frozen=True, kw_only=True)
class Emulator:
    """A running ``emrlite start``."""

    home: Path
    url: str
    pid: int

    def client(self, service: str) -> Any:
        return client(service, self.url)

    def launch(self, *, core: int, task: int) -> str:
        """Ask for a cluster that stays, and return its id."""
        counts = {"MASTER": 1, "CORE": core, "TASK": task}
        answer = self.client("emr").run_job_flow(
            Name="benchmark", ReleaseLabel=DEFAULT, Applications=[{"Name": "Spark"}], ServiceRole="EMR_DefaultRole",
            JobFlowRole="EMR_EC2_DefaultRole",
            Instances={"KeepJobFlowAliveWhenNoSteps": True, "InstanceGroups": [
                {"Name": role, "InstanceRole": role, "InstanceType": "m5.xlarge", "InstanceCount": count}
                for role, count in counts.items() if count]})
        return str(answer["JobFlowId"])

    def wait(self, *cluster_ids: str, state: str = "WAITING") -> None:
        """Ask again and again, as a client does, until all clusters are in *state*."""
        emr, deadline, pause = self.client("emr"), time.monotonic() + CLUSTER_SECONDS, threading.Event()
        for cluster_id in cluster_ids:
            while (status := emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"])["State"] != state:
                if status["State"].startswith("TERMINATED") or time.monotonic() > deadline:
                    raise SystemExit(f"{cluster_id} did not become {state}: {status}")
                pause.wait(ASK_EVERY)

    def end(self, *cluster_ids: str) -> None:
        self.client("emr").terminate_job_flows(JobFlowIds=list(cluster_ids))
        self.wait(*cluster_ids, state="TERMINATED")

    def memory(self) -> int:
        """Bytes of the emulator and all that it started, wherever that went: nothing else may run meanwhile."""
        return sum(look.memory(one.pid) for one in look.processes(os.getpid()))

    def processor_time(self) -> float:
        """Processor seconds of all that this process started, and what that started, so far."""
        return look.processor_time(os.getpid())

    def standing_by(self) -> None:
        """Wait until a cluster like the last stands by, and its JVMs have practised."""
        deadline, pause = time.monotonic() + START_SECONDS, threading.Event()
        while not (health(self.url) or {}).get("standby"):
            if time.monotonic() > deadline:
                raise SystemExit("no cluster stands by")
            pause.wait(0.2)
        pause.wait(10.0)  # while it comes up there are moments without work
        self.quiet()

    def quiet(self, seconds: float = 60.0) -> None:
        """Wait until what it runs has used less than a tenth of a core for three seconds."""
        deadline, pause, still = time.monotonic() + seconds, threading.Event(), 0
        before = self.processor_time()
        while time.monotonic() < deadline and still < 3:  # JVMs that practise pause before they begin
            pause.wait(1.0)
            before, last = self.processor_time(), before
            still = still + 1 if before - last < 0.1 else 0


def client(service: str, url: str) -> Any:
    """Return boto3's client as everybody makes it, with its own waiters and retries."""
    config = Config(proxies={}, s3={"addressing_style": "path"} if service == "s3" else None)
    return boto3.session.Session().client(
        service, endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test",
        config=config)


@contextmanager
def running(home: Path, *flags: str, ahead: str = "steps") -> Iterator[Emulator]:
    """Start ``emrlite start`` for *home*; end it with its clusters, however the block ends.

    No cluster stands by unless *ahead* is ``all``: one that did would be in the way of whatever is measured next.
    """
    log = home / "benchmark-emulator.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "emrlite", "start", "--home", str(home), "--port", "0", "--ahead", ahead, *flags],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    try:
        yield Emulator(home=home, url=_url(home, process, log), pid=process.pid)
    finally:
        stop(process)


def _url(home: Path, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline, pause = time.monotonic() + START_SECONDS, threading.Event()
    while process.poll() is None and time.monotonic() < deadline:
        done = subprocess.run([sys.executable, "-m", "emrlite", "--home", str(home), "status", "--json"],
                              capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return str(json.loads(done.stdout)["url"])
        pause.wait(0.1)
    raise SystemExit(f"the emulator did not start:\n{log.read_text()}")


def stop(process: subprocess.Popen[Any]) -> None:
    """End *process* as its user would, by force where that does not help."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except BaseException:
        process.kill()
        process.wait()
        raise
