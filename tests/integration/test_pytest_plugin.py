"""The pytest plugin as users have it: runs of pytest of their own, with an emulator that starts no JVM."""

from __future__ import annotations

import importlib.metadata
import os
import re
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from rig import wait_for

ROOT = Path(__file__).parents[2]
INSTALLED = [e for e in importlib.metadata.entry_points(group="pytest11") if e.value == "emrlite.pytest_plugin"]
SECONDS = 120

#: What the tests of these runs begin with.
HEAD = """
import os
import boto3
import pytest
from moto import mock_aws
from emrlite.testing import *

KEYS = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "y"}
"""


@dataclass
class Project:
    """A folder with tests, and pytest to run them."""

    folder: Path

    @property
    def room(self) -> Path:
        return self.folder / "tmp"

    def command(self, *arguments: str) -> list[str]:
        plugin = [] if INSTALLED else ["-p", "emrlite.pytest_plugin"]
        return [sys.executable, "-m", "pytest", *plugin, "-W", "error", "-p", "no:cacheprovider", "--tb=short",
                "--emrlite-timing=instant", f"--basetemp={self.room}", "-rA", *arguments]

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        return {**kept, "PYTHONPATH": str(ROOT), "EMRLITE_HOME": str(self.folder / "a home")}

    def write(self, tests: str, ini: str = "") -> None:
        (self.folder / "test_it.py").write_text(HEAD + textwrap.dedent(tests))
        (self.folder / "pytest.ini").write_text("[pytest]\n" + textwrap.dedent(ini))

    def start(self, tests: str, *arguments: str, ini: str = "", **environ: str) -> subprocess.Popen[str]:
        self.write(tests, ini)
        return subprocess.Popen(self.command(*arguments), cwd=self.folder, env={**self.environ, **environ}, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, tests: str, *arguments: str, ini: str = "", **environ: str) -> Outcome:
        process = self.start(tests, *arguments, ini=ini, **environ)
        try:
            return Outcome(process.communicate(timeout=SECONDS)[0])
        finally:
            process.kill()
            process.communicate()

    def emulators(self) -> list[psutil.Process]:
        """The processes of this project's emulators, but for zombies."""
        found = []
        for process in psutil.process_iter():
            try:
                words = process.cmdline()
                if any("emrlite.testing.serve" in word for word in words) and any(str(self.room) in w for w in words):
                    found.append(process)
            except psutil.Error:
                continue
        return found


@dataclass
class Outcome:
    """What a run of pytest printed."""

    text: str

    def of(self, test: str) -> str:
        found = re.search(rf"^(PASSED|FAILED|ERROR|SKIPPED) \S+::{re.escape(test)}\b", self.text, re.MULTILINE)
        return found[1] if found else "not run"

    def all_passed(self, number: int) -> bool:
        return bool(re.search(rf"={{3,}} {number} passed in ", self.text))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_step_is_run_and_waited_for_and_its_result_is_a_table(project: Project):
    outcome = project.run("""
        def test_words(emr_client, s3_client, emr_cluster, tmp_path):
            (tmp_path / "folder").mkdir()
            (tmp_path / "folder" / "one.txt").write_text("the cat")
            assert upload(s3_client, tmp_path / "folder", "s3://books/all/") == "s3://books/all/"
            assert s3_client.get_object(Bucket="books", Key="all/one.txt")["Body"].read() == b"the cat"
            step = run_step(emr_client, emr_cluster, "spark-submit", "s3://books/job.py", name="words")
            assert_completed(step)
            assert (step.name, step.state, step.cluster_id) == ("words", "COMPLETED", emr_cluster)
            upload(s3_client, b"", "s3://books/counts/_SUCCESS")
            upload(s3_client, b"word,count\\nthe,2\\n", "s3://books/counts/part-0.csv")
            assert read_table(s3_client, "s3://books/counts").to_pylist() == [{"word": "the", "count": 2}]
            assert isinstance(emr_cluster, str)
            assert emr_client.describe_cluster(ClusterId=emr_cluster)["Cluster"]["Status"]["State"] == "WAITING"
    """)
    assert outcome.all_passed(1), outcome.text
    assert project.emulators() == []


