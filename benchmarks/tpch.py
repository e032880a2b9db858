"""TPC-H, all 22 questions in one session: on a cluster with the tables on s3://, and on local[2] with file://."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import run_vs_local, steps
from benchmarks.emulator import Emulator, running
from benchmarks.figures import Row, ratio
from benchmarks.options import Options, scratch_home
from benchmarks.tpch_queries import ROWS_AT_SCALE_1, TABLES, queries

BUCKET = "tpch"
SMALL_SCALE = 0.01
SMALL_QUESTIONS = (2, 6)

#: What one session told: "total", and under "queries" the seconds, rows and digest of each.
Told = dict[str, Any]


def measure(options: Options) -> dict[str, Row]:
    """Return the row ``tpch``."""
    scale = SMALL_SCALE if options.small else options.scale
    tables = generate((options.data or options.folder) / f"tpch-{scale:g}", scale)
    home = scratch_home(options.folder / "tpch-home")
    questions = home / "queries.json"  # the home is what nodes see of the machine, /tmp is not
    asked = {number: sql for number, sql in queries(scale).items() if number in SMALL_QUESTIONS or not options.small}
    questions.write_text(json.dumps({"tables": TABLES, "queries": asked}))
    ours: list[Told] = []
    peers: list[Told] = []
    with running(home, ahead=options.ahead) as emulator:
        upload(emulator, tables)
        cluster_id = emulator.launch(core=options.core, task=options.task)
        emulator.wait(cluster_id)
        for _ in options.each_pair("tpch"):
            peers.append(run_local(options.new("local"), questions, tables))
            emulator.quiet()
            ours.append(run_cluster(emulator, cluster_id, questions))
            check(ours[-1], peers[-1], scale)
        emulator.end(cluster_id)
    return {"tpch": row(ours, peers, scale)}


def generate(folder: Path, scale: float) -> Path:
    """Make the tables as Parquet, unless they are there."""
    if folder.exists():
        return folder
    beside = Path(sys.executable).with_name("tpchgen-cli")
    program = str(beside) if beside.exists() else shutil.which("tpchgen-cli")
    if program is None:
        raise SystemExit("TPC-H's tables are made by tpchgen-cli: pip install emrlite[bench]")
    making = folder.with_name(f"{folder.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    subprocess.run([program, "parquet", "-s", f"{scale:g}", "-o", str(making)], check=True, stdout=subprocess.DEVNULL)
    making.replace(folder)
    return folder


def upload(emulator: Emulator, tables: Path) -> None:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.upload_file(str(run_vs_local.HERE / "tpch_job.py"), BUCKET, "job.py")
    for table in TABLES:
        s3.upload_file(str(tables / f"{table}.parquet"), BUCKET, f"data/{table}.parquet")


def run_local(folder: Path, questions: Path, tables: Path) -> Told:
    result = folder / "result.json"
    job = [str(run_vs_local.HERE / "tpch_job.py"), str(result), str(questions), f"file://{tables.resolve()}"]
    run_vs_local.measured(folder, [run_vs_local.spark_submit(), "--master", "local[2]", *job])
    return dict(json.loads(result.read_text()))


def run_cluster(emulator: Emulator, cluster_id: str, questions: Path) -> Told:
    result = emulator.home / "result.json"
    result.unlink(missing_ok=True)
    steps.run_step(emulator, cluster_id, "spark-submit", f"s3://{BUCKET}/job.py", str(result), str(questions),
                   f"s3://{BUCKET}/data")
    return dict(json.loads(result.read_text()))


def check(ours: Told, peer: Told, scale: float) -> None:
    """Refuse times of answers that are not the same, or not right."""
    for number, answer in ours["queries"].items():
        other = peer["queries"][number]
        if (answer["rows"], answer["digest"]) != (other["rows"], other["digest"]):
            raise SystemExit(f"question {number} has different answers: {answer}, {other}")
        if scale == 1 and answer["rows"] != ROWS_AT_SCALE_1[int(number)]:
            raise SystemExit(f"question {number} has {answer['rows']} rows, not {ROWS_AT_SCALE_1[int(number)]}")


def row(ours: Sequence[Told], peers: Sequence[Told], scale: float) -> Row:
    """Compare the totals within pairs, and show each question."""
    lines = ["| question | s3:// on the cluster, s | file:// on local[2], s | ratio |", "|---|---|---|---|"]
    for number in ours[0]["queries"]:
        mine, its = (_median(side, number) for side in (ours, peers))
        lines.append(f"| {number} | {mine:.2f} | {its:.2f} | {mine / its:.2f} |")
    return Row(
        what=f"TPC-H, scale {scale:g}, {len(lines) - 2} questions, Parquet on `s3://`, one session on a cluster",
        against="`local[2]` with `file://`", details="\n".join(lines), raw={"ours": ours, "peers": peers},
        measures=[ratio("", [told["total"] for told in ours], [told["total"] for told in peers], "s", at_most=1.1)])


def _median(side: Sequence[Mapping[str, Any]], number: str) -> float:
    return float(statistics.median(told["queries"][number]["seconds"] for told in side))
