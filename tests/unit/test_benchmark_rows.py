"""What rows say that take too long for a test, from figures that were not measured."""

import struct
import xml.etree.ElementTree as ET
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import pytest

from benchmarks import cluster, java_counters, picture, processes, s3_bytes, second_run, setting_up, steps, tpch
from benchmarks.__main__ import ROWS
from benchmarks.options import Options
from benchmarks.run_vs_local import Outcome
from benchmarks.tpch_queries import ROWS_AT_SCALE_1, TABLES, queries

RUN = Outcome(
    wall=20.0, cpu=30.0, memory=1e9, phases={"step": 8.0}, marks={"cluster up": 6.0},
    processes=[
        {"pid": 1, "parent": 0, "argv": ["/x/java", "-cp", "a:b", "-Xmx1g", "org.apache.hadoop.hdfs.NameNode"],
         "start": 1.0, "last": 11.0, "user": 4.0, "system": 1.0, "peak": 2e8, "counters": {},
         "series": [(2.0, 1.0), (6.0, 5.0), (11.0, 5.0)]},
        {"pid": 2, "parent": 0, "argv": ["/x/java", "-jar", "/t/s3proxy-4.0.jar"], "start": 0.5, "last": 19.0,
         "user": 2.0, "system": 0.0, "peak": 1e8, "series": [(19.0, 2.0)], "counters": {
             "class loading": 1.5, "classes": 900.0, "shared classes": 800.0, "compiling": 2.0, "garbage": 0.1}},
        {"pid": 3, "parent": 0, "argv": ["sh", "-c", "true"], "start": 0.1, "last": 0.2, "user": 0.01, "system": 0.0,
         "peak": 0, "series": [], "counters": {}},
    ])


# Where the time goes


@pytest.mark.parametrize(("argv", "name"), [
    (["/j/bin/java", "-Xmx1g", "--add-opens=a=b", "-cp", "x", "org.apache.spark.deploy.worker.Worker", "--port", "1"],
     "Spark worker"),
    (["java", "org.apache.spark.executor.CoarseGrainedExecutorBackend"], "executor"),
    (["java", "-cp", "x", "org.apache.spark.deploy.SparkSubmit", "job.py"], "driver"),
    (["java", "-cp", "x", "a.b.Another"], "java Another"),
    (["java", "-cp", "/h/clusters/j-AB12/core-1/conf", "a.Node", "x"], "java Node of core-1"),
    (["java", "-Dx=y", "-jar", "/tools/s3proxy-4.0.0.jar", "--properties"], "java s3proxy"),
    (["/venv/bin/python3.11", "-m", "emrlite", "--home", "/h", "run", "job.py"], "python -m emrlite run"),
    (["python", "-P", "/a/shim.py", "x"], "python shim.py"),
    (["python", "-c", "import x"], "python -c"),
    (["sh", "-c", "true"], "sh -c true"),
    ([], "(gone)"),
])
def test_a_process_is_called_by_what_it_runs(argv, name):
    assert processes.called(argv) == name


def test_the_table_of_processes_adds_up():
    lines = processes.table(RUN).splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["java", "NameNode"]
    assert "class loading 1.5 s (900 classes, 800 shared)" in lines[1]
    assert lines[3].split()[:4] == ["1", "processes", "below", "0.1"]
    assert lines[4].split()[-1] == f"{30.0 - 7.01:.2f}"
    assert lines[5].split() == ["all", "30.00", "0.00", "20.00", "150", "1000"]


def test_the_picture_shows_when_a_process_worked():
    name_node = picture.Bar(name="NameNode", start=1.0, end=11.0, cpu=5.0, memory=2e8,
                            series=RUN.processes[0]["series"])
    assert picture.stretches(name_node) == [
        (1.0, 6.0, picture.colour(1.0)), (6.0, 11.0, picture.colour(0.0))]


def test_the_picture_is_xml_with_a_line_for_each_process_that_matters():
    root = ET.fromstring(processes.draw({"emrlite <run>": RUN}))
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "emrlite <run>: 20.0 s, CPU 30.0 s, peak 1000 MB" in texts
    assert "cluster up" in texts
    assert texts.count("NameNode") == texts.count("java s3proxy") == 1
    assert "sh -c true" not in texts


# What a JVM counts


def counters(**values: int) -> bytes:
    head = struct.pack("<IBBBBiiqii", struct.unpack("<I", b"\xca\xfe\xc0\xc0")[0], 1, 2, 0, 1, 0, 0, 0, 32, len(values))
    entries = b""
    for name, value in values.items():
        key = name.replace("__", ".").encode() + b"\0"
        key += b"\0" * (-(len(key) + 20) % 8)
        entries += struct.pack("<iiicBBBi", 20 + len(key) + 8, 20, 0, b"J", 0, 1, 1, 20 + len(key)) + key
        entries += struct.pack("<q", value)
    return head + entries


def test_the_counters_of_a_jvm_are_read_as_hotspot_lays_them_out():
    assert java_counters.parse(counters(sun__cls__time=5_000, sun__os__hrt__frequency=1_000)) == {
        "sun.cls.time": 5000, "sun.os.hrt.frequency": 1000}


def test_a_file_that_holds_no_counters_is_refused():
    with pytest.raises(ValueError, match="no counters"):
        java_counters.parse(bytes(64))


# Rows