def test_each_test_finds_the_same_cluster_and_nothing_of_the_test_before(project: Project):
    outcome = project.run("""
        ids = []

        def test_one(emr_client, s3_client, emr_cluster, emr_clusters):
            ids.append(emr_cluster)
            upload(s3_client, b"1", "s3://books/one")
            boto3.client("dynamodb").create_table(
                TableName="t", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}])
            emr_client.add_tags(ResourceId=emr_cluster, Tags=[{"Key": "a", "Value": "b"}])
            emr_client.set_termination_protection(JobFlowIds=[emr_cluster], TerminationProtected=True)
            forgotten = emr_client.run_job_flow(
                Name="forgotten", ReleaseLabel="emr-7.12.0", ServiceRole="EMR_DefaultRole",
                JobFlowRole="EMR_EC2_DefaultRole", Instances={"InstanceCount": 1, "MasterInstanceType": "m5.xlarge",
                "KeepJobFlowAliveWhenNoSteps": True, "TerminationProtected": True})["JobFlowId"]
            wait_for_cluster(emr_client, forgotten)

        def test_two(emr_client, s3_client, emr_cluster):
            assert [emr_cluster] == ids
            assert [c["Id"] for c in emr_client.list_clusters()["Clusters"]] == ids
            cluster = emr_client.describe_cluster(ClusterId=emr_cluster)["Cluster"]
            assert (cluster["Tags"], cluster["TerminationProtected"], cluster["AutoTerminate"]) == ([], False, False)
            assert s3_client.list_buckets()["Buckets"] == []
            assert boto3.client("dynamodb").list_tables()["TableNames"] == []
            emr_client.terminate_job_flows(JobFlowIds=[emr_cluster])

        def test_three(emr_client, emr_cluster):
            assert emr_cluster not in ids
            assert_state(describe_cluster(emr_client, emr_cluster), "WAITING")
    """)
    assert outcome.all_passed(3), outcome.text


def test_what_fixtures_put_into_s3_is_there_when_the_test_begins(project: Project):
    outcome = project.run("""
        @pytest.fixture
        def books():
            boto3.client("s3").create_bucket(Bucket="books")

        @pytest.mark.parametrize("n", range(2))
        def test_one(n, books, s3_client):
            assert [b["Name"] for b in s3_client.list_buckets()["Buckets"]] == ["books"]
    """)
    assert outcome.all_passed(2), outcome.text


def test_state_can_live_as_long_as_a_module(project: Project):
    outcome = project.run("""
        @pytest.fixture(scope="module")
        def books(s3_client, emr_cluster):
            upload(s3_client, b"1", "s3://books/one")

        @pytest.mark.parametrize("n", range(2))
        def test_one(n, books, s3_client):
            assert [b["Name"] for b in s3_client.list_buckets()["Buckets"]] == ["books"]
    """, ini="emrlite_scope = module")
    assert outcome.all_passed(2), outcome.text


def test_the_environment_is_set_for_tests_that_use_emrlite_and_no_others(project: Project):
    outcome = project.run("""
        NAMES = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EMR", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION")

        def look():
            return [os.environ.get(name) for name in NAMES]

        def test_before():
            assert look() == [None, "http://elsewhere", "prod", "AKIAREAL", "eu-west-1"]

        def test_inside(emrlite_endpoint):
            assert look() == [emrlite_endpoint, None, None, "test", "us-east-1"]
            assert boto3.client("emr").list_clusters()["Clusters"] == []
            assert boto3.client("sts").get_caller_identity()["Account"] == "123456789012"

        def test_after():
            assert look() == [None, "http://elsewhere", "prod", "AKIAREAL", "eu-west-1"]

        def test_asked_for_late(request):
            url = request.getfixturevalue("emrlite_endpoint")
            request.getfixturevalue("emr_cluster")
            assert os.environ["AWS_ENDPOINT_URL"] == url

        def test_in_the_end():
            assert look() == [None, "http://elsewhere", "prod", "AKIAREAL", "eu-west-1"]
    """, AWS_ENDPOINT_URL_EMR="http://elsewhere", AWS_PROFILE="prod", AWS_ACCESS_KEY_ID="AKIAREAL",
        AWS_DEFAULT_REGION="eu-west-1")
    assert outcome.all_passed(5), outcome.text


