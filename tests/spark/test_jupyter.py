"""A notebook's process: an emulator of its own, a cluster, a session on it beside a step, and what is left after it.

The session is tried in processes of their own: PySpark has one JVM in a process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

STORY = """
import json, os, sys, threading, time
import emrlite
home = sys.argv[1]
emr = emrlite.start(home)
assert emrlite.start(home) is emr
told = {"url": emr.url, "before": repr(emr)}
(emr.bucket("data") / "words.txt").write_text("the cat\\nthe dog\\n")
(emr.bucket("data") / "job.py").write_text('''
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print("rows", spark.read.parquet("hdfs:///numbers").count())
''')
cluster = emr.cluster(core=1, task=1)
environment = dict(os.environ)
try:
    emrlite.spark(home=home, **{"spark.executor.memory": "640g"})
except Exception as error:
    told["too large"] = f"{type(error).__name__}: {error}"
spark = emrlite.spark(home=home, **{"spark.sql.shuffle.partitions": 3})
assert dict(os.environ) == environment, "the environment is the notebook's again"
assert cluster.spark() is spark
told["lines"] = [row.value for row in spark.read.text("s3://data/words.txt").orderBy("value").collect()]
spark.range(100).write.parquet("hdfs:///numbers")
def where(rows):
    import os, sys
    yield sys.executable, os.environ.get("SPARK_HOME", "")
told["executors"] = spark.sparkContext.parallelize(range(4), 4).mapPartitions(where).collect()
told["python"], told["master"] = sys.executable, spark.sparkContext.master
told["shuffle"] = spark.conf.get("spark.sql.shuffle.partitions")
# The session is busy for as long as the step takes, and both end.
def slow(rows):
    import time
    time.sleep(0.2)
    return rows
busy, rounds = threading.Event(), []
def work():
    while not busy.is_set():
        rounds.append(spark.sparkContext.parallelize(range(4), 4).mapPartitions(slow).count())
worker = threading.Thread(target=work)
worker.start()
step = cluster.run("spark-submit", "s3://data/job.py")
busy.set()
worker.join(60)
told["rounds"], told["step"], told["printed"] = len(rounds), step.state, cluster.log(step)
told["html"], told["text"] = cluster._repr_html_(), repr(cluster)
# A driver's JVM that is killed: the old session says so, the next call makes a new one.
old = spark.sparkContext._gateway.proc
old.kill()
old.wait(10)
try:
    spark.range(3).count()
except Exception as error:
    told["dead"] = type(error).__name__
again = cluster.spark()
assert again is not spark
told["again"] = [again.range(5).count(), again.read.parquet("hdfs:///numbers").count()]
# Another cluster: refused with the way out, which works.
other = emr.cluster("other", core=0)
try:
    other.spark()
except Exception as error:
    told["second"] = f"{type(error).__name__}: {error}"
again.stop()
switched = emrlite.spark(other.id, home)
told["switched"] = [switched.range(7).count(), switched.sparkContext.master != told["master"],
                    switched.sparkContext._jsc.hadoopConfiguration().get("fs.defaultFS"), repr(other)]
jvm = switched.sparkContext._gateway.proc
other.terminate()
told["jvm"] = jvm.poll()
cluster.terminate()
asks = {"ended": lambda: emrlite.spark(cluster.id, home), "unknown": lambda: emrlite.spark("j-X", home)}
for name, ask in asks.items():
    try:
        ask()
    except Exception as error:
        told[name] = f"{type(error).__name__}: {error}"
told["state"], told["after"] = cluster.state, repr(emrlite.card(home=home))
emr.export()
import boto3
told["buckets"] = [b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"]]
print(json.dumps(told))
"""


def run(program: str, home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program, str(home)], capture_output=True, text=True, timeout=560,
                          env={**os.environ, **environ}, check=False)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, link_engines: Callable[[Path], Path]) -> dict[str, Any]:
    done = run(STORY, link_engines(tmp_path_factory.mktemp("notebook") / "a home"))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_session_reads_s3_and_its_executors_are_the_clusters_with_the_python_of_the_notebook(told: dict[str, Any]):
    assert told["lines"] == ["the cat", "the dog"]
    assert told["master"].startswith("spark://127.")
    assert {executable for executable, _ in told["executors"]} == {told["python"]}
    assert told["shuffle"] == "3"


def test_a_step_ends_while_the_session_works(told: dict[str, Any]):
    assert told["step"] == "COMPLETED"
    assert "rows 100" in told["printed"]
    assert told["rounds"] >= 2


def test_the_card_shows_nodes_links_and_steps(told: dict[str, Any]):
    for text in (told["html"], told["text"]):
        for word in ("WAITING", "master", "core-1", "task-1", "127.", "COMPLETED", "instance-hours", ":8080", ":9870",
                     "This notebook", ":404"):
            assert word in text, word
    assert "TERMINATED" in told["after"]
    assert "USER_REQUEST" in told["after"] or "user request" in told["after"].lower()


def test_a_driver_that_was_killed_is_replaced_by_the_next_call(told: dict[str, Any]):
    assert told["dead"] in ("ConnectionRefusedError", "Py4JNetworkError", "Py4JError")
    assert told["again"] == [5, 100]


def test_a_session_on_another_cluster_is_had_after_stop(told: dict[str, Any]):
    assert told["second"].startswith("SessionError: this process has a session on cluster j-")
    assert told["second"].endswith("call its stop() first")
    count, another_master, default_fs, card = told["switched"]
    assert (count, another_master) == (7, True)
    assert default_fs.removeprefix("hdfs://").partition(":")[0] in card


def test_the_cluster_takes_the_session_and_its_jvm_along(told: dict[str, Any]):
    assert told["jvm"] is not None
    assert told["state"] == "TERMINATED"


def test_a_cluster_that_has_ended_or_never_was_is_said_so(told: dict[str, Any]):
    assert told["ended"].startswith("NoCluster: cluster j-")
    assert "is TERMINATED" in told["ended"]
    assert "emrlite.start().cluster()" in told["ended"]
    assert told["unknown"].startswith("NoCluster: cluster 'j-X' is unknown in ")


def test_boto3_is_pointed_here_on_request(told: dict[str, Any]):
    assert told["buckets"] == ["data"]


def test_an_executor_that_no_node_could_hold_is_refused_with_the_words_of_emr(told: dict[str, Any]):
    assert told["too large"].startswith("SessionError: the driver's JVM did not start: java.lang.IllegalArgument")
    assert "Required executor memory (655360 MB)" in told["too large"]
