"""The same small job as bare ``spark-submit --master local[2]`` and as ``emrlite run``.

The bare side has the defaults of the pip wheel and one JVM; emrlite's brings up a cluster of
four nodes, keeps the data on its HDFS between, and takes all of it down again.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.figures import Row, ratio
from benchmarks.options import Options, scratch_home

HERE = Path(__file__).parent
RUN_SECONDS = 900


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One run: wall and processor seconds, the peak of memory, and where the time went."""

    wall: float
    cpu: float
    memory: float = 0.0
    began: float = 0.0
    phases: Mapping[str, float] = field(default_factory=dict)
    marks: Mapping[str, float] = field(default_factory=dict)  #: seconds after the begin
    processes: Sequence[Mapping[str, Any]] = field(default_factory=list, repr=False)


def measure(options: Options) -> dict[str, Row]:
    """Return the row ``run_vs_local``."""
    source, home = write_input(options.folder / "in", options.rows), scratch_home(options.folder / "run-home")
    if not options.small:  # files get into the caches; the first cluster of a home formats HDFS
        run_bare(options, source)
        run_emrlite(options, source, home)
    pairs = [(run_bare(options, source), run_emrlite(options, source, home))
             for _ in options.each_pair("run_vs_local")]
    return {"run_vs_local": row(pairs)}


def write_input(folder: Path, rows: int) -> Path:
    """Write *rows* of CSV, the same on every machine."""
    folder.mkdir(exist_ok=True)
    lines = (f"{number},word{number % 97},{number * 7919 % 10007 / 10007:.6f}\n" for number in range(rows))
    (folder / "rows.csv").write_text("id,word,value\n" + "".join(lines))
    return folder


def run_bare(options: Options, source: Path) -> Outcome:
    folder = options.new("bare")
    places = [f"file://{source}", f"file://{folder}/stage", f"file://{folder}/out"]
    outcome, _ = measured(folder, [spark_submit(), "--master", "local[2]", str(HERE / "job.py"), *places])
    return outcome


def spark_submit() -> str:
    """The program of the pip wheel."""
    package = importlib.util.find_spec("pyspark")
    if package is None or package.origin is None:
        raise SystemExit("the bare side needs pyspark beside emrlite: pip install emrlite[spark]")
    return str(Path(package.origin).parent / "bin" / "spark-submit")


def run_emrlite(options: Options, source: Path, home: Path, python: str = sys.executable) -> Outcome:
    folder, emrlite = options.new("run"), [python, "-m", "emrlite", "--home", str(home)]
    shape = ["--core", str(options.core), "--task", str(options.task)]
    places = ["s3://benchmark/in", "hdfs:///stage", "s3://benchmark/out"]
    outcome, printed = measured(folder, [
        *emrlite, "run", "--json", *shape, "--input", f"{source}=s3://benchmark/in", str(HERE / "job.py"), *places])
    told = json.loads(printed)
    events = json.loads(subprocess.check_output([*emrlite, "events", told["cluster_id"], "--json"]))
    return replace(outcome, phases=phases(events, told["step_id"], outcome.wall),
                   marks=marks(events, told["step_id"], outcome.began))


def measured(folder: Path, command: Sequence[str]) -> tuple[Outcome, str]:
    """Run *command*; return what it took and what it printed.  A run that fails ends the benchmark."""
    told, log = folder / "outcome.json", folder / "log"
    environ = {**os.environ, "PYSPARK_PYTHON": sys.executable}
    with log.open("w") as errors:
        done = subprocess.run(
            [sys.executable, str(HERE / "measure.py"), str(told), *command], stdout=subprocess.PIPE, stderr=errors,
            text=True, env=environ, timeout=RUN_SECONDS)
    found = json.loads(told.read_text()) if done.returncode == 0 else {"code": done.returncode}
    if found["code"] != 0:
        raise SystemExit(f"{log.read_text()}\n{' '.join(command)}\nended with exit code {found['code']}")
    del found["code"]
    return Outcome(**found), done.stdout


def phases(events: Sequence[Mapping[str, object]], step_id: str, wall: float) -> dict[str, float]:
    """Divide the time of one `emrlite run` by its cluster's events."""

    def first(subject: str, *states: str) -> float:
        return next(float(str(event["time"])) for event in events
                    if event["subject"] == subject and event["state"] in states)

    asked, up = first("cluster", "STARTING"), first("cluster", "RUNNING")
    begun, done = first(step_id, "RUNNING"), first(step_id, "COMPLETED")
    gone = first("cluster", "TERMINATED")
    master = first("master", "RUNNING")
    return {
        "cluster up: master": master - asked,
        "cluster up: the other nodes": up - master,
        "step": done - begun,
        "cluster down": gone - done,
        "emrlite itself, S3, upload": wall - (gone - asked) + (begun - up),
    }


def marks(events: Sequence[Mapping[str, object]], step_id: str, began: float) -> dict[str, float]:
    """Seconds after *began* at which something became true."""
    wanted = {("cluster", "STARTING"): "RunJobFlow", ("master", "RUNNING"): "master up",
              ("cluster", "RUNNING"): "cluster up", (step_id, "RUNNING"): "step",
              (step_id, "COMPLETED"): "step done", ("cluster", "TERMINATED"): "cluster gone"}
    return {wanted[key]: float(str(event["time"])) - began for event in events
            if (key := (str(event["subject"]), str(event["state"]))) in wanted}


def row(pairs: Sequence[tuple[Outcome, Outcome]]) -> Row:
    """Compare within pairs: the bare run, emrlite's."""
    bare, ours = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    where = [f"| {name} | {statistics.median(run.phases[name] for run in ours):.1f} |" for name in ours[0].phases]
    return Row(
        what="`emrlite run` of the small job: cluster up, step, logs, cluster gone (1 master, 2 core, 1 task, HDFS)",
        against="bare `spark-submit --master local[2]` of the same job",
        measures=[
            ratio("wall", [run.wall for run in ours], [run.wall for run in bare], "s", at_most=1.0),
            ratio("CPU", [run.cpu for run in ours], [run.cpu for run in bare], "s", at_most=1.2),
            ratio("peak memory", [run.memory for run in ours], [run.memory for run in bare], "MB", 1e-6),
        ],
        details="\n".join(["| where the time of `emrlite run` went | median s |", "|---|---|", *where]),
        raw=[{"bare": summary(a), "emrlite": summary(b)} for a, b in pairs])


def summary(outcome: Outcome) -> dict[str, Any]:
    return {name: value for name, value in asdict(outcome).items() if name not in {"processes", "marks", "began"}}