def test_mock_aws_beside_and_around_is_unaffected(project: Project):
    outcome = project.run("""
        captured_on_import = boto3.client("s3", **KEYS)

        @mock_aws
        def test_beside():
            captured_on_import.create_bucket(Bucket="inside")
            boto3.client("emr", region_name="us-east-1").list_clusters()
            assert len(boto3.client("s3").list_buckets()["Buckets"]) == 1

        @mock_aws
        def test_around(emr_client, s3_client, emr_cluster):
            captured_on_import.create_bucket(Bucket="inside")
            s3_client.create_bucket(Bucket="emrlites")
            assert [b["Name"] for b in captured_on_import.list_buckets()["Buckets"]] == ["inside"]
            assert [b["Name"] for b in s3_client.list_buckets()["Buckets"]] == ["emrlites"]
            assert_completed(run_step(emr_client, emr_cluster, "true"))
            # One that is made in the test finds the emulator, too.
            assert boto3.client("emr").list_clusters()["Clusters"][0]["Id"] == emr_cluster

        def test_within(emr_client, s3_client):
            s3_client.create_bucket(Bucket="emrlites")
            with mock_aws():
                pass
            assert [b["Name"] for b in s3_client.list_buckets()["Buckets"]] == ["emrlites"]
    """)
    assert outcome.all_passed(3), outcome.text


def test_a_client_of_emr_that_mock_aws_has_captured_is_told_so(project: Project):
    outcome = project.run("""
        emr = boto3.client("emr", **KEYS)

        @mock_aws
        def test_captured(emr_cluster):
            boto3.client("s3", endpoint_url="https://s3.amazonaws.com").create_bucket(Bucket="books")
            emr.describe_cluster(ClusterId=emr_cluster)

        @mock_aws
        def test_alone():
            emr.list_clusters()
    """)
    assert outcome.of("test_captured") == "FAILED"
    assert outcome.of("test_alone") == "PASSED"
    assert "CapturedByMock: mock_aws has captured the client that calls emr DescribeCluster" in outcome.text
    assert "endpoint_url=emrlite_endpoint" in outcome.text
    assert re.search(r"-- emrlite: calls that mock_aws captured --+\n.*\ns3 CreateBucket\n", outcome.text)


def test_clusters_of_a_test_end_with_it_and_take_the_shape_that_is_asked_for(project: Project):
    outcome = project.run("""
        ids = []

        def counts(emr, cluster):
            groups = emr.list_instance_groups(ClusterId=cluster)["InstanceGroups"]
            return {g["InstanceGroupType"]: g["RequestedInstanceCount"] for g in groups}

        def test_shapes(emr_client, emr_cluster, at_the_end, emr_clusters):
            assert counts(emr_client, emr_cluster) == {"MASTER": 1, "CORE": 2}
            ids.append(emr_clusters(core=1, task=3, Name="mine", Instances={"TerminationProtected": True}))
            assert counts(emr_client, ids[0]) == {"MASTER": 1, "CORE": 1, "TASK": 3}
            assert describe_cluster(emr_client, ids[0]).name == "mine"
            step = {"Name": "x", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["true"]}}
            transient = emr_clusters(wait=False, Steps=[step], Instances={"KeepJobFlowAliveWhenNoSteps": False})
            assert_state(wait_for_cluster(emr_client, transient, "TERMINATED"), "TERMINATED")

        @pytest.fixture
        def at_the_end(emr_client):
            yield
            assert_state(describe_cluster(emr_client, ids[0]), "TERMINATED")

        def test_misspelt(emr_clusters):
            emr_clusters(cores=2)
    """, ini="emrlite_core = 2\nemrlite_release = emr-7.12.0")
    assert (outcome.of("test_shapes"), outcome.of("test_misspelt")) == ("PASSED", "FAILED"), outcome.text
    assert "emr_clusters knows no cores; it takes concurrency, core, instance_type" in outcome.text


