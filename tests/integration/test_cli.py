"""The command line as a user types it, on an emulator that runs no processes of clusters."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from emrlite.cli import COMMANDS

Emrlite = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {"EMRLITE_HOME": str(tmp_path / "home"), "EMRLITE_PORT": "0", "EMRLITE_TIMING": "instant",
                   "EMRLITE_S3": "moto"}


@pytest.fixture
def emrlite(tmp_path: Path, env: dict[str, str]) -> Iterator[Emrlite]:
    def call(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "emrlite", *words], capture_output=True, text=True, timeout=90,
                              check=False, env={**env, **variables}, cwd=tmp_path)

    yield call
    call("stop")


@pytest.fixture
def emr(emrlite: Emrlite) -> object:
    started = emrlite("start", "-d")
    assert started.returncode == 0, started.stderr
    url = json.loads(emrlite("status", "--json").stdout)["url"]
    return boto3.client("emr", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test",
                        aws_secret_access_key="test", config=Config(proxies={}))


def run_job_flow(emr, **changes) -> str:
    step = {"Name": "first", "ActionOnFailure": "CONTINUE",
            "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["true"]}}
    return emr.run_job_flow(**{
        "Name": "a name", "ReleaseLabel": "emr-7.12.0", "ServiceRole": "EMR_DefaultRole",
        "JobFlowRole": "EMR_EC2_DefaultRole", "Applications": [{"Name": "Spark"}], "Steps": [step],
        "Instances": {"InstanceCount": 2, "MasterInstanceType": "m5.xlarge", "SlaveInstanceType": "m5.xlarge",
                      "KeepJobFlowAliveWhenNoSteps": False}, **changes})["JobFlowId"]


def test_help_names_every_command(emrlite: Emrlite) -> None:
    words = emrlite("--help").stdout
    for command in COMMANDS:
        assert f"  {command} " in words


def test_a_server_is_started_asked_and_stopped(emrlite: Emrlite, emr) -> None:
    status = json.loads(emrlite("status", "--json").stdout)
    env = emrlite("env").stdout

    assert status["clusters"] == 0
    assert f"export AWS_ENDPOINT_URL={status['url']}" in env
    assert "export AWS_ACCESS_KEY_ID=test" in env
    second = emrlite("start")
    assert second.returncode == 1
    assert f"process {status['pid']}" in second.stderr
    assert emrlite("stop").returncode == 0
    after = emrlite("status")
    assert after.returncode == 1
    assert "emrlite start -d" in after.stderr


def test_stop_does_not_wait_until_whoever_started_the_emulator_has_buried_it(
    emrlite: Emrlite, env: dict[str, str], tmp_path: Path
) -> None:
    with subprocess.Popen([sys.executable, "-m", "emrlite", "start"], env=env, cwd=tmp_path, stderr=subprocess.PIPE,
                          text=True) as started:
        assert started.stderr is not None
        assert "answers at" in started.stderr.readline()
        stopped = emrlite("stop")  # would take longer than `call` waits
        assert (stopped.returncode, started.wait(10)) == (0, 0), stopped.stderr


def test_env_drops_what_would_send_calls_to_the_real_aws(emrlite: Emrlite) -> None:
    said = emrlite("env", AWS_PROFILE="production", AWS_SESSION_TOKEN="x").stdout

    assert "unset AWS_PROFILE" in said
    assert "unset AWS_SESSION_TOKEN" in said
    assert "unset AWS_ENDPOINT_URL" in emrlite("env", "--unset").stdout


def test_clusters_steps_and_events_tell_the_story_for_people_and_for_programs(emrlite: Emrlite, emr) -> None:
    cluster = run_job_flow(emr)
    emr.get_waiter("cluster_terminated").wait(ClusterId=cluster, WaiterConfig={"Delay": 1, "MaxAttempts": 20})

    (listed,) = json.loads(emrlite("clusters", "--json").stdout)
    assert (listed["id"], listed["state"], listed["reason"]) == (cluster, "TERMINATED", "Steps completed")
    assert "a name" in emrlite("clusters").stdout
    (step,) = json.loads(emrlite("steps", cluster, "--json").stdout)
    assert (step["name"], step["state"], step["exit_code"]) == ("first", "COMPLETED", 0)
    assert "COMPLETED" in emrlite("steps", cluster[:6]).stdout
    story = json.loads(emrlite("events", cluster, "--json").stdout)
    states = [event["state"] for event in story if event["subject"] == "cluster"]
    assert states == ["STARTING", "BOOTSTRAPPING", "RUNNING", "TERMINATING", "TERMINATED"]
    assert "emr-7.12.0 has Spark 3.5.6 on AWS; Spark 4.1.1 runs here" in story[0]["reason"]
    assert "Steps completed" in emrlite("events", cluster).stdout
    assert "\x1b[" not in emrlite("events", cluster).stdout, "no colour where there is no terminal"


@pytest.mark.parametrize("command", ["steps", "events", "explain", "logs"])
def test_an_unknown_cluster_is_said_with_the_known_ones(emrlite: Emrlite, command: str) -> None:
    done = emrlite(command, "j-NOSUCH")

    assert done.returncode == 1
    assert "j-NOSUCH" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_release_with_another_spark_is_refused_where_releases_are_strict(emrlite: Emrlite) -> None:
    assert emrlite("start", "-d", "--releases", "strict").returncode == 0
    url = json.loads(emrlite("status", "--json").stdout)["url"]
    strict = boto3.client("emr", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test",
                          aws_secret_access_key="test", config=Config(proxies={}))
    with pytest.raises(strict.exceptions.ClientError, match="Spark 3.5.6 on AWS"):
        run_job_flow(strict)
    assert run_job_flow(strict, ReleaseLabel="emr-spark-8.1.0").startswith("j-")


@pytest.mark.parametrize(("words", "said"), [
    (["no-such.py"], "is no file"),
    (["--confs=x", "no-such.py"], "Did you mean"),
    (["--conf", "novalue", "app.py"], "key=value"),
    (["--input", "no-separator", "app.py"], "LOCAL=s3://bucket/prefix"),
    (["--input", "nowhere=s3://bucket/x", "app.py"], "does not exist"),
    (["--core", "0", "app.py"], "0"),
    (["--py-files", "absent.zip", "app.py"], "absent.zip"),
])
def test_run_refuses_bad_input_before_anything_starts(emrlite: Emrlite, tmp_path: Path, words, said: str) -> None:
    (tmp_path / "app.py").write_text("print(1)\n")
    done = emrlite("run", *words)

    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(("variable", "value", "said"), [
    ("EMRLITE_PORT", "many", "port"), ("EMRLITE_TIMING", "soon", "timing"), ("EMRLITE_ADDRESSES", "x", "addresses"),
])
def test_a_setting_that_cannot_be_is_named(emrlite: Emrlite, variable: str, value: str, said: str) -> None:
    done = emrlite("start", **{variable: value})

    assert done.returncode == 1
    assert said in done.stderr
    assert value in done.stderr


def test_clean_and_uninstall_refuse_while_a_set_up_is_at_work(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "engines").mkdir(parents=True)
    with (home / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in ("clean", "uninstall"):
            done = subprocess.run([sys.executable, "-m", "emrlite", "--home", str(home), command, "--yes"],
                                  capture_output=True, text=True, timeout=60)
            assert done.returncode == 1
            assert "emrlite setup" in done.stderr
    assert (home / "engines").exists()


def test_clean_and_uninstall_refuse_while_an_emulator_works(emrlite: Emrlite, emr) -> None:
    for command in ("clean", "uninstall"):
        done = emrlite(command, "--yes")
        assert done.returncode == 1
        assert "emrlite stop" in done.stderr
