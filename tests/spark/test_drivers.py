"""Drivers written for YARN: jars and archives in cluster mode, and a master that stands in the code."""

from __future__ import annotations

import base64
import io
import sys
import tarfile
import zipfile

import pytest
from rig import Emulator

#: ``public class Exit { main: System.exit(Integer.parseInt(args[0])) }``, compiled: there may be no compiler.
EXIT = """
yv66vgAAADQAGAoAAgADBwAEDAAFAAYBABBqYXZhL2xhbmcvT2JqZWN0AQAGPGluaXQ+AQADKClWCgAIAAkHAAoMAAsADAEAEWph
dmEvbGFuZy9JbnRlZ2VyAQAIcGFyc2VJbnQBABUoTGphdmEvbGFuZy9TdHJpbmc7KUkKAA4ADwcAEAwAEQASAQAQamF2YS9sYW5n
L1N5c3RlbQEABGV4aXQBAAQoSSlWBwAUAQAERXhpdAEABENvZGUBAARtYWluAQAWKFtMamF2YS9sYW5nL1N0cmluZzspVgAhABMA
AgAAAAAAAgABAAUABgABABUAAAARAAEAAQAAAAUqtwABsQAAAAAACQAWABcAAQAVAAAAFgACAAEAAAAKKgMyuAAHuAANsQAAAAAA
AA==
"""

INSIDE = """
import os
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
host = spark.conf.get("spark.driver.host")
raise ValueError(f"{sorted(os.listdir('.'))} {open('inside/data.txt').read()} {os.environ['MY']} {host}")
"""

#: Stands in for a packed virtual environment: a Python of its own with a module that no other has.
WRAPPER = f"""#!/bin/sh
here=$(cd "$(dirname "$0")/.." && pwd)
PYTHONPATH="$here/lib:$PYTHONPATH"; export PYTHONPATH
exec {sys.executable} "$@"
"""

PACKED = """
import os, sys
from pyspark.sql import SparkSession
sc = SparkSession.builder.getOrCreate().sparkContext
def place(_):
    import marker
    return marker.WORD + " in " + os.path.basename(os.path.dirname(os.path.dirname(marker.__file__)))
print("executors", set(sc.parallelize(range(2), 2).map(place).collect()))
try:
    print("driver", place(0))
except ImportError as error:
    print("driver", error)
raise ValueError("done")
"""

YARN = """
from pyspark.sql import SparkSession
print("rows", SparkSession.builder.master("yarn").getOrCreate().range(7).count())
"""

SCALA = """
sc.stop()
val began = System.currentTimeMillis
val conf = new org.apache.spark.SparkConf().setMaster("yarn").setAppName("x")
try { new org.apache.spark.SparkContext(conf) } catch { case it: Throwable => println("failed: " + it.getMessage) }
println("seconds " + (System.currentTimeMillis - began) / 1000)
System.exit(0)
"""


def zipped(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, content)
    return out.getvalue()


def test_a_jar_in_cluster_mode_cannot_lie_about_its_end(emulator: Emulator, cluster: str) -> None:
    jar = emulator.put("exit.jar", zipped("Exit.class", base64.b64decode(EXIT)))
    submit = ("spark-submit", "--deploy-mode", "cluster", "--class", "Exit", jar)

    good = emulator.run_step(cluster, *submit, "0")
    bad = emulator.run_step(cluster, *submit, "3")

    assert (good["State"], bad["State"]) == ("COMPLETED", "FAILED")
    assert bad["FailureDetails"]["Message"] == "User application exited with status 3"


def test_a_driver_on_a_core_node_finds_its_archives_and_its_environment(emulator: Emulator, cluster: str) -> None:
    archive = emulator.put("inside.zip", zipped("data.txt", b"from the archive"))
    done = emulator.run_step(
        cluster, "spark-submit", "--deploy-mode", "cluster", "--archives", f"{archive}#inside",
        "--conf", "spark.yarn.appMasterEnv.MY=own", emulator.put("inside.py", INSIDE))  # fmt: skip

    assert done["State"] == "FAILED"
    message = done["FailureDetails"]["Message"]
    assert message.startswith("ValueError: ['inside'] from the archive own 127."), message


def environment() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text, mode in (("bin/python", WRAPPER, 0o755), ("lib/marker.py", "WORD = 'packed'\n", 0o644)):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), mode
            archive.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


@pytest.mark.parametrize(("submit", "driver"), [
    ("--conf spark.pyspark.python=./environment/bin/python --archives {env}", "packed in environment"),
    (("--conf spark.pyspark.python=./environment/bin/python --conf spark.pyspark.driver.python=/usr/bin/python3 "
      "--conf spark.yarn.dist.archives={env}"), "No module named 'marker'"),
    (("--deploy-mode cluster --conf spark.yarn.appMasterEnv.PYSPARK_PYTHON=./environment/bin/python "
      "--conf spark.executorEnv.PYSPARK_PYTHON=./environment/bin/python --archives {env}"), "packed in environment"),
], ids=["client", "client-with-a-driver-of-its-own", "cluster"])  # fmt: skip
def test_the_python_of_an_archive_runs_driver_and_executors(
    emulator: Emulator, cluster: str, submit: str, driver: str
) -> None:
    env = emulator.put("env.tar.gz", environment()) + "#environment"
    done = emulator.run_step(cluster, "spark-submit", *submit.format(env=env).split(), emulator.put("p.py", PACKED))
    text = done["stdout"]
    if "cluster" in submit.split():
        logs = (emulator.home / "clusters" / cluster).glob("*/mnt/var/log/containers/*/*/stdout")
        text = max(logs, key=lambda path: path.stat().st_mtime).read_text()

    assert "executors {'packed in environment'}" in text, done["stderr"][-3000:]
    assert f"driver {driver}" in text
    assert done["FailureDetails"]["Message"] == "ValueError: done"
    if submit.startswith("--conf") and "dist" not in submit:
        assert "on EMR a driver in client mode does not find it" in done["stderr"]


def test_a_variable_names_the_python_of_an_archive_too(emulator: Emulator, cluster: str) -> None:
    env, app = emulator.put("env.tar.gz", environment()), emulator.put("p.py", PACKED)
    line = f"PYSPARK_PYTHON=./environment/bin/python spark-submit --archives {env}#environment {app}"
    done = emulator.run_step(cluster, "bash", "-c", line)

    assert "executors {'packed in environment'}" in done["stdout"], done["stderr"][-3000:]
    assert "driver packed in environment" in done["stdout"]


def test_yarn_in_the_code_of_a_python_driver_is_the_clusters_spark_master(emulator: Emulator, cluster: str) -> None:
    done = emulator.run_step(cluster, "spark-submit", emulator.put("yarn.py", YARN))

    assert done["State"] == "COMPLETED", done["stderr"]
    assert "rows 7" in done["stdout"]


def test_yarn_in_the_code_of_a_jvm_fails_at_once_and_says_why(emulator: Emulator, cluster: str) -> None:
    script = f"aws s3 cp {emulator.put('yarn.scala', SCALA)} yarn.scala && spark-shell --master local[1] -I yarn.scala"
    done = emulator.run_step(cluster, "bash", "-c", script)

    assert done["State"] == "COMPLETED", done["stderr"]
    assert "failed: Does not contain a valid host:port authority: this cluster has no YARN" in done["stdout"]
    assert int(done["stdout"].split("seconds ")[1].split()[0]) < 30  # those who try for one take minutes
