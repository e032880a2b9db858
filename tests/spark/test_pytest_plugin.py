"""A user's tests on a real cluster: the page's own ten lines, what one test leaves the next, what a failure shows."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pages import blocks

ROOT = Path(__file__).parents[2]
INSTALLED = [e for e in importlib.metadata.entry_points(group="pytest11") if e.value == "emrlite.pytest_plugin"]
SECONDS = 540

pytest.importorskip("pyarrow", reason="the extra demo is not installed")

#: One run, in this order, on one cluster.
MORE = """
import time
from emrlite.testing import *

SEEN = {}


def test_leaves_things_behind(emr_client, s3_client, emr_cluster):
    command = "hdfs dfs -mkdir -p /data /user/hadoop/mine && hdfs dfs -ls /"
    step = run_step(emr_client, emr_cluster, "bash", "-c", command)
    assert_completed(step)
    assert "/data" in read_log(emr_client, s3_client, step)
    step = {"Name": "sleeps", "ActionOnFailure": "CONTINUE",
            "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["sleep", "300"]}}
    SEEN["sleeps"], = emr_client.add_job_flow_steps(JobFlowId=emr_cluster, Steps=[step])["StepIds"]
    SEEN["cluster"], SEEN["time"] = emr_cluster, time.monotonic()


def test_finds_a_fresh_hdfs(emr_client, s3_client, emr_cluster):
    print(f"reset took {time.monotonic() - SEEN['time']:.2f} s")
    assert emr_cluster == SEEN["cluster"]
    assert_state(describe_step(emr_client, emr_cluster, SEEN["sleeps"]), "CANCELLED")
    step = run_step(emr_client, emr_cluster, "hdfs", "dfs", "-ls", "-R", "/")
    assert_completed(step)
    found = {line.split()[-1] for line in read_log(emr_client, s3_client, step).splitlines()}
    assert {"/tmp", "/user/hadoop", "/user/spark/warehouse", "/var/log/spark/apps"} <= found
    assert found.isdisjoint({"/data", "/user/hadoop/mine"})


def test_fails(emr_client, emr_cluster):
    code = "raise KeyError('no such word')"
    assert_completed(run_step(emr_client, emr_cluster, "python3", "-c", code, name="explodes"))


def test_bootstrap_fails(s3_client, emr_clusters):
    upload(s3_client, b"#!/bin/sh\\necho no such package >&2\\nexit 4\\n", "s3://code/install.sh")
    emr_clusters(core=1, BootstrapActions=[{"Name": "install", "ScriptBootstrapAction": {"Path": "s3://code/install.sh"}}])
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What one run of pytest says, in a folder with the blocks of docs/pytest.md and with the tests above."""
    folder = tmp_path_factory.mktemp("project")
    for block in blocks(ROOT / "docs/pytest.md"):
        if "title" in block.options:
            (folder / block.options["title"]).write_text(block.text)
    (folder / "test_zmore.py").write_text(MORE)
    plugin = [] if INSTALLED else ["-p", "emrlite.pytest_plugin"]
    command = [sys.executable, "-m", "pytest", *plugin, "-W", "error", "-p", "no:cacheprovider", "-rA", "--tb=short",
               "--durations=0", f"--basetemp={folder / 'tmp'}"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(command, cwd=folder, env={**environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
                          timeout=SECONDS)
    yield done.stdout + done.stderr
    left = [process for process in psutil.process_iter() if str(folder) in " ".join(_words(process))]
    assert psutil.wait_procs(left, 10)[1] == []


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.parametrize(("test", "outcome"), [
    ("test_words.py::test_words_are_counted", "PASSED"),
    ("test_zmore.py::test_leaves_things_behind", "PASSED"),
    ("test_zmore.py::test_finds_a_fresh_hdfs", "PASSED"),
    ("test_zmore.py::test_fails", "FAILED"),
    ("test_zmore.py::test_bootstrap_fails", "FAILED"),
])
def test_a_users_test_ends_as_it_should(printed: str, test: str, outcome: str):
    assert re.search(rf"^{outcome} {test}\b", printed, re.MULTILINE), printed


def test_the_test_in_the_documentation_has_no_more_than_ten_lines():
    (text,) = [block.text for block in blocks(ROOT / "docs/pytest.md") if "test_" in block.options.get("title", "")]
    assert len(text.splitlines()) <= 10


def test_a_failed_step_is_seen_in_the_report_with_its_reason_and_the_end_of_its_logs(printed: str):
    section = printed.partition("-- emrlite step ")[2]
    title = r"s-\w+ of j-\w+ --+\nFAILED  exit code 1\nexplodes: command-runner.jar python3 -c"
    assert re.match(title, section), printed
    assert "message  KeyError: 'no such word'" in section
    assert "--- stderr\nTraceback (most recent call last):" in section


def test_a_failed_bootstrap_action_is_seen_in_the_report(printed: str):
    raised = r"DidNotComeUp: cluster j-\w+ \(test_bootstrap_fails\) is TERMINATED_WITH_ERRORS"
    assert re.search(raised, printed), printed
    assert re.search(r"TERMINATED_WITH_ERRORS  BOOTSTRAP_FAILURE .*bootstrap action 1 returned a non-zero", printed)
    assert re.search(r"--- bootstrap action 1 on \S+, stderr\nno such package\n", printed), printed
