"""Every kind of step on a real cluster; most tests share one."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
import urllib.request
import zipfile
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest
from rig import Emulator, wait_for

from emrlite.node import isolation

EXIT_3 = """
import sys
from pyspark.sql import SparkSession
SparkSession.builder.getOrCreate().range(3).count()
sys.exit(3)
"""

RAISES = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
raise RuntimeError("the reason is here")
"""

REPORT = """
import json, os, sys
from pyspark.sql import SparkSession
from pyspark import SparkFiles
import extra
spark = SparkSession.builder.getOrCreate()
conf = spark.sparkContext._jsc.hadoopConfiguration()
print(json.dumps({
    "answer": extra.answer(), "file": open(SparkFiles.get("note.txt")).read(),
    "executors": sorted(spark.sparkContext.parallelize(range(2), 2).map(lambda i: extra.answer() + i).collect()),
    "defaults": spark.conf.get("spark.test.defaults"), "env": os.environ.get("FROM_SPARK_ENV"),
    "core": conf.get("test.core"), "blocksize": conf.get("dfs.blocksize"),
    "maximum": conf.get("fs.s3a.connection.maximum"),
    "replication": conf.get("dfs.replication"), "id": spark.sparkContext.applicationId,
    "variables": {name: os.environ.get(name) for name in
        ("EMR_STEP_ID", "EMR_CLUSTER_ID", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "HADOOP_USER_NAME")},
    "cwd": os.getcwd(), "args": sys.argv[1:],
}))
"""

NODE = """
import json
from pyspark.sql import SparkSession
def look(who):
    import json, os, subprocess
    with open("/mnt/seen-by", "w") as file:
        file.write(who)
    info = {name: json.load(open(f"/mnt/var/lib/info/{name}.json")) for name in ("instance", "job-flow")}
    python = subprocess.run(["/usr/bin/python3", "-c", "import sys; print(sys.prefix, end='')"], capture_output=True)
    return json.dumps({
        "job flow": info["job-flow"]["jobFlowId"], "master": info["instance"]["isMaster"],
        "python": python.stdout.decode(), "home": os.listdir("/home"), "programs": os.listdir("/usr/lib/spark/bin")})
print(look("driver"))
spark = SparkSession.builder.getOrCreate()
print(spark.sparkContext.parallelize(["executor"], 1).map(look).collect()[0])
spark.range(3).coalesce(1).write.csv("file:///mnt/rows")
"""

TIERS = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
root = sys.argv[1]
rows = spark.range(20).selectExpr("id", "id % 2 AS part")
rows.write.mode("overwrite").parquet("hdfs:///tmp/rows")
back = spark.read.parquet("hdfs:///tmp/rows")
for scheme in ("s3", "s3a", "s3n"):
    back.write.mode("overwrite").parquet(f"{scheme}://{root}/{scheme}")
    assert spark.read.parquet(f"{scheme}://{root}/{scheme}").count() == 20
