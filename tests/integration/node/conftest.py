import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from emrlite.node import places, programs, steps
from emrlite.node.layout import NodeInfo, Peer

#: Stands in for Java: says what it was started with, then does what its node's file ``java-does`` says.
JAVA = """\
#!/bin/sh
for word in "$@"; do printf '<%s>\\n' "$word"; done
[ -f "{does}" ] && . "{does}"
exit 0
"""


class Node:
    """A node without a JVM."""

    def __init__(self, info: NodeInfo) -> None:
        self.info = info
        self.does = Path(info.java_home, "java-does")

    def environ(self) -> dict[str, str]:
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
        return steps.environment(self.info, step_id="s-1", credentials=keys, environ=os.environ)

    def start(self, *argv: str, **more) -> subprocess.Popen[str]:
        work = Path(self.info.root, "work")
        work.mkdir(exist_ok=True)
        program = self.info.layout.bin / argv[0]
        return subprocess.Popen(
            [program if program.exists() else argv[0], *argv[1:]], env=self.environ() | more, cwd=work, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip

    def run(self, *argv: str, **more) -> subprocess.CompletedProcess[str]:
        with self.start(*argv, **more) as process:
            try:
                out, err = process.communicate(timeout=30)
            finally:
                process.kill()
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    def words(self, *argv: str, **more) -> list[str]:
        """Run a program and return what Java was started with."""
        done = self.run(*argv, **more)
        assert done.returncode == 0, done.stderr
        return [line[1:-1] for line in done.stdout.splitlines()]


@pytest.fixture
def node(tmp_path) -> Node:
    """The master of a cluster with one core node; its directory has a space in its name."""
    java = tmp_path / "java home"
    (java / "bin").mkdir(parents=True)
    (java / "bin/java").write_text(JAVA.format(does=java / "java-does"))
    (java / "bin/java").chmod(0o755)
    engine = tmp_path / "engine"
    for part in ("jars", "python/lib", "examples/src/main/python"):
        (engine / part).mkdir(parents=True)
    core = Peer(name="core-1", address="127.9.9.2", root=str(tmp_path / "core 1"))
    master = NodeInfo(
        cluster_id="j-1ABCDEFGHIJKL", cluster_created=1700000000.5, region="us-east-1", name="master", role="MASTER",
        instance_id="i-0", address="127.9.9.1", root=str(tmp_path / "the master"), spark_home=str(engine),
        spark_version="4.1.1", scala_version="2.13", java_home=str(java), python=sys.executable, tools="/none",
        spark_master="spark://127.9.9.1:7077", default_fs="hdfs://127.9.9.1:8020", aws_endpoint="http://127.0.0.1:1",
        s3_endpoint="http://127.0.0.1:1", instance_type="m5.xlarge", vcpu=4, yarn_memory=12288, cluster_vcpu=4,
        core=(core,), applications=("Hadoop", "Spark"))  # fmt: skip
    for info in (master, replace(master, name="core-1", role="CORE", root=core.root, address=core.address)):
        programs.write(info)
        info.write()
        info.layout.conf.mkdir()
    assert Path(places.spark_home(master), "bin/spark-submit").exists()
    return Node(master)
