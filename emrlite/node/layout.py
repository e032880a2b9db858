"""Where things lie on a node, and what its programs may know about it.

A node is a directory that mirrors an EMR instance below ``mnt/`` and ``home/``; a mount namespace
puts it in the place of the real ones where there are any (`emrlite.node.view`).  ``node.json`` in it is
written by the driver before anything starts there, and read by the programs on the node's
``PATH`` (`emrlite.node.programs`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

#: Variable that tells a program on a node which directory its node is.
NODE_VARIABLE = "EMRLITE_NODE"


@dataclass(frozen=True)
class Layout:
    """The paths of one node."""

    root: Path

    @property
    def bin(self) -> Path:
        """Programs; first on the node's ``PATH``."""
        return self.root / "bin"

    @property
    def conf(self) -> Path:
        """``HADOOP_CONF_DIR`` and ``SPARK_CONF_DIR`` in one."""
        return self.root / "conf"

    @property
    def executor_java(self) -> Path:
        """``JAVA_HOME`` of the node's Spark worker, by which its executors may be JVMs that were started ahead."""
        return self.root / "executor-java"

    @property
    def home(self) -> Path:
        """Home of the user hadoop."""
        return self.root / "home" / "hadoop"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    @property
    def info(self) -> Path:
        """``/mnt/var/lib/info``: ``instance.json`` and ``job-flow.json``."""
        return self.root / "mnt/var/lib/info"

    @property
    def namenode(self) -> Path:
        return self.root / "mnt/namenode"

    @property
    def hdfs(self) -> Path:
        """Blocks of the node's DataNode."""
        return self.root / "mnt/hdfs"

    @property
    def spark_work(self) -> Path:
        """Work directory of the node's Spark worker: ``<application id>/<executor>/{stdout,stderr}``."""
        return self.root / "mnt/spark"

    @property
    def view(self) -> Path:
        """Plan of what the node's processes see (`emrlite.node.view`); without one it is what the machine has."""
        return self.root / "view" / "plan"

    @property
    def processes(self) -> Path:
        """Records of the node's processes (`emrlite.node.process`)."""
        return self.root / "processes"

    @property
    def daemon_logs(self) -> Path:
        return self.root / "mnt/var/log/daemons"

    @property
    def container_logs(self) -> Path:
        """``<application id>/<container id>/{stdout,stderr}`` of drivers in cluster mode."""
        return self.root / "mnt/var/log/containers"

    def bootstrap_logs(self, number: int) -> Path:
        """``controller``, ``stdout``, ``stderr`` of bootstrap action *number*, from 1."""
        return self.root / "mnt/var/log/bootstrap-actions" / str(number)

    def step_logs(self, step_id: str) -> Path:
        """``controller``, ``syslog``, ``stdout``, ``stderr`` of a step."""
        return self.root / "mnt/var/log/hadoop/steps" / step_id

    def step_work(self, step_id: str) -> Path:
        """A step's working directory; agents read the step id from its last part."""
        return self.root / "mnt/var/lib/hadoop/steps" / step_id


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Another node of the cluster, as programs need it: its name, address and directory."""

    name: str
    address: str
    root: str


@dataclass(frozen=True, kw_only=True)
class NodeInfo:
    """What ``node.json`` holds.  No secrets."""

    cluster_id: str
    cluster_created: float
    region: str
    name: str
    role: str
    instance_id: str
    address: str
    root: str
    spark_home: str  #: overlay home: ``own/`` and ``jars/`` are the one class path
    spark_version: str
    scala_version: str
    java_home: str
    python: str  #: what drivers and executors run
    tools: str  #: directory that holds ``aws``
    spark_master: str  #: ``spark://address:port``
    default_fs: str  #: ``hdfs://address:port``
    aws_endpoint: str
    s3_endpoint: str
    instance_type: str
    vcpu: int
    yarn_memory: int  #: MiB, the type's YARN maximum, offered by its worker
    cluster_vcpu: int  #: of all core and task nodes
    core: tuple[Peer, ...]
    applications: tuple[str, ...]
    archive: str = ""  #: class-data archive of every JVM, if there is one
    view: str = "none"  #: how much of a view of its own the node has (`emrlite.node.view.Level`)

    @property
    def layout(self) -> Layout:
        return Layout(Path(self.root))

    def write(self) -> None:
        """Put ``node.json`` in the node's directory."""
        path = Path(self.root) / "node.json"
        new = path.with_name("node.json.new")
        new.write_bytes(msgspec.json.format(msgspec.json.encode(self)))
        new.replace(path)  # whole or not at all: it says that the node is laid out

    @classmethod
    def read(cls, root: Path) -> NodeInfo:
        return _NODE_INFO.decode((root / "node.json").read_bytes())


#: Made while one thread alone imports this: see `emrlite.cluster.store`.
_NODE_INFO = msgspec.json.Decoder(NodeInfo)
