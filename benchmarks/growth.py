"""How time and memory grow with task nodes, with steps, with clusters at once; once each, the shape is what counts."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from benchmarks.emulator import Emulator, running
from benchmarks.figures import Row
from benchmarks.options import Options, scratch_home, timed

TASK_NODES, STEPS, CLUSTERS = (1, 4, 16), (1, 10, 100), (1, 4, 8)


@dataclass(frozen=True, kw_only=True)
class Point:
    """What one size took."""

    what: str
    size: int
    wall: float  #: seconds
    cpu: float  #: seconds
    memory: float  #: bytes that were added, when all was up and idle; for steps, at their end


def measure(options: Options) -> dict[str, Row]:
    """Return the row ``growth``: a table of its own."""
    sizes = ((1,), (1, 2), (2,)) if options.small else (TASK_NODES, STEPS, CLUSTERS)
    points: list[Point] = []
    home = scratch_home(options.folder / "growth-home")
    with running(home, "--timing", options.timing, ahead=options.ahead) as emulator:
        if options.timing == "fast":
            emulator.client("s3").list_buckets()  # starts the S3 server, which is no part of a cluster
        for what, series, counts in zip(("task nodes", "steps", "clusters at once"),
                                        (with_task_nodes, with_steps, with_clusters), sizes, strict=True):
            for point in series(options, emulator, counts):
                options.say(f"growth: {what}, {point.size}: {point.wall:.1f} s")
                points.append(point)
    return {"growth": row(points)}


@dataclass
class _Taken:
    """Filled in at the end of its block."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def taking(emulator: Emulator) -> Iterator[_Taken]:
    emulator.quiet()
    taken, before = _Taken(), emulator.processor_time()
    with timed() as wall:
        yield taken
    taken.wall, taken.cpu = wall(), emulator.processor_time() - before


def idle_memory(options: Options, emulator: Emulator, before: int) -> int:
    threading.Event().wait(options.idle)
    return emulator.memory() - before


def with_task_nodes(options: Options, emulator: Emulator, counts: Sequence[int]) -> Iterator[Point]:
    """RunJobFlow until WAITING: a master, core nodes, more and more task nodes."""
    for count in counts:
        emulator.quiet()
        before = emulator.memory()
        with taking(emulator) as taken:
            cluster_id = emulator.launch(core=options.core, task=count)
            emulator.wait(cluster_id)
        yield Point(what="task nodes, RunJobFlow → WAITING", size=count, wall=taken.wall, cpu=taken.cpu,
                    memory=idle_memory(options, emulator, before))
        emulator.end(cluster_id)


def with_steps(options: Options, emulator: Emulator, counts: Sequence[int]) -> Iterator[Point]:
    """All steps (``bash -c true``) from the submission of the first to the end of the last, one after the other."""
    cluster_id = emulator.launch(core=options.core, task=options.task)
    emulator.wait(cluster_id)
    emr, before = emulator.client("emr"), emulator.memory()
    for count in counts:
        step = {"Name": "nothing", "ActionOnFailure": "CONTINUE",
                "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["bash", "-c", "true"]}}
        with taking(emulator) as taken:
            ids = emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step] * count)["StepIds"]
            emr.get_waiter("step_complete").wait(ClusterId=cluster_id, StepId=ids[-1], WaiterConfig={"MaxAttempts": 60})
        yield Point(what="steps, first submitted → last COMPLETED", size=count, wall=taken.wall, cpu=taken.cpu,
                    memory=emulator.memory() - before)
    emulator.end(cluster_id)


def with_clusters(options: Options, emulator: Emulator, counts: Sequence[int]) -> Iterator[Point]:
    """Clusters of four nodes, asked for at once, until all are WAITING."""
    for count in counts:
        emulator.quiet()
        before = emulator.memory()
        with taking(emulator) as taken:
            clusters = [emulator.launch(core=options.core, task=options.task) for _ in range(count)]
            emulator.wait(*clusters)
        yield Point(what="clusters at once, all WAITING", size=count, wall=taken.wall, cpu=taken.cpu,
                    memory=idle_memory(options, emulator, before))
        emulator.end(*clusters)


def row(points: Sequence[Point]) -> Row:
    """Make a table, with what one more costs beside each size."""
    lines = ["| what grows | how many | wall s | CPU s | memory MB | wall s for each more | memory MB for each more |",
             "|---|---|---|---|---|---|---|"]
    last: Point | None = None
    for point in points:
        more = point.size - last.size if last is not None and last.what == point.what else 0
        each = (f"{(point.wall - last.wall) / more:.2f} | {(point.memory - last.memory) / more / 1e6:.0f}"
                if last is not None and more else " | ")
        lines.append(f"| {point.what} | {point.size} | {point.wall:.1f} | {point.cpu:.1f} | {point.memory / 1e6:.0f} "
                     f"| {each} |")
        last = point
    return Row(what="growth", against="-", measures=[], details="\n".join(lines),
               raw=[asdict(point) for point in points])
