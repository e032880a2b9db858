"""What the daemons of a node are started with.  Pure: `emrlite explain` shows what is rendered here.

All daemons of a node share one JVM, as they share one fate: half the memory, and two thirds of the processor time
until they are ready.  Their main classes are run by ``java_classes/Node.java``, which waits for the masters of
a daemon, so that all nodes start at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emrlite.cluster.model import NodeSpec
from emrlite.node.addresses import Network
from emrlite.node.engines import MODULE_OPTIONS, Engine
from emrlite.node.java_options import DAEMON, OPEN_CLASS_PATH, contents, own_archives, sharing
from emrlite.node.layout import Layout
from emrlite.node.own_classes import NODE

_MAIN = {
    "namenode": "org.apache.hadoop.hdfs.server.namenode.NameNode",
    "datanode": "org.apache.hadoop.hdfs.server.datanode.DataNode",
    "spark-master": "org.apache.spark.deploy.master.Master",
    "spark-worker": "org.apache.spark.deploy.worker.Worker",
}
_HEAP = {"namenode": 256, "datanode": 128, "spark-master": 256, "spark-worker": 256}  # MiB

#: A worker that its master does not take yet waits 5 to 15 s for its next try, so it begins once the master's page says
#: that it is alive.  DataNodes try again at once.
_AFTER = {"spark-worker": "spark-master-ui"}

#: What a daemon, or a JVM that was started ahead, takes of the machine while it waits, in MiB: about its part of a
#: resident size.
FOOTPRINT = {
    "namenode": 180, "datanode": 120, "spark-master": 100, "spark-worker": 100, "driver": 350, "executor": 400,
}  # fmt: skip

#: Loggers of each daemon: those that belong to its family, and its own.
_OF_HDFS = ("org.apache.hadoop", "BlockStateChange", "SecurityLogger")
_LOGGERS = {
    "namenode": (_OF_HDFS, "org.apache.hadoop.hdfs.server.namenode"),
    "datanode": (_OF_HDFS, "org.apache.hadoop.hdfs.server.datanode"),
    "spark-master": (("org.apache.spark",), "org.apache.spark.deploy.master"),
    "spark-worker": (("org.apache.spark",), "org.apache.spark.deploy.worker"),
}

#: The name of the one process under which a node's daemons run.
PROCESS = "daemons"


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command line with the environment that it needs besides the node's."""

    argv: tuple[str, ...]
    env: Mapping[str, str]


def command(
    daemons: Sequence[str], *, node: NodeSpec, network: Network, engine: Engine, layout: Layout, cores: int,
    memory: int, application_ids: str,
) -> Command:
    """Return how *daemons* are started on *node*.

    *cores* and *memory* (MiB) are what the node's Spark worker offers, *application_ids* the
    pattern of Spark's application ids.
    """
    java = [
        str(engine.java_home / "bin" / "java"), *DAEMON, f"-Xmx{sum(_HEAP[daemon] for daemon in daemons)}m",
        *MODULE_OPTIONS, *sharing(str(engine.archive or "")),
        "-Djava.net.preferIPv4Stack=true", f"-Djava.io.tmpdir={layout.tmp}",
        "-Dslf4j.provider=emrlite.DaemonLogs", f"-Demrlite.loggers={loggers(daemons)}",
        f"-Demrlite.logs={layout.daemon_logs}",
        *([f"-Dspark.deploy.appIdPattern={application_ids}", "-Dspark.master.rest.enabled=false",
           "-Dspark.deploy.defaultCores=4",
           "-Dspark.deploy.workerSelectionPolicy=MEMORY_FREE_DESC"] if "spark-master" in daemons else []),
        *(["-Dspark.worker.cleanup.enabled=false"] if "spark-worker" in daemons else []),
        OPEN_CLASS_PATH, "-cp", f"{engine.classpath}:{layout.conf}", NODE, contents(str(engine.archive or "")),
    ]
    words: list[str] = []
    for daemon in daemons:
        words += ["--"] if words else []
        if master := _AFTER.get(daemon):
            words += ["--after", f"{network.address(1)}:{network.port(master, 1)}"]
        words += [_MAIN[daemon], *_arguments(daemon, node, network, layout, cores, memory)]
    # A worker puts SPARK_CONF_DIR first on its executors' class path and HADOOP_CONF_DIR last.  What comes first has to
    # be the engine's own, or no class comes from the archive; the node's files are found in the last place too.
    env = {**engine.environment, "HADOOP_CONF_DIR": str(layout.conf), "SPARK_CONF_DIR": own_archives(str(engine.home)),
           "SPARK_LOCAL_IP": network.address(node.index), "HADOOP_USER_NAME": "hadoop"}
    if "spark-worker" in daemons:
        env["JAVA_HOME"] = str(layout.executor_java)
    return Command(argv=(*java, *words), env=env)


def loggers(daemons: Sequence[str]) -> str:
    """Which logger writes into which daemon's log, as ``java_classes/DaemonLogs.java`` reads it: they share a JVM."""
    names: dict[str, str] = {}  # logger -> daemon
    for daemon in daemons:
        shared, own = _LOGGERS[daemon]
        names |= {name: daemon for name in shared if name not in names}
        names |= {own: daemon} if own not in names else {}
    return ",".join(f"{name}={daemon}" for name, daemon in names.items())


def _arguments(
    daemon: str, node: NodeSpec, network: Network, layout: Layout, cores: int, memory: int
) -> tuple[str, ...]:
    """The words behind the main class of one daemon."""
    properties = ("--properties-file", str(layout.conf / "spark-defaults.conf"))
    at = ("--host", network.address(node.index), "--port", str(network.port(daemon, node.index)))
    match daemon:
        case "spark-master":
            return (*at, "--webui-port", str(network.port("spark-master-ui", 1)), *properties)
        case "spark-worker":
            master = f"spark://{network.address(1)}:{network.port('spark-master', 1)}"
            return (*at, "--webui-port", str(network.port("spark-worker-ui", node.index)), *properties,
                    "--cores", str(cores), "--memory", f"{memory}m", "--work-dir", str(layout.spark_work), master)
        case _:
            return ()