def test_every_row_of_the_table_has_a_name():
    assert list(ROWS) == [
        "run_vs_local", "cluster_up", "warm_step", "bash_step", "make_run", "second_run", "idle_memory",
        "control_plane", "s3_bytes", "tpch", "growth", "profile"]


def test_of_make_run_all_but_the_job_is_ours():
    [ours, packages] = setting_up.row(RUN, "class data: 1 MB\n", 60.0).measures
    assert list(ours.values) == [20.0 - 8.0]
    assert ours.met == "yes"
    assert list(packages.values) == [60.0]
    assert packages.goal == "-"


def test_set_up_and_a_run_make_the_row(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(setting_up.run_vs_local, "run_emrlite", lambda *_: RUN)
    row = setting_up.measure(Options(folder=tmp_path, small=True, rows=1, say=lambda _: None))["make_run"]
    assert row.measures[0].values[0] == pytest.approx(12.0, abs=2.0)


def test_the_profile_is_drawn_where_it_is_wanted(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(processes.run_vs_local, "run_bare", lambda *_: RUN)
    monkeypatch.setattr(processes.run_vs_local, "run_emrlite", lambda *_: RUN)
    options = Options(folder=tmp_path, small=True, rows=1, picture=tmp_path / "run.svg")
    row = processes.measure(options)["profile"]
    assert row.details.count("NameNode") == 2
    assert ET.parse(tmp_path / "run.svg").getroot().tag.endswith("svg")


def test_a_second_run_is_held_against_the_first():
    wall, cpu = second_run.row([RUN, RUN], [Outcome(wall=8.0, cpu=15.0), Outcome(wall=9.0, cpu=12.0)]).measures
    assert (list(wall.values), wall.met) == ([0.4, 0.45], "yes")
    assert list(cpu.values) == [0.5, 0.4]


def test_a_step_that_does_nothing_is_said_in_milliseconds():
    assert steps.nothing_row([0.1, 0.2, 0.4]).measures[0].median == 200.0


def test_warm_steps_and_bare_runs_take_turns(tmp_path: Path, monkeypatch):
    done = []
    emulator = mock.MagicMock(quiet=lambda: done.append("quiet"))
    monkeypatch.setattr(steps, "running", lambda _, ahead: nullcontext(emulator))
    monkeypatch.setattr(steps, "run_step", lambda *words: done.append(words[2]) or (5.0, 6.0))
    monkeypatch.setattr(steps.run_vs_local, "run_bare", lambda *_: done.append("bare") or RUN)
    options = Options(folder=tmp_path, pairs=2, rows=1, wanted=frozenset({"warm_step"}), say=lambda _: None)
    found = steps.measure(options)
    assert list(found) == ["warm_step"]
    assert found["warm_step"].measures[0].values == [0.25, 0.25]
    assert done == ["spark-submit", *["quiet", "bare", "quiet", "spark-submit"] * 2]


def test_memory_counts_what_the_cluster_adds():
    ours = [{"wall": 3.0, "cpu": 5.0}]
    peers = [{"wall": 12.0, "cpu": 20.0, "memory": 1e9}]
    found = cluster.rows(ours, peers, {"memory": 4e8, "ready": 8e8, "whole": 6e8})
    assert found["cluster_up"].measures[0].values == [0.25]
    assert [list(measure.values) for measure in found["idle_memory"].measures] == [[0.4], [0.8], [600.0]]
    assert list(cluster.rows(ours, peers, None)) == ["cluster_up"]


def test_bytes_per_second_are_compared_not_seconds():
    seconds = {f"{how} {size} {scheme}": [4.0 if scheme == "s3" else 1.0]
               for how in ("write", "read") for size in ("large", "small") for scheme in ("s3", "file")}
    for measure in s3_bytes.row(seconds, (2, 4, 8, 1024)).measures:
        assert (list(measure.values), measure.met) == ([0.25], "**no**")
        assert measure.sides == "2.00 against 8.00 MiB/s"


# TPC-H


def told(rows: int, digest: str = "x", seconds: float = 2.0) -> dict[str, object]:
    return {"total": seconds, "queries": {"6": {"seconds": seconds, "rows": rows, "digest": digest}}}


def test_times_of_different_answers_are_refused():
    with pytest.raises(SystemExit, match="question 6 has different answers"):
        tpch.check(told(1, "x"), told(1, "y"), 0.01)


def test_answers_have_the_rows_that_they_should_at_scale_1():
    tpch.check(told(1), told(1), 1.0)
    with pytest.raises(SystemExit, match="has 2 rows, not 1"):
        tpch.check(told(2), told(2), 1.0)


def test_there_are_22_questions_over_known_tables():
    asked = queries(1.0)
    assert list(asked) == list(ROWS_AT_SCALE_1) == list(range(1, 23))
    for table in TABLES:
        assert any(f" {table}" in sql for sql in asked.values())
    assert "* 0.0001000000" in asked[11]
    assert "* 0.0100000000" in queries(0.01)[11]


def test_each_question_is_shown_with_both_sides():
    row = tpch.row([told(1, seconds=3.0)], [told(1, seconds=2.0)], 1.0)
    assert list(row.measures[0].values) == [1.5]
    assert "| 6 | 3.00 | 2.00 | 1.50 |" in row.details


def test_tables_are_made_once(tmp_path: Path):
    (tmp_path / "tpch-1").mkdir()
    assert tpch.generate(tmp_path / "tpch-1", 1.0) == tmp_path / "tpch-1"
