"""Every JVM of a real cluster takes its classes from the archive: counted, for JVMs that do not are merely slow."""

from __future__ import annotations

import re
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from rig import Emulator, new_home, wait_for

from emrlite.node import engines, java, train
from emrlite.node.java_options import OPEN_CLASS_PATH, contents
from emrlite.settings import Settings

#: Who a JVM is, by its main class; the first that it has loaded counts.
ROLES = {
    "executor": "org.apache.spark.executor.CoarseGrainedExecutorBackend",
    "driver": "org.apache.spark.deploy.SparkSubmit",
    "hadoop fs": "org.apache.hadoop.fs.FsShell",
    "driver that waits": "emrlite.Spare",
    "core node": "org.apache.hadoop.hdfs.server.datanode.DataNode",
    "master node": "org.apache.hadoop.hdfs.server.namenode.NameNode",
}

JOB = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
rows = spark.range(1000).selectExpr("id", "id % 7 AS part")
rows.write.mode("overwrite").parquet("hdfs:///counted")
spark.read.parquet("hdfs:///counted").groupBy("part").count().write.mode("overwrite").parquet("s3://test-bucket/counted")
assert spark.sparkContext.parallelize(range(4), 2).map(lambda n: n + 1).sum() == 10
"""


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Below the home of Java, which every node sees."""
    logs = tmp_path_factory.mktemp("java") / "watching java" / "loaded classes"
    logs.mkdir(parents=True)
    return logs


@pytest.fixture(scope="module")
def watched(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator whose Java writes down where each class came from."""
    settings = Settings.load()
    engines.ensure(settings, print, whole=True)
    home = logs.parent
    train.watching_java(java.find(settings.home).home, home, [f"-Xlog:class+load:file={logs}/%p.log:none"])
    emulators_home = new_home(tmp_path_factory.mktemp("shared") / "a home")
    emulator = Emulator(emulators_home, JAVA_HOME=str(home), EMRLITE_AHEAD="steps")
    emulator.start()
    yield emulator
    emulator.stop()


def sources(log: Path) -> Counter[str]:
    """How many classes came from the archive, and how many from where they are without it; and Scala's lambdas."""
    found: Counter[str] = Counter()
    for name, source in re.findall(r"^(\S+) source: (.+)", log.read_text(errors="replace"), re.MULTILINE):
        if source.startswith("shared objects file"):
            found["archive"] += 1
            found["linked ahead"] += "$$Lambda$of" in name
        elif re.search(r"\$\$Lambda(\$\d+)?/", name) and name.startswith(("org.apache.spark.", "scala.")):
            found["linked anew"] += 1
        elif ".jar" in source or source.startswith("jrt:"):
            found["files"] += 1
    return found


def role(log: Path) -> str:
    """Whose log it is."""
    loaded = set(re.findall(r"^(\S+) source:", log.read_text(errors="replace"), re.MULTILINE))
    return next((name for name, main in ROLES.items() if main in loaded), log.name)


def test_every_jvm_of_a_cluster_takes_its_classes_from_the_archive(watched: Emulator, logs: Path) -> None:
    cluster = watched.run_cluster(core=1)
    app = watched.put("count.py", JOB)
    done = watched.run_step(cluster, "bash", "-c", f"set -e; spark-submit {app}; hadoop fs -ls hdfs:///counted")

    assert done["State"] == "COMPLETED", done["stderr"]
    assert "[cds" not in done["stdout"] + done["stderr"]
    assert "VM warning" not in done["stdout"] + done["stderr"]
    # The next driver and executor may be started ahead by now, or just begin.
    logs_of = {role(log): sources(log) for log in sorted(logs.glob("*.log"), key=lambda log: sources(log).total())}
    counted = {name: found for name, found in logs_of.items() if name in ROLES or found.total() > 1000}
    for name, found in counted.items():
        print(f"{name:<12} {found['archive']:>6} from the archive, {found['files']:>5} from files; lambdas: "
              f"{found['linked ahead']:>5} linked ahead, {found['linked anew']:>4} as it runs")
    assert set(counted) | {"driver that waits"} == set(ROLES)
    wrong = {name: found for name, found in counted.items() if found["archive"] < 50 * found["files"]}
    assert wrong == {}
    assert counted["driver"]["linked ahead"] > 2000
    ours = {name: found for name, found in counted.items() if "hadoop" not in name}
    assert {name: found for name, found in ours.items() if found["linked ahead"] < 5 * found["linked anew"]} == {}
    # Executors log as before, to the place that Spark's worker gives them.
    (stderr,) = (watched.home / "clusters" / cluster / "core-1/mnt/spark").glob("application_*/0/stderr")
    assert "INFO CoarseGrainedExecutorBackend: Successfully registered with driver" in stderr.read_text()


def test_drivers_and_executors_run_whose_classes_a_flight_recorder_looks_at(emulator: Emulator, cluster: str) -> None:
    modules = subprocess.run([java.find(Settings.load().home).home / "bin/java", "--list-modules"], check=True,
                             capture_output=True, text=True, timeout=60).stdout
    if "jdk.jfr@" not in modules:
        pytest.skip("this Java has no flight recorder")
    assert engines.find(Settings.load()).archive
    recorded = [f"spark.{role}.extraJavaOptions=-XX:StartFlightRecording" for role in ("driver", "executor")]
    app = emulator.put("count.py", JOB)
    done = emulator.run_step(cluster, "spark-submit", "--conf", recorded[0], "--conf", recorded[1], app)
    assert done["State"] == "COMPLETED", done["stderr"]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="nobody tells which files a process has open")
