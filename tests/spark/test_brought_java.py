"""A machine without Java: the wheel's, behind its wrapper, runs Spark.

It is the one that `emrlite setup --java` has put into the user's home; `make test` sees to that beforehand.
"""

import os
import subprocess
import sys

import pytest

from emrlite.node import engines, java
from emrlite.settings import Settings

USERS_HOME = Settings.load().home

JOB = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print("sum", spark.range(1000).selectExpr("sum(id)").first()[0])
print("java", spark._jvm.java.lang.System.getProperty("java.home"))
spark.stop()
"""


@pytest.fixture(scope="module")
def brought():
    """The Java that set-up puts into a home."""
    found = java.in_home(USERS_HOME)
    if found is None:
        pytest.skip(f"no Java was brought to {USERS_HOME}: `emrlite setup --java` fetches one (38 MB)")
    return found


def test_the_machines_java_hidden_the_brought_one_is_found_and_fits(brought):
    assert brought.source == "emrlite"
    assert brought.fits
    assert java.find(USERS_HOME, {"PATH": ""}) == brought


def test_what_was_brought_is_not_brought_again(brought, monkeypatch):
    monkeypatch.setattr(java, "bring", lambda *_: pytest.fail("it is there"))
    assert engines.bring_java(Settings(home=USERS_HOME), print) == brought


def test_its_classes_come_from_a_base_archive(brought):
    command = [brought.home / "bin/java", "-Xshare:on", "-Xlog:class+load", "-version"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    shared = sum("shared objects file" in line for line in answer.stdout.splitlines())
    assert shared > 300


def test_sparks_own_launcher_runs_a_job_on_it(brought, tmp_path):
    engine = engines.ensure(Settings.load(), print)
    (tmp_path / "job.py").write_text(JOB)
    # Programs, but no Java: the launcher must take it from JAVA_HOME.
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "sh", "env", "dirname", "cat", "ps", "grep", "chmod", "rm", "ls", "id", "uname"):
        path = next(folder for folder in ("/bin", "/usr/bin") if os.path.exists(f"{folder}/{name}"))
        (programs / name).symlink_to(f"{path}/{name}")
    env = {
        **engine.environment,
        "JAVA_HOME": str(brought.home),
        "PATH": str(programs),
        "HOME": str(tmp_path),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    command = [engine.home / "bin/spark-submit", "--master", "local[1]", tmp_path / "job.py"]
    answer = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=180)
    assert answer.returncode == 0, answer.stderr
    assert "sum 499500" in answer.stdout
    assert str(brought.home.parent) in answer.stdout
