"""``emrlite exec``: a command on a node, with the node laid out and no daemon running."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from emrlite.cluster.model import ClusterSpec, ClusterStatus, InstanceGroup, NodeSpec, Role
from emrlite.cluster.states import ClusterState
from emrlite.cluster.store import Store
from emrlite.node import isolation, programs, safety, view
from emrlite.node.layout import NodeInfo, Peer
from emrlite.node.view import Kept

ID = "j-EXEC123456789"
CORE_SITE = """<?xml version="1.0"?>
<configuration>
  <property><name>fs.s3a.access.key</name><value>key of the node</value></property>
  <property><name>fs.s3a.secret.key</name><value>its secret</value></property>
</configuration>
"""

Exec = Callable[..., subprocess.CompletedProcess[str]]


def lay_out(home: Path, name: str) -> NodeInfo:
    root = home / "clusters" / ID / name
    info = NodeInfo(
        cluster_id=ID, cluster_created=1.0, region="eu-west-1", name=name, role="CORE", instance_id=f"i-{name}",
        address="127.9.9.1", root=str(root), spark_home="/engine", spark_version="4.1.1", scala_version="2.13",
        java_home="/java", python=sys.executable, tools="/tools", spark_master="spark://127.9.9.1:7077",
        default_fs="hdfs://127.9.9.1:8020", aws_endpoint="http://127.0.0.1:4566", s3_endpoint="http://127.0.0.1:9",
        instance_type="m5.xlarge", vcpu=4, yarn_memory=12288, cluster_vcpu=4,
        core=(Peer(name="core-1", address="127.9.9.2", root=str(root)),), applications=("Hadoop",))  # fmt: skip
    for folder in (info.layout.conf, info.layout.home):
        folder.mkdir(parents=True)
    (info.layout.conf / "core-site.xml").write_text(CORE_SITE)
    programs.write(info)
    info.write()
    return info


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    nodes = [
        NodeSpec(id=f"ci-{name}", instance_id=f"i-{name}", group_id="ig-1", role=role, instance_type="m5.xlarge",
                 index=index, name=name)
        for index, (name, role) in enumerate([("master", Role.MASTER), ("core-1", Role.CORE)], 1)
    ]  # fmt: skip
    groups = (InstanceGroup(id="ig-1", role=Role.MASTER, instance_type="m5.xlarge", count=1),)
    spec = ClusterSpec(id=ID, account="1", region="eu-west-1", name="x", release_label="emr-7.12.0", created=1.0,
                       groups=groups, nodes=tuple(nodes))  # fmt: skip
    for node in nodes:
        lay_out(home, node.name)
    Store(home / "emrlite.db").create(spec, ClusterStatus(state=ClusterState.WAITING))
    return home


@pytest.fixture
def run(home: Path) -> Exec:
    env = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "EMRLITE_HOME": str(home), "MINE": "of the user"}

    def call(*words: str, **kept: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "emrlite", "exec", *words]
        return subprocess.run(command, text=True, timeout=60, check=False, env=env,
                              **{"capture_output": True, **kept})  # type: ignore[call-overload, no-any-return]

    return call


def test_a_command_has_the_nodes_environment_its_home_and_its_own_exit_code(run: Exec, home: Path) -> None:
    script = 'echo "$PWD|$HOME|$USER|$AWS_REGION|$AWS_ACCESS_KEY_ID|$MINE|$EMR_CLUSTER_ID"; exit 7'
    done = run("j-EXEC", "--", "bash", "-c", script)

    own = home / "clusters" / ID / "master/home/hadoop"
    assert done.stdout == f"{own}|{own}|hadoop|eu-west-1|key of the node||{ID}\n", done.stderr
    assert done.returncode == 7


@pytest.mark.parametrize("words", [
    ("--node", "core-1", ID), (ID, "--node", "core-1"), (ID, "--node=i-core-1"),
])  # fmt: skip
def test_another_node_is_named_before_or_behind_the_cluster(run: Exec, home: Path, words: tuple[str, ...]) -> None:
    assert run(*words, "--", "pwd").stdout == f"{home}/clusters/{ID}/core-1/home/hadoop\n"


def test_standard_input_goes_on_only_where_asked_for(run: Exec) -> None:
    assert run(ID, "--", "cat", input="words").stdout == ""
    assert run("-i", ID, "--", "cat", input="words").stdout == "words"


def test_a_terminal_is_handed_on_and_missed_where_it_is_none(run: Exec) -> None:
    ours, theirs = pty.openpty()
    try:
        done = run("-it", ID, "--", "sh", "-c", "test -t 0 && echo a terminal", stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.stdout == "a terminal\n", done.stderr

    refused = run("-it", ID, "--", "true", input="")
    assert refused.returncode == 2
    assert "-t needs a terminal" in refused.stderr


def test_a_command_sees_what_the_programs_of_the_node_see(run: Exec, home: Path) -> None:
    found = isolation.find(home, "auto")
    if found.level == "none":
        pytest.skip(isolation.describe(found))
    info = replace(NodeInfo.read(home / "clusters" / ID / "master"), view=found.level)
    kept = Kept(writable=(str(home),), others=tuple(isolation._of_python()))
    view.lay_out(info.layout.root, programs.scripts(info), safety.shims(), found, kept)
    info.write()

    done = run(ID, "--", "sh", "-c", "pwd; ls /home; echo x > /mnt/made; exit 7")

    assert (done.stdout, done.returncode) == (f"{info.layout.home}\nhadoop\n", 7), done.stderr
    assert (info.layout.root / "mnt/made").exists()


def test_the_machine_of_the_user_is_guarded_as_in_a_step(run: Exec) -> None:
    done = run(ID, "--", "sudo", "shutdown", "-h", "now")

    assert done.returncode == 1
    assert "shutdown -h now was not carried out" in done.stderr


@pytest.mark.parametrize(("words", "said"), [
    (("--node", "core-9", ID, "--", "true"), "has no node 'core-9'; it has master, core-1"),
    (("j-NONE", "--", "true"), "cluster 'j-NONE' is unknown here"),
    ((ID,), "Missing argument 'COMMAND...'"),
    ((ID, "--"), "no command"),
    ((ID, "--nodes", "x", "--", "true"), "exec has no option --nodes"),
    ((ID, "--", "no-such-program"), 'Cannot run program "no-such-program"'),
])  # fmt: skip
def test_what_cannot_be_done_is_said(run: Exec, words: tuple[str, ...], said: str) -> None:
    done = run(*words)

    assert done.returncode != 0
    assert said in done.stderr, done.stderr


def test_nodes_of_an_ended_cluster_are_gone(run: Exec, home: Path) -> None:
    (home / "clusters" / ID / "core-1/stopped").touch()
    assert "core-1" in run("--node", "core-1", ID, "--", "true").stderr

    store = Store(home / "emrlite.db")
    assert store.save_status(ID, ClusterStatus(state=ClusterState.TERMINATED), generation=1, final=True)
    done = run(ID, "--", "true")
    assert done.returncode == 1
    assert f"{ID} is TERMINATED" in done.stderr
