"""Messages that teach, from steps that really fail: in FailureDetails, on the command line, in the report of pytest."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from typing import Any

import pytest
from rig import Emulator

from emrlite.testing import report

BEGIN = "from pyspark.sql import SparkSession\nspark = SparkSession.builder.getOrCreate()\n"

#: What a step runs -> what its hint says.
CASES = {
    "a path without a scheme": (
        "spark.read.text('data/in.txt').count()",
        ["whose default here is hdfs://", "did you mean s3://BUCKET/data/in.txt or file:///…/data/in.txt?"]),
    "a bucket that is not there": (
        "spark.read.text('s3://nobody-made-it/in').count()",
        ["there is no bucket nobody-made-it", "s3 mb s3://nobody-made-it"]),
    "no memory": (
        "spark._jvm.java.util.ArrayList(1_500_000_000)",
        ["a heap is 1024m unless --driver-memory", "m5.xlarge", "12288 MiB"]),
    # What a driver with another Python tells its workers; this machine may have only one.
    "two Pythons": (
        "spark.sparkContext.pythonVer = '3.7'\nspark.sparkContext.parallelize([1], 1).map(lambda it: it).collect()",
        [f"executors run Python 3.{sys.version_info.minor}, the driver 3.7", "PYSPARK_DRIVER_PYTHON"]),
    # What a class of a jar for Scala 2.12 asks for when it is loaded.
    "a jar for another Scala": (
        "spark._jvm.java.lang.Class.forName('scala.Serializable')",
        ["is of another Scala than this cluster's 2.13", ": of-old_2.12-1.0.jar; take the build"]),
}
NO_SPARK = "no Spark"


@pytest.fixture(scope="module")
def failed(emulator: Emulator, cluster: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Every case, run at once: its cluster and its step."""
    bare = emulator.run_cluster(core=0, ReleaseLabel="emr-7.12.0", Applications=[{"Name": "Hadoop"}])
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("empty.txt", "")
    old = emulator.put("of-old_2.12-1.0.jar", jar.getvalue())
    argvs = [("spark-submit", *(("--jars", old) if "Scala" in name else ()),
              emulator.put(f"{name.replace(' ', '-')}.py", BEGIN + code)) for name, (code, _) in CASES.items()]
    steps = dict(zip(CASES, emulator.add_steps(cluster, *argvs), strict=True))
    emulator.wait_cluster(bare, "WAITING")
    (without,) = emulator.add_steps(bare, ("spark-submit", "s3://test-bucket/any.py"))
    found = {name: (cluster, step) for name, step in steps.items()} | {NO_SPARK: (bare, without)}
    for where, step in found.values():
        emulator.wait_step(where, step)
    told = {name: (where, emulator.step(where, step)) for name, (where, step) in found.items()}
    emulator.emr.terminate_job_flows(JobFlowIds=[bare])
    return told


@pytest.mark.parametrize(("name", "words"), [
    *((name, words) for name, (_, words) in CASES.items()),
    (NO_SPARK, ["Spark is not among the cluster's Applications", '{"Name": "Spark"}']),
], ids=[*CASES, NO_SPARK])
def test_what_helps_is_said_wherever_the_failure_is_shown(
    emulator: Emulator, failed: dict[str, tuple[str, dict[str, Any]]], name: str, words: list[str]
) -> None:
    cluster, step = failed[name]
    assert step["Status"]["State"] == "FAILED"
    message = step["Status"]["FailureDetails"]["Message"]
    hint = message.rpartition("\n")[2]

    assert hint.startswith("emrlite: hint: "), message
    for word in words:
        assert word in hint
    assert emulator.log(cluster, step["Id"], "stderr").splitlines()[-1] == hint
    listed = subprocess.run([sys.executable, "-m", "emrlite", "steps", cluster], env=emulator.env, capture_output=True,
                            text=True, timeout=60, check=True).stdout
    assert f"{step['Id']}: {hint}\n" in listed
    begun = step["Status"]["Timeline"]["EndDateTime"].timestamp() - 0.001
    shown = dict(report.sections(emulator.home, begun)).get(f"emrlite step {step['Id']} of {cluster}", "")
    assert hint in shown
