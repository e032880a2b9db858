"""Spark SQL writes to S3 as EMR does: no renaming, and files that appear when their task commits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rig import Emulator, wait_for

FORMATS = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
odd = ["a b", "x:y", "50%/", "\\u00fc", None]
rows = spark.createDataFrame([(n, odd[n % 5]) for n in range(10)], "id string, part string")
for format in ("parquet", "orc", "csv", "json", "text"):
    place = f"{sys.argv[1]}/{format}"
    for mode in ("errorifexists", "overwrite"):
        rows.repartition(2).write.format(format).mode(mode).partitionBy("part").save(place)
    rows.write.format(format).mode("append").partitionBy("part").save(place)
    schema = f"{'value' if format == 'text' else 'id'} string, part string"
    found = spark.read.format(format).schema(schema).load(place).collect()
    assert len(found) == 20 and {row.part for row in found} == set(odd), (format, found)
spark.range(0).write.parquet(f"{sys.argv[1]}/empty")
assert spark.read.schema("id long").parquet(f"{sys.argv[1]}/empty").count() == 0
spark.sparkContext._jsc.hadoopConfiguration().set("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
rows.limit(0).write.partitionBy("part").parquet(f"{sys.argv[1]}/unmarked")
assert spark.read.schema("id string, part string").parquet(f"{sys.argv[1]}/unmarked").count() == 0
spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
for format in ("parquet", "csv"):
    place = f"{sys.argv[1]}/dynamic-{format}"
    rows.write.format(format).partitionBy("part").save(place)
    rows.where("part = 'a b'").limit(1).write.format(format).mode("overwrite").partitionBy("part").save(place)
    assert spark.read.format(format).schema("id string, part string").load(place).count() == 9, format
"""

#: The second of two tasks waits amid its rows until it may go on, and then fails where it is told to.
TWO_TASKS = """
import os, sys, time
from pyspark.sql import SparkSession
target, go, fails = sys.argv[1:]
spark = SparkSession.builder.getOrCreate()

def rows(number, _):
    yield from ((n,) for n in range(200_000 if number else 1))  # so many that some of them get to the writer
    deadline = time.monotonic() + 120
    while number and not os.path.exists(go):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not (number and fails == "fails"), "as it was told to"

tasks = spark.sparkContext.parallelize(range(2), 2).mapPartitionsWithIndex(rows)
spark.createDataFrame(tasks, "id int").write.parquet(target)
"""


@pytest.mark.parametrize("scheme", ["s3", "s3a"])
def test_every_format_and_odd_partitions_are_written_and_read(emulator: Emulator, cluster: str, scheme: str) -> None:
    app = emulator.put("formats.py", FORMATS)
    step = emulator.run_step(cluster, "spark-submit", app, f"{scheme}://test-bucket/formats-{scheme}")
    assert step["State"] == "COMPLETED", step["stderr"]
    assert f"formats-{scheme}/parquet/_SUCCESS" in emulator.keys(f"formats-{scheme}/parquet/")
    assert waiting(emulator, cluster) == []


@pytest.mark.parametrize("fails", ["succeeds", "fails"])
def test_a_file_appears_when_its_task_commits(emulator: Emulator, cluster: str, fails: str) -> None:
    target, go = f"{fails}-at-last/", emulator.home / f"{fails}-may-go-on"
    app = emulator.put("two_tasks.py", TWO_TASKS)
    (step,) = emulator.add_steps(cluster, (
        "spark-submit", "--conf", "spark.task.maxFailures=1", app, f"s3://test-bucket/{target}", str(go), fails))
    wait_for(lambda: len(emulator.keys(target)) == 1 and len(waiting(emulator, cluster)) == 1, 120, "the first file")
    (first,) = emulator.keys(target)
    assert first.startswith(f"{target}part-00000-"), "nothing stands in S3 but what was committed"
    go.touch()

    status = emulator.wait_step(cluster, step)
    left = [key.removeprefix(target)[:10] for key in emulator.keys(target)]
    if fails == "fails":
        assert (status["State"], left) == ("FAILED", ["part-00000"]), "committed tasks stay, as on EMR"
    else:
        assert (status["State"], left) == ("COMPLETED", ["_SUCCESS", "part-00000", "part-00001"])
    assert waiting(emulator, cluster) == []


def test_emrs_setting_turns_it_off(emulator: Emulator, cluster: str) -> None:
    go = emulator.home / "off-may-go-on"
    off = "spark.sql.parquet.fs.optimized.committer.optimization-enabled=false"
    app = emulator.put("two_tasks.py", TWO_TASKS)
    (step,) = emulator.add_steps(
        cluster, ("spark-submit", "--conf", off, app, "s3://test-bucket/off/", str(go), "succeeds"))
    wait_for(lambda: [key for key in emulator.keys("off/") if "_temporary" in key], 120, "a file that is to be renamed")
    go.touch()
    assert emulator.wait_step(cluster, step)["State"] == "COMPLETED"
    assert not [key for key in emulator.keys("off/") if "_temporary" in key]


def waiting(emulator: Emulator, cluster: str) -> list[Path]:
    """What tasks keep on their nodes until they commit."""
    walked = os.walk(emulator.home / "clusters" / cluster / "core-1")  # which minds nothing that goes meanwhile
    return [Path(at, name) for at, names, _ in walked for name in names if name.startswith("attempt_")]


LARGE = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
lines = spark.range(0, 600_000, 1, 1).selectExpr("lpad(id, 9, '0') AS line")
lines.write.text(sys.argv[1])
assert spark.read.text(sys.argv[1]).selectExpr("count(DISTINCT value)").first()[0] == 600_000
"""


@pytest.mark.parametrize("parts", [1, 2], ids=["whole", "in parts"])
def test_a_file_is_put_whole_or_in_parts_where_it_is_larger_than_one(
        emulator: Emulator, cluster: str, parts: int) -> None:
    app, folder = emulator.put("large.py", LARGE), f"large-{parts}/"
    # Where S3A would write a file once more, none can be written.
    of_a_part = "buffer.dir=/dev/null/nowhere" if parts == 1 else "multipart.size=5M"
    step = emulator.run_step(
        cluster, "spark-submit", "--conf", f"spark.hadoop.fs.s3a.{of_a_part}", "--conf",
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs=false", app, f"s3://test-bucket/{folder}")
    assert step["State"] == "COMPLETED", step["stdout"] + step["stderr"]
    (key,) = emulator.keys(folder)
    found = emulator.s3.head_object(Bucket="test-bucket", Key=key)
    assert (found["ContentLength"], "-" in found["ETag"]) == (6_000_000, parts > 1)
    assert waiting(emulator, cluster) == []
