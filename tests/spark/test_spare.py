"""Steps in JVMs that were started ahead: what a step is told, leaves and returns is as in one of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psutil
import pytest
from rig import Emulator, wait_for

SCRIPT = """
import json, os, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
jvm = spark.sparkContext._jvm.java.lang
print(json.dumps({
    "argv": sys.argv[1:], "cwd": os.getcwd(), "step": os.environ["EMR_STEP_ID"],
    "jvm cwd": jvm.System.getProperty("user.dir"),
    "jvm file": spark.sparkContext._jvm.java.io.File("x").getAbsolutePath(),
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
    time.sleep(300)
"""


def spares(emulator: Emulator, cluster: str) -> list[Path]:
    return sorted((emulator.home / "clusters" / cluster / "master/processes").glob("spare-*/"))


def ready(emulator: Emulator, cluster: str) -> Path:
    """The spare that waits now."""
    wait_for(lambda: any((each / "port").exists() for each in spares(emulator, cluster)), 90, "a driver started ahead")
    return next(each for each in spares(emulator, cluster) if (each / "port").exists())


@pytest.fixture(scope="module")
def waiting(emulator: Emulator) -> str:
    """A cluster whose steps come one by one."""
    cluster = emulator.run_cluster()
    emulator.wait_cluster(cluster, "WAITING")
    return cluster


def test_a_step_in_a_jvm_started_ahead_has_its_own_words_place_and_environment(
    emulator: Emulator, waiting: str
) -> None:
    spare = ready(emulator, waiting)
    app = emulator.put("told.py", SCRIPT)
    done = emulator.run_step(waiting, "spark-submit", app, "a b", "ü'\"$X", "")

    assert done["State"] == "COMPLETED", done["stderr"]
    assert (spare / "taken").exists()
    told = json.loads(done["stdout"].splitlines()[0])
    work = str(emulator.home / "clusters" / waiting / "master/mnt/var/lib/hadoop/steps" / done["Id"])
    assert told["argv"] == ["a b", "ü'\"$X", ""]
    assert told["step"] == told["jvm step"] == done["Id"]
    assert told["cwd"] == told["jvm cwd"] == work
    assert told["jvm file"] == f"{work}/x"
    assert (Path(work) / "left-here").exists()
    assert not {"EMRLITE_WORK", "EMRLITE_DRIVER_PYTHON"} & set(told["own"])
    assert len(set(told["python"])) == 1
    assert "to standard error" in done["stdout"], "Spark gives a Python driver one stream"
    assert "INFO SparkContext: Running Spark" in done["stderr"]


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


@pytest.mark.parametrize("how", ["cancel", "kill"])
def test_when_its_step_ends_early_a_driver_started_ahead_is_gone_with_its_python(
    emulator: Emulator, waiting: str, how: str
) -> None:
    spare = ready(emulator, waiting)
    (step,) = emulator.add_steps(waiting, ("spark-submit", emulator.put("told.py", SCRIPT), "sleep"))
    stdout = emulator.home / "clusters" / waiting / "master/mnt/var/log/hadoop/steps" / step / "stdout"
    wait_for(lambda: stdout.exists() and "cwd" in stdout.read_text(), 90, "the step at work")
    shim = psutil.Process(int((spare.parent / f"{spare.name}.pid").read_text().split()[0]))
    tree = shim.children(recursive=True)
    assert len(tree) >= 2, "a JVM and its Python"
    if how == "cancel":
        emulator.emr.cancel_steps(ClusterId=waiting, StepIds=[step])
    else:
        (standing,) = [process for process in psutil.process_iter() if _is_submit_of(process, step)]
        os.kill(standing.pid, 9)
    status = emulator.wait_step(waiting, step)

    assert status["State"] == ("CANCELLED" if how == "cancel" else "FAILED")
    wait_for(lambda: not any(process.is_running() for process in [shim, *tree]), 20, "the end of the driver")


def _is_submit_of(process: psutil.Process, step: str) -> bool:
    try:
        return process.environ().get("EMR_STEP_ID") == step and "entry.py" in " ".join(process.cmdline()[:4])
    except psutil.Error:
        return False
