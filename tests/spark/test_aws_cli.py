"""The aws CLI that set-up brings, against an emulator that runs no processes of clusters."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emrlite.node import engines
from emrlite.server import Emulator
from emrlite.settings import Settings

Aws = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    program = engines.ensure(Settings.load(), print, whole=True).tools / "aws"
    home = tmp_path_factory.mktemp("home")
    with Emulator(Settings(home=home, timing="instant", s3="moto"), tethered=True) as emulator:
        env = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "AWS_ENDPOINT_URL": emulator.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_PAGER": "", "NO_PROXY": "127.0.0.0/8,127.0.0.1",
        }

        def run(*arguments: str) -> tuple[int, str]:
            done = subprocess.run(
                [program, *arguments], env=env, capture_output=True, text=True, timeout=120, check=False)
            return done.returncode, done.stdout + done.stderr

        yield run


def wait_until(look: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(100):
        if look():
            return
        pause.wait(0.2)
    pytest.fail("it did not come about in time")


def test_a_cluster_from_create_to_terminate(aws: Aws, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("print(1)\n")
    assert aws("s3", "mb", "s3://cli")[0] == 0
    assert aws("s3", "cp", str(tmp_path / "app.py"), "s3://cli/app.py")[0] == 0
    code, text = aws(
        "emr", "create-cluster", "--name", "cli", "--release-label", "emr-7.12.0", "--applications", "Name=Spark",
        "--use-default-roles", "--instance-type", "m5.xlarge", "--instance-count", "3", "--log-uri", "s3://cli/logs/")
    assert code == 0, text
    cluster = json.loads(text)["ClusterId"]

    def shown(*query: str) -> str:
        return aws(*query, "--output", "text")[1].strip()

    def state() -> str:
        return shown("emr", "describe-cluster", "--cluster-id", cluster, "--query", "Cluster.Status.State")

    wait_until(lambda: state() == "WAITING")
    code, text = aws(
        "emr", "add-steps", "--cluster-id", cluster, "--steps",
        "Type=Spark,Name=job,ActionOnFailure=CONTINUE,Args=[--deploy-mode,cluster,s3://cli/app.py]")
    assert code == 0, text
    listing = ("emr", "list-steps", "--cluster-id", cluster, "--query", "Steps[0].[Name,Status.State]")
    wait_until(lambda: shown(*listing).split() == ["job", "COMPLETED"])
    assert cluster in shown("emr", "list-clusters", "--active", "--query", "Clusters[].Id")
    assert aws("emr", "modify-cluster-attributes", "--cluster-id", cluster, "--termination-protected")[0] == 0
    code, text = aws("emr", "terminate-clusters", "--cluster-ids", cluster)
    assert code != 0
    assert "termination protected" in text
    assert aws("emr", "modify-cluster-attributes", "--cluster-id", cluster, "--no-termination-protected")[0] == 0
    assert aws("emr", "terminate-clusters", "--cluster-ids", cluster) == (0, "")
    wait_until(lambda: state() == "TERMINATED")


def test_what_is_not_there_is_named(aws: Aws) -> None:
    code, text = aws("emr", "list-studios")
    assert code != 0
    assert "emrlite does not implement the operation ListStudios" in text
    code, text = aws("emr", "describe-cluster", "--cluster-id", "j-NONE")
    assert code != 0
    assert "Cluster id 'j-NONE' is not valid." in text
