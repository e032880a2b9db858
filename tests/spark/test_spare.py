"""Steps in JVMs that were started ahead: what a step is told, leaves and returns is as in one of its own."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from rig import Emulator, new_home, wait_for

SCRIPT = """
import json, os, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
jvm = spark.sparkContext._jvm.java.lang
print(json.dumps({
    "argv": sys.argv[1:], "cwd": os.getcwd(), "step": os.environ["EMR_STEP_ID"],
    "jvm cwd": jvm.System.getProperty("user.dir"),
    "jvm file": spark.sparkContext._jvm.java.io.File("x").getAbsolutePath(),
    "jvm path": spark.sparkContext._jvm.java.io.File("x").toPath().toAbsolutePath().toString(),
    "jvm step": jvm.System.getenv("EMR_STEP_ID"), "own": [name for name in os.environ if name.startswith("EMRLITE_")],
    "python": [sys.executable, os.environ["PYSPARK_DRIVER_PYTHON"]],
}), flush=True)
open("left-here", "w").close()
print("to standard error", file=sys.stderr)
spark.range(3).count()
if sys.argv[1] == "fail":
    sys.exit(3)
if sys.argv[1] == "sleep":
    import time
    print("asleep", flush=True)  # in Python alone: nothing of the JVM's would be missed
    time.sleep(300)
"""


#: What a JVM's history could show in: numbers of columns, queries and plans, properties, files.
FRESH = """
import json, os
from pyspark.sql import SparkSession
from pyspark import SparkFiles
spark = SparkSession.builder.getOrCreate()
context, jvm = spark.sparkContext, spark.sparkContext._jvm
frame = spark.range(3).selectExpr("id + 1 AS more", "id % 2 AS few").groupBy("few").max("more").orderBy("few")
rows = [list(row) for row in frame.collect()]
properties = jvm.java.lang.System.getProperties()
context._jsc.sc().listenerBus().waitUntilEmpty()
executions = spark._jsparkSession.sharedState().statusStore().executionsList()
hadoop = jvm.org.apache.spark.deploy.SparkHadoopUtil.get().conf()

def place(_):
    return os.getcwd(), open("given.txt").read(), os.environ.get("EMR_STEP_ID"), os.environ.get("WORD"), os.getpid()

context.addFile("given.txt")
print(json.dumps({
    "rows": rows, "plan": frame._jdf.queryExecution().toString(), "queries": frame._jdf.queryExecution().id(),
    "execution": executions.apply(0).executionId(),
    "properties": sorted(name for name in properties.keySet() if name not in ("user.dir",)),
    "of step": hadoop.get("step.only"), "rdd": context.parallelize([1], 1).id(),
    "session": spark.conf.get("spark.sql.shuffle.partitions"), "files": spark.sql("SHOW TABLES").count(),
}))
print(json.dumps(context.parallelize([1], 1).map(place).first()))
"""


#: Spark ML's functions are not there before they are called, and then are Spark's own; so are Hadoop's short settings.
ML = """
import json
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.ml.stat import Summarizer
from pyspark.sql import SparkSession, functions
spark = SparkSession.builder.getOrCreate()
jvm = spark.sparkContext._jvm
catalyst = "org.apache.spark.sql.catalyst.analysis.FunctionRegistry$"
registry = jvm.java.lang.Class.forName(catalyst).getField("MODULE$").get(None).internal()

def registered(name):
    wanted = jvm.org.apache.spark.sql.catalyst.FunctionIdentifier.apply(name)
    return registry.lookupFunction(wanted).get().getClassName().partition("$$Lambda")[0]