def test_the_jvms_of_a_cluster_open_few_of_the_archives_on_their_class_path(emulator: Emulator, cluster: str) -> None:
    app = emulator.put("count.py", JOB)
    assert emulator.run_step(cluster, "spark-submit", app)["State"] == "COMPLETED"
    opened = {}
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        ours = {"emrlite.Node", "emrlite.Spare"} & set(words) and any(cluster in word for word in words)
        if ours and words[0].endswith("/java"):
            opened[process.pid] = sum(file.path.endswith(".jar") for file in process.open_files())
    assert len(opened) >= 2, "the master and a core node"
    assert all(0 < count < 60 for count in opened.values()), opened


def test_with_a_list_of_what_they_hold_java_finds_the_same_in_the_archives(tmp_path: Path) -> None:
    engine = engines.ensure(Settings.load(), print, whole=True)
    assert engine.archive
    made = tmp_path / "contents"
    said = subprocess.run(
        [engine.java_home / "bin/java", OPEN_CLASS_PATH, "-cp", engine.classpath, "emrlite.ClassPath", made],
        capture_output=True, text=True, timeout=120, check=False)
    assert said.returncode == 0, said.stderr
    assert made.read_bytes() == Path(contents(str(engine.archive))).read_bytes()


def test_no_archive_of_the_class_path_is_signed_for_class_data_would_leave_it_out() -> None:
    jars = sorted((engines.ensure(Settings.load(), print).home / "jars").glob("*.jar"))
    assert len(jars) > 300
    signed = [jar.name for jar in jars if any(name.endswith(".SF") for name in zipfile.ZipFile(jar).namelist())]
    assert signed == []


def test_what_a_set_up_leaves_out_is_made_by_a_process_that_goes_on_behind(tmp_path: Path) -> None:
    said: list[str] = []
    settings = replace(Settings.load(), home=new_home(tmp_path / "home"))
    engines.complete_in_background(settings, said.append)
    assert engines.set_up_at_work(settings.home), "from the first moment"
    engines.complete_in_background(settings, said.append)
    assert len(said) == 1, "one is enough"
    log = settings.home / "setup.log"
    wait_for(lambda: "ready: Spark" in log.read_text(), 300, "the end of set-up")
    assert str(log) in said[0]
    wait_for(lambda: not engines.set_up_at_work(settings.home), 60, "the lock of set-up")