target, table = f"s3://{root}/parts", "select part, count(*) n from parquet.`{}` group by part"
back.write.mode("overwrite").partitionBy("part").parquet(target)
spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
spark.createDataFrame([(100, 1)], "id long, part long").write.mode("overwrite").partitionBy("part").parquet(target)
print(sorted((row.part, row.n) for row in spark.sql(table.format(target)).collect()))
"""


def test_a_driver_that_exits_with_3_is_failed_in_client_and_in_cluster_mode(emulator: Emulator, cluster: str) -> None:
    app = emulator.put("exit3.py", EXIT_3)
    steps = emulator.add_steps(
        cluster, ("spark-submit", "--master", "yarn", app), ("spark-submit", "--deploy-mode", "cluster", app))
    for step in steps:
        status = emulator.wait_step(cluster, step)
        assert status["State"] == "FAILED", status
        assert status["FailureDetails"]["LogFile"].startswith(f"s3://test-bucket/logs/{cluster}/steps/{step}/")
    assert "exit code 3" in emulator.log(cluster, steps[0], "controller")
    assert "yarn" in emulator.log(cluster, steps[0], "stderr") + emulator.log(cluster, steps[0], "controller")


def test_the_last_exception_and_its_log_are_in_the_failure_details(emulator: Emulator, cluster: str) -> None:
    done = emulator.run_step(cluster, "/usr/bin/spark-submit", emulator.put("raises.py", RAISES))

    assert done["State"] == "FAILED"
    assert "RuntimeError: the reason is here" in done["FailureDetails"]["Message"]
    text = emulator.read(done["FailureDetails"]["LogFile"])
    assert "the reason is here" in text


@pytest.mark.parametrize("mode", ["client", "cluster"])
def test_what_a_job_brings_and_what_configurations_say_reach_it(emulator: Emulator, cluster: str, mode: str) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as modules:
        modules.writestr("extra.py", "def answer():\n    return 42\n")
    done = emulator.run_step(
        cluster, "spark-submit", "--master", "yarn", "--deploy-mode", mode,
        "--py-files", emulator.put("extra.zip", archive.getvalue()), "--files", emulator.put("note.txt", "from s3"),
        emulator.put("report.py", REPORT), "one", "two words")

    assert done["State"] == "COMPLETED", done["stderr"]
    text = done["stdout"]
    if mode == "cluster":
        keys = wait_for(lambda: _containers(emulator, cluster, done["Id"]), 60, "the driver's logs")
        (key,) = [key for key in keys if key.endswith("stdout.gz")]
        text = emulator.read(f"s3://test-bucket/{key}")
    told = json.loads(text.strip().splitlines()[-1])
    assert told["answer"] == 42
    assert told["executors"] == [42, 43]
    assert told["file"] == "from s3"
    assert told["args"] == ["one", "two words"]
    assert (told["defaults"], told["env"], told["core"]) == ("from-spark-defaults", "from-spark-env", "from-core-site")
    assert (told["blocksize"], told["maximum"], told["replication"]) == ("1048576", "33", "1")
    assert told["id"].startswith("application_")
    assert told["variables"] == {
        "EMR_STEP_ID": done["Id"], "EMR_CLUSTER_ID": cluster, "AWS_ENDPOINT_URL": emulator.url,
        "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "HADOOP_USER_NAME": "hadoop"}
    if mode == "client":
        assert told["cwd"].endswith(f"/hadoop/steps/{done['Id']}")


def _containers(emulator: Emulator, cluster: str, step: str) -> list[str]:
    """Logs of the driver's container that belong to *step*, once they are there."""
    root = emulator.home / "clusters" / cluster
    found = [path for path in root.glob("*/mnt/var/log/containers/application_*/container_*_000001/stdout")
             if step in path.read_text()]
    if not found:
        return []
    place = f"{found[0].parent.parent.name}/{found[0].parent.name}"
    return emulator.keys(f"logs/{cluster}/containers/{place}/")


def test_driver_and_executor_see_a_node_as_it_is_on_emr(emulator: Emulator, cluster: str) -> None:
    found = isolation.find(emulator.home, "auto")
    if found.level != "full":
        pytest.skip(isolation.describe(found))
    before = sorted(os.listdir("/mnt")), sorted(os.listdir("/home"))

    done = emulator.run_step(cluster, "bash", "-c", f"/usr/bin/spark-submit {emulator.put('node.py', NODE)}")

    assert done["State"] == "COMPLETED", done["stderr"]
    driver, executor = (json.loads(line) for line in done["stdout"].splitlines() if line.startswith("{"))
    assert driver["job flow"] == executor["job flow"] == cluster
    assert (driver["master"], executor["master"]) == (True, False)
    for seen in (driver, executor):
        assert seen["python"] == sys.prefix
        assert "hadoop" in seen["home"]
        assert "spark-submit" in seen["programs"]
    root = emulator.home / "clusters" / cluster
    assert (root / "master/mnt/seen-by").read_text() == "driver"
    assert (root / "core-1/mnt/seen-by").read_text() == "executor"
    assert list((root / "core-1/mnt/rows").glob("part-*.csv"))
    assert (sorted(os.listdir("/mnt")), sorted(os.listdir("/home"))) == before


def test_data_tiers_and_dynamic_partition_overwrite(emulator: Emulator, cluster: str) -> None:
    done = emulator.run_step(cluster, "spark-submit", emulator.put("tiers.py", TIERS), "test-bucket/tiers")

    assert done["State"] == "COMPLETED", done["stderr"]
    assert "[(0, 10), (1, 1)]" in done["stdout"]
    folder = emulator.home / "s3" / "test-bucket" / "tiers"
    assert list(folder.glob("s3n/part-*.parquet")), "a bucket is a folder of plain files"


def test_what_goes_to_an_s3_that_is_not_emrlites_is_signed(emulator: Emulator, cluster: str) -> None:
    """The cluster's own S3 looks at no signature, and gets none."""
    seen: dict[str, str | None] = {}

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen[self.path.split("?")[0]] = self.headers["Authorization"]
            self.send_error(403)

        def do_HEAD(self) -> None:
            self.do_GET()

    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server, ExitStack() as stack:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        there = f"http://127.0.0.1:{server.server_port}"
        script = f"""hadoop fs -Dfs.s3a.bucket.elsewhere.endpoint={there} -ls s3://elsewhere/signed/
hadoop fs -Dfs.s3a.endpoint={there} -Demrlite.s3.endpoint={there} -ls s3://ours/signed/"""
        done = emulator.run_step(cluster, "bash", "-c", script)

    assert done["State"] == "FAILED"
    assert "Access" in done["stderr"] or "Forbidden" in done["stderr"]
    assert seen
    signed = {path: (header or "").startswith("AWS4-HMAC-SHA256 Credential=") for path, header in seen.items()}
    assert set(signed.values()) == {True}, "only what the node's own configuration names goes unsigned"