def test_the_command_line_comes_before_the_ini_file_and_nonsense_is_refused(project: Project):
    tests = """
        def test_count(emr_client, emr_cluster):
            groups = emr_client.list_instance_groups(ClusterId=emr_cluster)["InstanceGroups"]
            assert sum(g["RequestedInstanceCount"] for g in groups) == 4
            assert {g["InstanceType"] for g in groups} == {"r5.xlarge"}
    """
    outcome = project.run(tests, "--emrlite-core=3", ini="emrlite_core = 2\nemrlite_instance_type = r5.xlarge")
    assert outcome.all_passed(1), outcome.text
    outcome = project.run(tests, ini="emrlite_core = two")
    assert "emrlite_core is 'two', which is no int" in outcome.text
    assert "emrlite_xdist is 'both'; it can be worker or shared" in project.run(
        tests, "-n1", ini="emrlite_xdist = both").text
    outcome = project.run(tests, "--emrlite-release=emr-99.0.0")
    assert "The supplied release label is invalid: emr-99.0.0." in outcome.text


def test_a_failing_test_shows_what_emrlite_did_during_it(project: Project):
    outcome = project.run("""
        def test_before(emr_client, emr_cluster):
            run_step(emr_client, emr_cluster, "true", name="earlier")

        def test_fails(emr_client, emr_cluster):
            step = run_step(emr_client, emr_cluster, "true", name="mine")
            assert_failed(step)
    """)
    shown = r"-- emrlite step s-\w+ of j-\w+ --+\nCOMPLETED  exit code 0\nmine: command-runner.jar true\n"
    assert re.search(shown, outcome.text)
    assert re.search(r"-- emrlite cluster j-\w+ --+\n(RUNNING|WAITING)  \w", outcome.text)
    assert "earlier: command-runner.jar" not in outcome.text
    assert re.search(r"AssertionError: step s-\w+ \(mine\) of j-\w+ is COMPLETED\n.*expected FAILED", outcome.text)


def test_after_a_failure_the_clusters_can_be_kept(project: Project):
    outcome = project.run("""
        def test_fails(emr_clusters, emr_cluster):
            emr_clusters(Name="to be looked at")
            assert False

        def test_never_run():
            pass
    """, "--emrlite-keep-on-failure")
    assert outcome.of("test_fails") == "FAILED"
    assert outcome.of("test_never_run") == "not run"
    (emulator,) = project.emulators()
    try:
        found = re.search(r"end: +kill (\d+)", outcome.text)
        assert found is not None, outcome.text
        assert int(found[1]) == emulator.pid
        look = re.search(r"look: +emrlite --home (\S+) clusters", outcome.text)
        assert look is not None
        listed = subprocess.run([sys.executable, "-m", "emrlite", "--home", look[1], "clusters"], text=True,
                                env=project.environ, capture_output=True, timeout=60)
        assert "to be looked at" in listed.stdout, listed
        assert listed.stdout.count("WAITING") == 2
    finally:
        emulator.terminate()
        psutil.wait_procs([emulator], 30)
    assert project.emulators() == []


@pytest.mark.parametrize("mode", ["worker", "shared"])
def test_after_a_failure_under_xdist_the_clusters_of_the_failed_test_can_be_kept(project: Project, mode: str):
    outcome = project.run("""
        import pathlib, time
        note = pathlib.Path(__file__).with_name("note")

        @pytest.mark.parametrize("n", range(40))
        def test_one(n, emr_clusters, emr_cluster):
            if n == 0:
                emr_clusters(Name="to be looked at")
                note.touch()
                assert False
            time.sleep(0.2)
    """, "-n2", f"--emrlite-xdist={mode}", "--emrlite-keep-on-failure")
    kept = project.emulators()
    try:
        assert "\nFAILED test_it.py::test_one[0]" in outcome.text, outcome.text
        assert outcome.text.count("PASSED ") < 39, "the run ends at the first failure"
        wait_for(lambda: len(project.emulators()) == 1, 30, "the end of the other worker's emulator")
        (emulator,) = project.emulators()
        look = re.search(r"look: +emrlite --home (\S+) clusters", outcome.text)
        assert look is not None, outcome.text
        assert f"end:     kill {emulator.pid}" in outcome.text
        listed = subprocess.run([sys.executable, "-m", "emrlite", "--home", look[1], "clusters"], text=True,
                                env=project.environ, capture_output=True, timeout=60)
        assert "to be looked at" in listed.stdout, listed
    finally:
        for process in kept:
            process.terminate()
        psutil.wait_procs(kept, 30)
    assert project.emulators() == []


