"""The same small job as bare ``spark-submit --master local[2]`` and as ``emrlite run``.

Pairs run one after the other, so that what else the machine does meets both alike.  The bare
side has the defaults of the pip wheel and one JVM; emrlite's brings up a cluster of four nodes,
keeps the data on its HDFS between, and takes all of it down again.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RUN_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One run: wall and processor seconds, the peak of memory, and where the time went."""

    wall: float
    cpu: float
    memory: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)
    processes: list[dict[str, Any]] = field(default_factory=list, repr=False)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--pairs", type=int, default=3, help="how often each side runs (3)")
    parser.add_argument("--rows", type=int, default=200_000, help="rows of the input (200,000)")
    asked = parser.parse_args(arguments)
    pairs = []
    with tempfile.TemporaryDirectory(prefix="emrlite-benchmark-") as name:
        folder = Path(name)
        write_input(folder / "in", asked.rows)
        for number in range(1, asked.pairs + 1):
            bare, ours = run_bare(folder), run_emrlite(folder)
            print(f"pair {number}: {bare.wall:.1f} s, {ours.wall:.1f} s", file=sys.stderr)
            pairs.append((bare, ours))
    print(report(pairs, asked.rows))
    return 0


def write_input(folder: Path, rows: int) -> None:
    """Write *rows* of CSV, the same on every machine."""
    folder.mkdir()
    lines = (f"{number},word{number % 97},{number * 7919 % 10007 / 10007:.6f}\n" for number in range(rows))
    (folder / "rows.csv").write_text("id,word,value\n" + "".join(lines))


def run_bare(folder: Path) -> Outcome:
    package = importlib.util.find_spec("pyspark")
    if package is None or package.origin is None:
        raise SystemExit("the bare side needs pyspark beside emrlite: pip install emrlite[spark]")
    submit = Path(package.origin).parent / "bin" / "spark-submit"
    places = [f"file://{folder}/{part}" for part in ("in", "stage", "out")]
    outcome, _ = measured(folder, [str(submit), "--master", "local[2]", str(HERE / "job.py"), *places])
    return outcome


def run_emrlite(folder: Path) -> Outcome:
    emrlite = [sys.executable, "-m", "emrlite"]
    places = ["s3://benchmark/in", "hdfs:///stage", "s3://benchmark/out"]
    outcome, printed = measured(
        folder,
        [*emrlite, "run", "--json", "--input", f"{folder / 'in'}=s3://benchmark/in", str(HERE / "job.py"), *places])
    told = json.loads(printed)
    events = json.loads(subprocess.check_output([*emrlite, "events", told["cluster_id"], "--json"]))
    return replace(outcome, phases=phases(events, told["step_id"], outcome.wall))


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


def phases(events: Sequence[dict[str, object]], step_id: str, wall: float) -> dict[str, float]:
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


def report(pairs: Sequence[tuple[Outcome, Outcome]], rows: int) -> str:
    """Render what was measured."""
    bare, ours = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    ratios = [b.wall / a.wall for a, b in pairs]
    lines = [
        f"The same job over {rows:,} rows of CSV, {len(pairs)} pair(s); median (lowest to highest)", "",
        f"{'':<24}{'wall s':<22}{'CPU s'}",
        f"{'spark-submit local[2]':<24}{spread([run.wall for run in bare]):<22}{spread([run.cpu for run in bare])}",
        f"{'emrlite run, 4 nodes':<24}{spread([run.wall for run in ours]):<22}{spread([run.cpu for run in ours])}",
        f"{'ratio in a pair':<24}{spread(ratios, 2):<22}{spread([b.cpu / a.cpu for a, b in pairs], 2)}",
        "", "Where the time of emrlite run went (median seconds)",
        *(f"  {name:<30}{statistics.median(run.phases[name] for run in ours):6.1f}" for name in ours[0].phases),
    ]
    return "\n".join(lines)


def spread(values: Sequence[float], digits: int = 1) -> str:
    middle, low, high = (f"{value:.{digits}f}" for value in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({low} to {high})"


if __name__ == "__main__":
    sys.exit(main())
