"""Requests per second and their 99th percentile, of emrlite with its store on disk and of moto's server.

Both are processes of their own on loopback and get the same requests, made by the same number of
threads with boto3.  ``timing`` is `instant` here, for a request's cost is that of the endpoint
and the store, not of what a cluster does meanwhile: RunJobFlow is not counted, because moto's
starts nothing.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import emulator, peer_daemons
from benchmarks.figures import Row, digits, ratio
from benchmarks.options import Options, scratch_home, timed

THREADS = 4
CLUSTERS, STEPS, REQUESTS = 8, 20, 2000
START_SECONDS = 60.0

#: Operation -> seconds of each request; and how long all took, as "wall".
Run = dict[str, list[float]]
Call = tuple[str, Callable[[Any], Any]]


def measure(options: Options) -> dict[str, Row]:
    """Return the row ``control_plane``."""
    requests = 60 if options.small else REQUESTS
    home = scratch_home(options.folder / "control-home")
    ours: list[Run] = []
    peers: list[Run] = []
    with (emulator.running(home, "--timing", "instant") as running,
          moto_server(options.new("moto")) as moto):
        for _ in options.each_pair("control_plane"):
            for url, found in ((moto, peers), (running.url, ours)):
                found.append(load(url, requests))
    return {"control_plane": row(ours, peers)}


def load(url: str, requests: int) -> Run:
    """Make clusters, ask about them, end them; return how long each request took."""
    first = emulator.client("emr", url)
    clusters = [launch(first, number) for number in range(CLUSTERS)]
    local, seconds, guard = threading.local(), dict[str, list[float]](), threading.Lock()

    def one(number: int) -> None:
        if not hasattr(local, "emr"):
            with guard:  # making a client is not safe beside another
                local.emr = emulator.client("emr", url)
                local.emr.list_clusters()
        name, call = operation(number, *clusters[number // 10 % CLUSTERS])
        begin = time.perf_counter()
        call(local.emr)
        took = time.perf_counter() - begin
        with guard:
            seconds.setdefault(name, []).append(took)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, range(THREADS * 10)))  # not counted: clients are made, code is loaded
        seconds.clear()
        with timed() as wall:
            list(pool.map(one, range(requests)))
    first.terminate_job_flows(JobFlowIds=[cluster_id for cluster_id, _ in clusters])
    return {**seconds, "wall": [wall()]}


def launch(emr: Any, number: int) -> tuple[str, str]:
    """Make a cluster with some steps; return its id and that of a step."""
    cluster_id = emr.run_job_flow(
        Name=f"cluster {number}", ReleaseLabel="emr-7.10.0", ServiceRole="EMR_DefaultRole",
        JobFlowRole="EMR_EC2_DefaultRole", Applications=[{"Name": "Spark"}],
        Instances={"KeepJobFlowAliveWhenNoSteps": True, "InstanceGroups": [
            {"Name": role, "InstanceRole": role, "InstanceType": "m5.xlarge", "InstanceCount": count}
            for role, count in (("MASTER", 1), ("CORE", 2), ("TASK", 1))]})["JobFlowId"]
    deadline, pause = time.monotonic() + START_SECONDS, threading.Event()
    while emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]["State"] not in {"WAITING", "RUNNING"}:
        if time.monotonic() > deadline:
            raise SystemExit(f"{cluster_id} did not come up within {START_SECONDS:.0f} s")
        pause.wait(0.05)
    ids = emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step()] * STEPS)["StepIds"]
    return str(cluster_id), str(ids[0])


def step() -> dict[str, Any]:
    return {"Name": "nothing", "ActionOnFailure": "CONTINUE",
            "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["true"]}}


def operation(number: int, cluster_id: str, step_id: str) -> Call:
    """Of ten requests four describe a cluster, two a step, two list steps, one lists clusters, one adds a step."""
    of = {"ClusterId": cluster_id}
    calls: list[Call] = [
        *[("DescribeCluster", lambda emr: emr.describe_cluster(**of))] * 4,
        *[("DescribeStep", lambda emr: emr.describe_step(**of, StepId=step_id))] * 2,
        *[("ListSteps", lambda emr: emr.list_steps(**of))] * 2,
        ("ListClusters", lambda emr: emr.list_clusters()),
        ("AddJobFlowSteps", lambda emr: emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step()])),
    ]
    return calls[number % len(calls)]


@contextmanager
def moto_server(folder: Path) -> Iterator[str]:
    """Start moto's own server and return its URL."""
    [port] = peer_daemons.free_ports(1)
    with (folder / "moto.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline, pause = time.monotonic() + START_SECONDS, threading.Event()
        while not peer_daemons.listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"moto did not start:\n{(folder / 'moto.log').read_text()}")
            pause.wait(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        emulator.stop(process)


def row(ours: list[Run], peers: list[Run]) -> Row:
    """Compare rates and percentiles within pairs, and show each operation."""

    def rates(side: list[Run]) -> list[float]:
        return [len(every(run)) / run["wall"][0] for run in side]

    def slowest(side: list[Run]) -> list[float]:
        return [percentile(every(run)) for run in side]

    names = [name for name in ours[0] if name != "wall"]
    lines = ["| operation | ms, median | moto | ms, 99th percentile | moto |", "|---|---|---|---|---|"]
    for name in sorted(names):
        mine, its = ([second for run in side for second in run[name]] for side in (ours, peers))
        cells = (statistics.median(mine), statistics.median(its), percentile(mine), percentile(its))
        lines.append(f"| {name} | " + " | ".join(digits(value * 1000) for value in cells) + " |")
    return Row(
        what=f"control plane, {THREADS} threads of boto3, store on disk", against="moto's server, same requests",
        measures=[ratio("requests per second", rates(ours), rates(peers), "per second", at_least=1.0),
                  ratio("99th percentile", slowest(ours), slowest(peers), "ms", 1000, at_most=1.0)],
        details="\n".join(lines), raw={"ours": ours, "moto": peers})


def every(run: Run) -> list[float]:
    return [second for name, seconds in run.items() if name != "wall" for second in seconds]


def percentile(seconds: list[float]) -> float:
    """The 99th."""
    return statistics.quantiles(seconds, n=100, method="inclusive")[98] if len(seconds) > 1 else seconds[0]