names = ["vector_to_array", "array_to_vector", "aggregate_metrics"]
before = [registered(name) for name in names]
rows = spark.createDataFrame([([1.0, 2.0],), ([3.0, 6.0],)], ["numbers"])
vectors = rows.select(array_to_vector("numbers").alias("vector"))
found = {
    "arrays": [list(row[0]) for row in vectors.select(vector_to_array("vector")).collect()],
    "floats": [list(row[0]) for row in vectors.select(vector_to_array("vector", "float32")).collect()],
    "mean": list(vectors.select(Summarizer.mean(vectors.vector)).first()[0]),
}
settings = jvm.org.apache.hadoop.conf.Configuration(False)
print(json.dumps(found))
print(json.dumps([before, [registered(name) for name in names]]))
print(settings.getResource("core-default.xml").toString())
"""


def spares(emulator: Emulator, cluster: str, kind: str = "driver") -> list[Path]:
    return sorted((emulator.home / "clusters" / cluster).glob(f"*/processes/spare-{kind}-*/"))


def ready(emulator: Emulator, cluster: str, kind: str = "driver", *, practised: bool = False) -> Path:
    """The spare that waits now."""

    def look() -> Path | None:
        waiting = [each for each in spares(emulator, cluster, kind) if (each / "port").exists()]
        done = [each for each in waiting if "Successfully stopped" in (each / "practice").read_text()]
        return next(iter(done if practised else waiting), None)

    found = wait_for(look, 240 if practised else 90, f"{kind} started ahead")
    assert isinstance(found, Path)
    return found


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    emulator = Emulator(new_home(tmp_path_factory.mktemp("spare") / "a home"), EMRLITE_AHEAD="steps")
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture(scope="module")
def waiting(emulator: Emulator) -> str:
    """A cluster whose steps come one by one."""
    cluster = emulator.run_cluster()
    emulator.wait_cluster(cluster, "WAITING")
    return cluster


def test_a_step_in_a_jvm_started_ahead_has_its_own_words_place_and_environment(
    emulator: Emulator, waiting: str
) -> None:
    spare = ready(emulator, waiting, practised=True)
    app = emulator.put("told.py", SCRIPT)
    done = emulator.run_step(waiting, "spark-submit", app, "a b", "ü'\"$X", "")

    assert done["State"] == "COMPLETED", done["stderr"]
    assert (spare / "taken").exists()
    told = json.loads(done["stdout"].splitlines()[0])
    work = str(emulator.home / "clusters" / waiting / "master/mnt/var/lib/hadoop/steps" / done["Id"])
    assert told["argv"] == ["a b", "ü'\"$X", ""]
    assert told["step"] == told["jvm step"] == done["Id"]
    assert told["cwd"] == told["jvm cwd"] == work
    assert told["jvm file"] == told["jvm path"] == f"{work}/x"
    assert (Path(work) / "left-here").exists()
    assert "EMRLITE_WORK" not in told["own"]
    assert len(set(told["python"])) == 1
    assert "to standard error" in done["stdout"], "Spark gives a Python driver one stream"
    assert "INFO SparkContext: Running Spark" in done["stderr"]
    assert not [path.name for path in spare.iterdir() if path.name.startswith(("practice", "fifo-", "data"))]
    assert not list((spare.parent.parent / "tmp").glob("spark-*")), "Spark's shutdown hooks have run"


def test_a_step_that_comes_with_its_cluster_is_given_a_driver_and_an_executor_with_the_memory_that_it_asks_for(
    emulator: Emulator,
) -> None:
    app = emulator.put("told.py", SCRIPT)
    words = ["spark-submit", "--driver-memory", "700m", "--executor-memory", "800m", app, "x"]
    cluster = emulator.run_cluster(Steps=[{"Name": "first", "ActionOnFailure": "CONTINUE",
                                           "HadoopJarStep": {"Jar": "command-runner.jar", "Args": words}}])
    (step,) = emulator.emr.list_steps(ClusterId=cluster)["Steps"]
    assert emulator.wait_step(cluster, step["Id"])["State"] == "COMPLETED", emulator.log(cluster, step["Id"], "stderr")
    for kind, heap in (("driver", "-Xmx700m"), ("executor", "-Xmx800M")):
        first = spares(emulator, cluster, kind)[0]
        assert heap in json.loads((first / "started.json").read_text())["java"]
        assert (first / "taken").exists()
        assert not (first / "data").exists(), "it did not practise"
    emulator.emr.terminate_job_flows(JobFlowIds=[cluster])
    emulator.wait_cluster(cluster, "TERMINATED")


def test_a_spare_serves_once_and_its_exit_code_is_the_steps(emulator: Emulator, waiting: str) -> None:
    spare = ready(emulator, waiting)
    app = emulator.put("told.py", SCRIPT)
    done = emulator.run_step(waiting, "bash", "-c", f"cd /tmp; spark-submit {app} fail; echo code $?; pwd; exit 4")

    assert (spare / "taken").exists()
    assert done["State"] == "FAILED"
    told, *_, code, place = done["stdout"].splitlines()
    assert (code, json.loads(told)["cwd"]) == ("code 3", place)
    wait_for(lambda: ready(emulator, waiting) != spare, 90, "another spare")


def test_other_flags_or_an_environment_of_another_kind_start_a_jvm_of_their_own(
    emulator: Emulator, waiting: str
) -> None:
    spare = ready(emulator, waiting)
    app = emulator.put("told.py", SCRIPT)
    words = f"TZ=Asia/Tokyo spark-submit {app} x; ulimit -n 4000; spark-submit {app} x"
    done = emulator.run_step(waiting, "bash", "-c", f"set -e; spark-submit --driver-memory 700m {app} x; {words}")

    assert done["State"] == "COMPLETED", done["stderr"]
    assert len(done["stdout"].splitlines()) == 6
    assert (spare / "port").exists()
    assert not (spare / "taken").exists()


def test_jvms_that_have_practised_are_as_fresh_as_new_ones(emulator: Emulator, waiting: str) -> None:
    driver, executor = (ready(emulator, waiting, kind, practised=True) for kind in ("driver", "executor"))
    app = emulator.put("fresh.py", FRESH)
    words = f"--conf spark.hadoop.step.only=x --conf spark.executorEnv.WORD=a {app}"
    practised = emulator.run_step(waiting, "bash", "-c", f"echo given > given.txt; spark-submit {words}")
    assert (driver / "taken").exists()
    assert (executor / "taken").exists()
    alone = emulator.run_step(
        waiting, "bash", "-c",
        f"echo given > given.txt; spark-submit --driver-memory 700m --conf spark.executor.memory=900m {words}")

    assert practised["State"] == alone["State"] == "COMPLETED", practised["stdout"] + alone["stdout"]
    (told, of_executor), (expected, beside) = (
        [json.loads(line) for line in done["stdout"].splitlines()] for done in (practised, alone))
    # Jetty notes the first when it is loaded; the second stands on the other command line.
    assert set(told.pop("properties")) ^ set(expected.pop("properties")) <= {"jetty.git.hash", "spark.driver.memory"}
    assert told == expected
    assert told["of step"] == "x"
    cwd, given, _, word, _ = of_executor
    assert (given, word) == ("given\n", "a")
    assert Path(cwd).name == "0" == Path(beside[0]).name
    assert Path(cwd).parent.parent == Path(beside[0]).parent.parent.parent / "spark", "both in the work of a node"
    assert not emulator.run_step(waiting, "hadoop", "fs", "-ls", "/tmp")["stdout"].strip(), "practice left nothing"


def test_spark_mls_functions_come_when_they_are_called_and_are_sparks_own(emulator: Emulator, waiting: str) -> None:
    driver = ready(emulator, waiting)
    app = emulator.put("ml.py", ML)
    late = emulator.run_step(waiting, "spark-submit", app)
    assert (driver / "taken").exists()
    usual = emulator.run_step(waiting, "spark-submit", "--driver-memory", "700m", app)

    assert late["State"] == usual["State"] == "COMPLETED", late["stdout"] + late["stderr"]
    (found, registered, settings), (expected, at_once, full) = (
        [*done["stdout"].splitlines()] for done in (late, usual))
    assert found == expected
    assert json.loads(found)["arrays"] == [[1.0, 2.0], [3.0, 6.0]]
    before, after = json.loads(registered)
    assert before == ["emrlite.LateFunctions"] * 3
    assert [after, after] == json.loads(at_once)
    assert "replaced a previously registered function" not in late["stderr"] + usual["stderr"]
    assert settings.endswith("/emrlite.jar!/core-default.xml")
    assert full == settings, "whatever order its directory has"


def test_an_executor_started_ahead_logs_where_its_worker_shows_it_and_ends_with_its_application(
    emulator: Emulator, waiting: str
) -> None:
    executor = ready(emulator, waiting, "executor")
    done = emulator.run_step(waiting, "spark-submit", emulator.put("told.py", SCRIPT), "x")
    assert done["State"] == "COMPLETED", done["stderr"]
    assert (executor / "taken").exists()
    node = executor.parent.parent
    texts = [path.read_text() for path in node.glob("mnt/spark/*/*/stderr")]
    assert any("Successfully registered with driver" in text for text in texts)
    assert not any("practice" in text for text in texts)
    exit_file = executor.parent / f"{executor.name}.exit"
    wait_for(exit_file.exists, 20, "the end of the executor")
    code = exit_file.read_text().split()[0]
    assert code in ("0", "143"), "as Java's own: it ends by itself, or by its worker's SIGTERM"


@pytest.mark.parametrize("how", ["cancel", "kill", "kill its JVM"])
def test_when_its_step_ends_early_a_driver_started_ahead_is_gone_with_its_python(
    emulator: Emulator, waiting: str, how: str
) -> None:
    spare = ready(emulator, waiting)
    (step,) = emulator.add_steps(waiting, ("spark-submit", emulator.put("told.py", SCRIPT), "sleep"))
    stdout = emulator.home / "clusters" / waiting / "master/mnt/var/log/hadoop/steps" / step / "stdout"
    wait_for(lambda: stdout.exists() and "asleep" in stdout.read_text(), 90, "the step at work")
    shim = psutil.Process(int((spare.parent / f"{spare.name}.pid").read_text().split()[0]))
    tree = shim.children(recursive=True)
    assert len(tree) >= 2, "a JVM and its Python"
    if how == "cancel":
        os.kill(standing_for(step).pid, signal.SIGQUIT)
        wait_for(lambda: "Full thread dump" in (spare / "log").read_text(), 20, "what a JVM does on SIGQUIT")
        emulator.emr.cancel_steps(ClusterId=waiting, StepIds=[step])
    elif how == "kill its JVM":
        (jvm,) = [process for process in tree if process.name() == "java"]
        jvm.kill()
        shim, tree = jvm, []  # as with a JVM of its own, a Python that sleeps finds out when it needs it again
    else:
        os.kill(standing_for(step).pid, signal.SIGKILL)
    status = emulator.wait_step(waiting, step)

    assert status["State"] == ("CANCELLED" if how == "cancel" else "FAILED")
    if how == "kill its JVM":
        assert "Traceback" not in emulator.log(waiting, step, "stderr")
        assert (spare.parent / f"step-{step}.exit").read_text().split()[0] == "-9"
    wait_for(lambda: not any(process.is_running() for process in [shim, *tree]), 20, "the end of the driver")


def standing_for(step: str) -> psutil.Process:
    """The process that the step knows as its spark-submit."""
    (found,) = [process for process in psutil.process_iter() if _is_submit_of(process, step)]
    return found


def _is_submit_of(process: psutil.Process, step: str) -> bool:
    try:
        return process.environ().get("EMR_STEP_ID") == step and "entry.py" in " ".join(process.cmdline()[:4])
    except psutil.Error:
        return False
