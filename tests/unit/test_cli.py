"""What commands say to a shell and to somebody whose first job fails."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner
from moto import mock_aws
from simulation import spec

from emrlite.cli import group
from emrlite.cli.follow import for_the_next_run, lost, written
from emrlite.cli.run import misplaced
from emrlite.cluster.model import ClusterStatus, NodeStatus
from emrlite.cluster.states import InstanceState
from emrlite.cluster.store import Record
from emrlite.settings import Settings

HINT = "emrlite: hint: there is no bucket boks; make it first: aws --endpoint-url http://127.0.0.1:36829 s3 mb s3://boks"


def env(home: Path, *words: str) -> str:
    done = CliRunner().invoke(group, ["--home", str(home), "env", *words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set-up's programs in a home, and a PATH on which there is nothing."""
    found = tmp_path / "a home/tools/bin"
    found.mkdir(parents=True)
    (found / "aws").touch(0o755)
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    return found


def test_a_shell_without_an_aws_cli_is_given_the_one_of_setup(programs: Path):
    assert f"export PATH=\"$PATH\":'{programs}'\n" in env(programs.parents[1])


def test_the_aws_cli_of_the_machine_stays_the_one_of_the_shell(programs: Path, tmp_path: Path):
    (tmp_path / "empty/aws").touch(0o755)

    assert "PATH" not in env(programs.parents[1])


def test_no_aws_cli_is_promised_that_setup_has_not_brought(programs: Path):
    (programs / "aws").unlink()

    assert "PATH" not in env(programs.parents[1])


def test_unset_takes_the_aws_cli_of_setup_away_again(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", f"/usr/bin:{programs}")

    assert "export PATH=/usr/bin\n" in env(programs.parents[1], "--unset")


def test_a_missing_bucket_is_made_without_the_endpoint_that_ended_with_the_job():
    said = for_the_next_run(HINT, Settings(home=Path("/a home")))

    assert said.endswith("make it first: mkdir '/a home/s3/boks', or emrlite run --input LOCAL=s3://boks/… makes it")


def test_a_bucket_in_memory_can_only_be_made_by_the_run_that_uses_it():
    said = for_the_next_run(HINT, Settings(home=Path("/home"), s3="moto"))

    assert said.endswith("make it first: emrlite run --input LOCAL=s3://boks/… makes it")


def test_advice_about_an_s3_endpoint_that_goes_on_stays_as_it_is():
    assert for_the_next_run(HINT, Settings(home=Path("/home"), s3="http://127.0.0.1:9000")) == HINT


@pytest.mark.parametrize("words", [["--input", "./data=s3://in/"], ["--input=./data=s3://in/"]])
def test_an_upload_that_stands_behind_the_job_is_shown_where_it_belongs(words: list[str]):
    assert f"emrlite run {' '.join(words)} job.py …" in (misplaced("job.py", ["2013", *words]) or "")


@pytest.mark.parametrize("words", [["--input", "s3://in/"], ["--input"], ["--output=a", "s3://in/"], []])
def test_a_job_has_an_option_of_the_same_name_for_itself(words: list[str]):
    assert misplaced("job.py", words) is None


@mock_aws
def test_results_are_looked_for_where_the_arguments_point_and_then_anywhere():
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    objects = (("mine", "out/part-0"), ("mine", "in.csv"), ("others", "out/part-0"), ("emrlite-run", "1/job.py"))
    for bucket, key in objects:
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=key)
    spared = ("s3://emrlite-run/", "s3://mine/in.csv")
    job = ["spark-submit", "s3://emrlite-run/1/job.py", "s3://mine/in.csv"]
    assert written(s3, [*job, "s3a://mine/out/"], 0, spared) == ["s3://mine/out/"]
    assert written(s3, [*job, "s3://absent/out", "s3://mine/nothing"], 0, spared) == ["s3://mine/out/", "s3://others/out/"]
    assert written(s3, [*job, "s3://mine"], 2**40, spared) == [], "all of it was there before"


def test_lost_nodes_are_told_of_once():
    def node(reason: str, code: str = "INSTANCE_FAILURE") -> NodeStatus:
        return NodeStatus(state=InstanceState.TERMINATED, reason_code=code, reason=reason)

    nodes = {"master": node("it was asked for", "CLUSTER_TERMINATED"), "core-1": node("datanode of core-1 ended"),
             "core-2": node("datanode of core-2 ended")}
    status = ClusterStatus(reason_code="INSTANCE_FAILURE", reason="datanode of core-1 ended", nodes=nodes)
    assert lost(Record(spec=spec(), generation=1, status=status)) == ["datanode of core-2 ended"]