def test_programs_of_the_path_work(emulator: Emulator, cluster: str) -> None:
    emulator.put("in.txt", "hello\n")
    script = """set -e
hadoop fs -mkdir -p /tmp/a && hadoop fs -cp s3://test-bucket/in.txt /tmp/a/ && hdfs dfs -cat /tmp/a/in.txt
aws s3 cp s3://test-bucket/in.txt - | tr a-z A-Z
aws emr describe-cluster --cluster-id $EMR_CLUSTER_ID --query Cluster.Id --output text
spark-sql -e 'select 40 + 2 as answer'
echo 'print("pyspark", spark.range(7).count())
print("groups", *spark._jvm.org.apache.hadoop.security.UserGroupInformation.getCurrentUser().getGroups())' | pyspark
"""
    done = emulator.run_step(cluster, "bash", "-c", script)

    assert done["State"] == "COMPLETED", done["stderr"][-3000:]
    assert "hello" in done["stdout"]
    assert "HELLO" in done["stdout"]
    assert cluster in done["stdout"]
    assert "42" in done["stdout"]
    assert "pyspark 7" in done["stdout"]
    assert "groups hadoop hdfsadmingroup" in done["stdout"]


def test_script_runner_and_a_custom_jar(emulator: Emulator, cluster: str) -> None:
    script = emulator.put("script.sh", '#!/bin/bash\necho "script got $1"; exit ${2:-0}\n')
    runner = "s3://us-east-1.elasticmapreduce/libs/script-runner/script-runner.jar"
    good = emulator.run_step(cluster, script, "word", Jar=runner)
    bad = emulator.run_step(cluster, script, "word", "7", Jar=runner)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as empty:
        empty.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
    own = emulator.put("own.jar", archive.getvalue())
    jar = emulator.run_step(cluster, "-ls", "hdfs:///user", Jar=own, MainClass="org.apache.hadoop.fs.FsShell")
    none = emulator.run_step(cluster, "x", Jar="s3://test-bucket/in-no-bucket.jar", MainClass="A")
    text = emulator.run_step(cluster, "x", Jar=emulator.put("text.jar", "no jar at all"), MainClass="A")

    assert (good["State"], good["stdout"]) == ("COMPLETED", "script got word\n")
    assert bad["State"] == "FAILED"
    assert "exit code 7" in bad["controller"]
    assert jar["State"] == "COMPLETED", jar["stderr"]
    assert "/user/hadoop" in jar["stdout"]
    assert (none["State"], text["State"]) == ("FAILED", "FAILED")
    assert "in-no-bucket.jar" in none["FailureDetails"]["Message"]
    assert "text.jar" in text["FailureDetails"]["Message"]


