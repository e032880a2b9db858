"""``emrlite history`` as far as it goes without a JVM: what it shows nothing of, and says so."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emrlite.cluster.model import ClusterSpec, ClusterStatus, InstanceGroup, NodeSpec, Role
from emrlite.cluster.store import Store

ID = "j-HISTORY123456"
History = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    group = InstanceGroup(id="ig-1", role=Role.MASTER, instance_type="m5.xlarge", count=1)
    node = NodeSpec(id="ci-1", instance_id="i-1", group_id="ig-1", role=Role.MASTER, instance_type="m5.xlarge", index=1,
                    name="master")
    spec = ClusterSpec(id=ID, account="1", region="us-east-1", name="x", release_label="emr-7.12.0", created=1.0,
                       groups=(group,), nodes=(node,))
    Store(home / "emrlite.db").create(spec, ClusterStatus())
    return home


@pytest.fixture
def history(home: Path) -> History:
    env = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ} | {"EMRLITE_HOME": str(home)}

    def call(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "emrlite", "history", *words], capture_output=True, text=True,
                              timeout=60, check=False, env={**env, **variables})

    return call


def logged(home: Path) -> None:
    (home / "clusters" / ID / "event-logs" / "eventlog_v2_application_1_0000").mkdir(parents=True)


@pytest.mark.parametrize(("words", "said"), [
    ((), "no application of this home has left an event log"),
    (("j-HIST",), "no application of j-HIST has left an event log"),
    (("j-NOBODY",), "'j-NOBODY' is unknown here"),
    (("--events", "s3://logs/spark"), "no application of this home has left an event log in s3://logs/spark"),
    (("--events", "s3://"), "is not an S3 location"),
])
def test_where_there_is_nothing_to_show_it_says_so(history: History, words: tuple[str, ...], said: str):
    done = history(*words)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_cluster_or_another_place_but_not_both(history: History):
    done = history(ID, "--events", "here")
    assert done.returncode == 2
    assert "not both" in done.stderr


def test_buckets_that_are_no_folders_have_to_be_copied(history: History):
    done = history("--events", "s3://logs/spark", EMRLITE_S3="moto")
    assert done.returncode == 1
    assert "aws s3 cp --recursive s3://logs/spark FOLDER" in done.stderr


def test_a_taken_port_is_refused_where_it_was_asked_for(history: History, home: Path):
    logged(home)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = history("--port", str(other.getsockname()[1]))
    assert done.returncode == 1
    assert "is taken; choose another with --port" in done.stderr


def test_without_an_engine_it_says_how_to_get_one(history: History, home: Path):
    logged(home)
    done = history("--events", str(home / "clusters" / ID / "event-logs"))
    assert done.returncode == 1
    assert "run `emrlite setup`" in done.stderr