@pytest.mark.parametrize(("mode", "expected"), [("worker", 2), ("shared", 1)])
def test_workers_of_xdist_have_an_emulator_each_or_share_one(project: Project, mode: str, expected: int):
    outcome = project.run("""
        @pytest.mark.parametrize("n", range(6))
        def test_one(n, emr_client, emr_cluster, emrlite_endpoint, tmp_path_factory):
            with open(tmp_path_factory.getbasetemp().parent / "seen", "a") as file:
                file.write(f"{os.environ['PYTEST_XDIST_WORKER']} {emrlite_endpoint} {emr_cluster}\\n")
            assert_completed(run_step(emr_client, emr_cluster, "true"))
    """, "-n2", f"--emrlite-xdist={mode}")
    assert outcome.all_passed(6), outcome.text
    seen = [line.split() for line in (project.room / "seen").read_text().splitlines()]
    assert {worker for worker, _, _ in seen} == {"gw0", "gw1"}
    assert len({url for _, url, _ in seen}) == len({cluster for _, _, cluster in seen}) == expected
    wait_for(lambda: project.emulators() == [], 30, "the end of the emulators")


def test_a_worker_that_dies_leaves_no_cluster(project: Project):
    outcome = project.run("""
        import pathlib, time
        note = pathlib.Path(__file__).with_name("note")

        def test_dies(emr_clusters):
            note.write_text(emr_clusters())
            os._exit(3)

        def test_looks(emr_client):
            deadline = time.monotonic() + 30
            while not note.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            assert_state(wait_for_cluster(emr_client, note.read_text(), "TERMINATED", timeout=20), "TERMINATED")
    """, "-n2", "--emrlite-xdist=shared")
    assert outcome.of("test_looks") == "PASSED", outcome.text
    assert "crashed while running 'test_it.py::test_dies'" in outcome.text


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_leaves_no_process(project: Project, how: signal.Signals):
    process = project.start("""
        import time

        def test_hangs(emr_cluster, s3_client):
            s3_client.list_buckets()
            time.sleep(100)
    """)
    try:
        room = project.room / "emrlite0"
        wait_for(lambda: (room / "warm-cluster").exists() and list(room.glob("state/services/*/moto.pid")), 60)
        (emulator,) = project.emulators()
        family = [emulator, *emulator.children(recursive=True)]
        assert len(family) > 1, "moto runs beside it"
        process.send_signal(how)
        process.communicate(timeout=30)
        _, left = psutil.wait_procs(family, 15)
        assert left == []
    finally:
        process.kill()
        process.communicate()


def test_an_emulator_that_cannot_start_says_why_in_one_sentence(project: Project):
    (project.folder / "a home").mkdir()
    (project.folder / "a home" / "emrlite.toml").write_text("colour = 'red'\n")
    outcome = project.run("def test_it(emr_cluster): pass")
    assert outcome.of("test_it") == "ERROR"
    assert "emrlite: there is no setting 'colour'" in outcome.text
    assert "pytest_plugin.py" not in outcome.text


def test_an_emulator_that_died_is_told_from_a_test_that_failed(project: Project):
    outcome = project.run("""
        import json, os, signal

        def test_it(emr_client, emr_cluster, tmp_path_factory):
            found = json.loads((tmp_path_factory.getbasetemp() / "emrlite0" / "emulator.json").read_text())
            os.kill(found["pid"], signal.SIGKILL)
            os.waitpid(found["pid"], 0)
            assert False

        def test_next(emr_client):
            pass
    """)
    assert "-- emrlite: the emulator has died --" in outcome.text, outcome.text
    assert outcome.of("test_next") == "ERROR"
    assert "emrlite: the emulator has died: " in outcome.text