def test_a_missing_program_and_a_missing_application_fail_with_their_names(emulator: Emulator, cluster: str) -> None:
    program = emulator.run_step(cluster, "no-such-program")
    application = emulator.run_step(cluster, "spark-submit", "s3://test-bucket/no-such-app.py")

    assert 'Cannot run program "no-such-program"' in program["FailureDetails"]["Message"]
    assert application["State"] == "FAILED"
    assert "no-such-app.py" in application["FailureDetails"]["Message"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a step with fewer cores than the machine (Linux)")
def test_executors_are_as_many_as_there_are_cores_for_or_as_somebody_asks_for(emulator: Emulator, cluster: str) -> None:
    code = """
import os, sys, time
from pyspark.sql import SparkSession
def place(_):
    time.sleep(0.5)
    return os.getcwd()
builder, expected = SparkSession.builder, int(sys.argv[1])
if sys.argv[2:]:
    builder = builder.config("spark.dynamicAllocation.minExecutors", sys.argv[2])
context = builder.getOrCreate().sparkContext
while context._jsc.sc().getExecutorMemoryStatus().size() <= expected:  # the driver counts too
    time.sleep(0.1)
print(len(set(context.parallelize(range(16), 16).map(place).collect())))
"""
    app = emulator.put("places.py", code)
    one_core = ("import os, sys; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
                "os.execvp(sys.argv[1], sys.argv[1:])")
    submit = ("python3", "-c", one_core, "spark-submit", "--executor-cores", "1")
    steps = emulator.add_steps(cluster, (*submit, app, "1"), (*submit, app, "2", "2"),
                               (*submit, "--num-executors", "3", app, "3"))

    for step in steps:
        assert emulator.wait_step(cluster, step)["State"] == "COMPLETED", emulator.log(cluster, step, "stderr")[-2000:]
    assert [int(emulator.log(cluster, step, "stdout")) for step in steps] == [1, 2, 3]


def test_two_spark_steps_at_once_both_make_progress(emulator: Emulator, cluster: str) -> None:
    meeting = """
import sys, time, boto3
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
assert spark.sparkContext.parallelize(range(4), 2).count() == 4
me, other = sys.argv[1:]
s3 = boto3.client("s3")
s3.put_object(Bucket="test-bucket", Key=f"meeting/{me}", Body=b"")
for _ in range(600):
    if s3.list_objects_v2(Bucket="test-bucket", Prefix=f"meeting/{other}").get("KeyCount"):
        assert spark.sparkContext.parallelize(range(4), 2).count() == 4
        sys.exit(0)
    time.sleep(0.2)
sys.exit("the other never got an executor")
"""
    app = emulator.put("meeting.py", meeting)
    steps = emulator.add_steps(cluster, ("spark-submit", app, "a", "b"), ("spark-submit", app, "b", "a"))

    for step in steps:
        assert emulator.wait_step(cluster, step)["State"] == "COMPLETED", emulator.log(cluster, step, "stderr")[-2000:]


@pytest.mark.parametrize(("mode", "how"), [("client", "SEND_INTERRUPT"), ("cluster", "TERMINATE_PROCESS")])
def test_a_cancelled_step_leaves_no_process(emulator: Emulator, cluster: str, mode: str, how: str) -> None:
    sleeper = "import time\nfrom pyspark.sql import SparkSession\nSparkSession.builder.getOrCreate().range(1).count()\n"
    app = emulator.put("sleeper.py", sleeper + "print('asleep', flush=True)\ntime.sleep(300)\n")
    (step,) = emulator.add_steps(cluster, ("spark-submit", "--deploy-mode", mode, app))
    wait_for(lambda: len(_processes(step)) >= 3, 60, "the driver")
    emulator.emr.cancel_steps(ClusterId=cluster, StepIds=[step], StepCancellationOption=how)

    assert emulator.wait_step(cluster, step, timeout=40)["State"] == "CANCELLED"
    wait_for(lambda: not _processes(step), 20, "the end of its processes")


def _processes(step: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("EMR_STEP_ID") == step and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_nothing_listens_outside_loopback(emulator: Emulator, cluster: str) -> None:
    own = {process.pid for process in psutil.process_iter() if _is_ours(process, str(emulator.home))}
    listening = [c for c in psutil.net_connections("inet") if c.pid in own and c.status == psutil.CONN_LISTEN]

    assert listening
    assert [c.laddr for c in listening if not c.laddr.ip.replace("::ffff:", "").startswith("127.")] == []


def _is_ours(process: psutil.Process, home: str) -> bool:
    try:
        return home in process.environ().get("EMRLITE_OWNER", "") or home in process.environ().get("EMRLITE_HOME", "")
    except psutil.Error:
        return False


def test_an_application_that_gets_no_executor_says_so(emulator: Emulator, cluster: str) -> None:
    code = "from pyspark.sql import SparkSession\nSparkSession.builder.getOrCreate().range(1).count()\n"
    app = emulator.put("waits.py", code)
    (step,) = emulator.add_steps(cluster, ("spark-submit", "--conf", "spark.executor.resource.gpu.amount=1", app))
    stderr = emulator.home / "clusters" / cluster / "master/mnt/var/log/hadoop/steps" / step / "stderr"
    try:
        wait_for(lambda: stderr.exists() and "Connected to Spark cluster" in stderr.read_text(), 90, "the application")
        wait_for(lambda: "emrlite: hint: application_" in stderr.read_text(), 30, "the hint")
    finally:
        emulator.emr.cancel_steps(ClusterId=cluster, StepIds=[step])
    assert "and 1 gpu for each, and the largest node has" in stderr.read_text()
    emulator.wait_step(cluster, step)


def test_the_pages_of_hadoops_daemons_are_served_where_emr_has_them(emulator: Emulator, cluster: str) -> None:
    master, core = (emulator.emr.list_instances(ClusterId=cluster, InstanceGroupTypes=[role])["Instances"][0]
                    for role in ("MASTER", "CORE"))
    pages = {
        f"http://{master['PrivateIpAddress']}:9870/dfshealth.html": "Namenode information",
        f"http://{master['PrivateIpAddress']}:9870/static/hadoop.css": "css",
        f"http://{core['PrivateIpAddress']}:9864/datanode.html": "DataNode Information",
    }
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for url, words in pages.items():
        with opener.open(url, timeout=20) as answer:
            text = answer.read().decode()
        assert answer.status == 200
        assert words.lower() in text.lower() or url.endswith(".css")
