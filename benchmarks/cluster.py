"""A cluster of four nodes: until it is WAITING, and its memory when idle, against daemons with default flags."""

from __future__ import annotations

import os
import threading

from benchmarks import look, peer_daemons
from benchmarks.emulator import Emulator, running
from benchmarks.figures import Measure, Row, ratio
from benchmarks.options import Options, engine, scratch_home, timed


def measure(options: Options) -> dict[str, Row]:
    """Return the rows ``cluster_up`` and ``idle_memory``."""
    ours, peers = [], []
    with running(scratch_home(options.folder / "cluster-home"), ahead=options.ahead) as emulator:
        emulator.client("s3").list_buckets()  # starts the S3 server, which is no part of a cluster
        if not options.small:  # the first cluster of a home formats HDFS
            one_cluster = emulator.launch(core=options.core, task=options.task)
            emulator.wait(one_cluster)
            emulator.end(one_cluster)
            options.say(f"cluster_up: {one_cluster} was not counted")
        for _ in options.each_pair("cluster_up"):
            peers.append(run_peers(options))
            ours.append(run_ours(options, emulator))
        idle = leave_alone(options, emulator) if "idle_memory" in options.wanted else None
    return rows(ours, peers, idle)


def leave_alone(options: Options, emulator: Emulator) -> dict[str, float]:
    """The memory of a cluster that waits: when its next JVMs are ready, and when nobody has come for them."""
    emulator.quiet()
    without = emulator.memory()
    cluster_id = emulator.launch(core=options.core, task=options.task)
    emulator.wait(cluster_id)
    threading.Event().wait(options.idle)
    emulator.quiet()
    ready = emulator.memory()
    options.say(f"idle_memory: waiting {options.left_alone:.0f} s for the JVMs that were started ahead to end")
    threading.Event().wait(options.left_alone)
    whole = emulator.memory()
    emulator.end(cluster_id)
    return {"memory": whole - without, "whole": whole, "ready": ready - without}


def run_ours(options: Options, emulator: Emulator) -> dict[str, float]:
    """Bring a cluster up and take it down."""
    emulator.quiet()
    used = emulator.processor_time()
    with timed() as wall:
        cluster_id = emulator.launch(core=options.core, task=options.task)
        emulator.wait(cluster_id)
    used = emulator.processor_time() - used
    emulator.end(cluster_id)
    return {"wall": wall(), "cpu": used}


def run_peers(options: Options) -> dict[str, float]:
    """Start the daemons with default flags and end them."""
    workers = options.core + options.task
    with peer_daemons.daemons(engine(), options.new("daemons"), datanodes=options.core, workers=workers) as daemons:
        used = look.processor_time(os.getpid())
        with timed() as wall:
            daemons.start()
        used = look.processor_time(os.getpid()) - used
        threading.Event().wait(options.idle)
        return {"wall": wall(), "cpu": used, "memory": daemons.rss()}


def rows(
    ours: list[dict[str, float]], peers: list[dict[str, float]], idle: dict[str, float] | None
) -> dict[str, Row]:
    """Make the two rows of what the runs found; the *idle* cluster is looked at once, for that takes minutes."""

    def of(key: str, runs: list[dict[str, float]]) -> list[float]:
        return [run[key] for run in runs]

    raw = {"ours": ours, "peers": peers}
    up = Row(
        what="RunJobFlow → WAITING: 1 master, 2 core, 1 task, HDFS", raw=raw,
        against="NameNode, 2 DataNodes, Spark master, 3 workers with default flags, until all know one another",
        measures=[ratio("wall", of("wall", ours), of("wall", peers), "s", at_most=0.25),
                  ratio("CPU", of("cpu", ours), of("cpu", peers), "s")])
    if idle is None:
        return {"cluster_up": up}
    memory = Row(
        what="memory of the idle cluster of four nodes (what it adds to the emulator's, shared pages divided)",
        raw=idle, against="RSS of those daemons", measures=[
            ratio("", [idle["memory"]], of("memory", peers)[-1:], "MB", 1e-6, at_most=0.4),
            ratio("while JVMs started ahead wait", [idle["ready"]], of("memory", peers)[-1:], "MB", 1e-6),
            Measure(name="idle, with the emulator and its S3 server", unit="MB", values=[idle["whole"] / 1e6])])
    return {"cluster_up": up, "idle_memory": memory}
