"""What each daemon is started with.  Pure: `emrlite explain` shows what is rendered here.

Main classes are started directly, never through the scripts that put them in the background.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emrlite.cluster.model import NodeSpec
from emrlite.node.addresses import Network
from emrlite.node.configuration import DAEMON_LOG4J2
from emrlite.node.engines import MODULE_OPTIONS, Engine
from emrlite.node.java_options import DAEMON, EMPTY, sharing
from emrlite.node.layout import Layout

_MAIN = {
    "namenode": "org.apache.hadoop.hdfs.server.namenode.NameNode",
    "datanode": "org.apache.hadoop.hdfs.server.datanode.DataNode",
    "spark-master": "org.apache.spark.deploy.master.Master",
    "spark-worker": "org.apache.spark.deploy.worker.Worker",
}
_HEAP = {"namenode": 256, "datanode": 128, "spark-master": 256, "spark-worker": 256}  # MiB

#: What a daemon takes of the machine, in MiB: about its resident size when idle.
FOOTPRINT = {"namenode": 220, "datanode": 200, "spark-master": 200, "spark-worker": 200}


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command line with the environment that it needs besides the node's."""

    argv: tuple[str, ...]
    env: Mapping[str, str]


def command(
    daemon: str, *, node: NodeSpec, network: Network, engine: Engine, layout: Layout, cores: int, memory: int,
    application_ids: str, name_template: Path,
) -> Command:
    """Return how *daemon* is started on *node*.

    *cores* and *memory* (MiB) are what the node's Spark worker offers, *application_ids* the
    pattern of Spark's application ids, *name_template* a formatted name directory to copy.
    """
    address = network.address(node.index)
    java = [
        str(engine.java_home / "bin" / "java"), *DAEMON, f"-Xmx{_HEAP[daemon]}m", *MODULE_OPTIONS,
        *sharing(str(engine.archive or "")),
        "-Djava.net.preferIPv4Stack=true", f"-Djava.io.tmpdir={layout.tmp}",
        f"-Dlog4j2.configurationFile={layout.conf / DAEMON_LOG4J2}",
        *([f"-Dspark.deploy.appIdPattern={application_ids}", "-Dspark.master.rest.enabled=false",
           "-Dspark.deploy.defaultCores=4"] if daemon == "spark-master" else []),
        *(["-Dspark.worker.cleanup.enabled=false"] if daemon == "spark-worker" else []),
        "-cp", f"{engine.classpath}:{layout.conf}", _MAIN[daemon],
    ]
    # A worker puts SPARK_CONF_DIR first on its executors' class path and HADOOP_CONF_DIR last.  What comes first has to
    # be the engine's own, or no class comes from the archive; the node's files are found in the last place too.
    spark_conf = engine.home / EMPTY if daemon == "spark-worker" else layout.conf
    env = {**engine.environment, "HADOOP_CONF_DIR": str(layout.conf), "SPARK_CONF_DIR": str(spark_conf),
           "SPARK_LOCAL_IP": address, "HADOOP_USER_NAME": "hadoop", "SPARK_NO_DAEMONIZE": "1"}
    master = network.address(1)
    match daemon:
        case "namenode":
            return Command(argv=("sh", "-c", _namenode_script(java, layout.namenode, name_template)), env=env)
        case "datanode":
            return Command(argv=tuple(java), env=env)
        case "spark-master":
            args = ["--host", address, "--port", str(network.port("spark-master", 1)),
                    "--webui-port", str(network.port("spark-master-ui", 1))]
        case "spark-worker":
            args = ["--host", address, "--port", str(network.port("spark-worker", node.index)),
                    "--webui-port", str(network.port("spark-worker-ui", node.index)),
                    "--properties-file", str(layout.conf / "spark-defaults.conf"),
                    "--cores", str(cores), "--memory", f"{memory}m", "--work-dir", str(layout.spark_work),
                    f"spark://{master}:{network.port('spark-master', 1)}"]
        case _:
            raise ValueError(f"there is no daemon {daemon!r}")
    return Command(argv=(*java, *args), env=env)


def _namenode_script(java: list[str], directory: Path, template: Path) -> str:
    """Format once on this machine (a JVM's start), then copy; every cluster gets ids of its own.

    The copy's ``VERSION`` is given new ids, so that a DataNode of another cluster is refused.
    """
    line = shlex.join(java)
    here, there = shlex.quote(str(directory)), shlex.quote(str(template))
    return f"""set -e
if [ ! -d {here}/current ]; then
  if [ ! -d {there} ]; then
    {line} -format -force -nonInteractive
    cp -R {here} {there}.$$
    if [ -d {there} ]; then rm -rf {there}.$$; else mv {there}.$$ {there}; fi
  else
    mkdir -p {here} && cp -R {there}/. {here}
    id=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \\n')
    pool=$(printf %d 0x${{id%??????????}})
    sed -i.old -e "s/^clusterID=.*/clusterID=CID-$id/" -e "s/^blockpoolID=BP-[0-9]*/blockpoolID=BP-$pool/" \\
      {here}/current/VERSION && rm -f {here}/current/VERSION.old
  fi
fi
exec {line}
"""
