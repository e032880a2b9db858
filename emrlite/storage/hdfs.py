"""HDFS of one cluster: what its ``hdfs-site.xml`` says on a NameNode, a DataNode and a client."""

from __future__ import annotations

import sys
from pathlib import Path


def replication(core_nodes: int) -> int:
    """EMR's ``dfs.replication``: 1 for up to three core nodes, 2 for up to nine, 3 from ten."""
    return 1 if core_nodes <= 3 else 2 if core_nodes <= 9 else 3


def client(*, core_nodes: int) -> dict[str, str]:
    """Return what every node's ``hdfs-site.xml`` holds."""
    return {
        "dfs.replication": str(replication(core_nodes)),
        "dfs.permissions.enabled": "false",
        "dfs.webhdfs.enabled": "true",
        # On loopback the NameNode sees every DataNode at 127.0.0.1: let all use the hostnames
        # that DataNodes report, which here are their addresses.
        "dfs.client.use.datanode.hostname": "true",
        "dfs.datanode.use.datanode.hostname": "true",
        "dfs.client.block.write.replace-datanode-on-failure.policy": "NEVER",
        "dfs.client.datanode-restart.timeout": "5",
        "dfs.namenode.fs-limits.min-block-size": "0",
    }


def namenode(*, address: str, rpc_port: int, http_port: int, directory: Path) -> dict[str, str]:
    """Return what the master's ``hdfs-site.xml`` holds besides."""
    return {
        "dfs.namenode.name.dir": directory.as_uri(),
        "dfs.namenode.rpc-address": f"{address}:{rpc_port}",
        "dfs.namenode.rpc-bind-host": address,
        "dfs.namenode.http-address": f"{address}:{http_port}",
        "dfs.namenode.http-bind-host": address,
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        "dfs.namenode.safemode.extension": "0",
        "dfs.namenode.safemode.min.datanodes": "1",
        "dfs.namenode.edits.noeditlogchannelflush": "true",
        "dfs.namenode.handler.count": "4",
        "dfs.namenode.service.handler.count": "2",
        "dfs.namenode.redundancy.interval.seconds": "1",
        "dfs.namenode.decommission.interval": "1",
        # Its thread wakes up a hundred times a second by default, also when there is nothing to delete.
        "dfs.namenode.block.deletion.unlock.interval.ms": "200",
        "dfs.namenode.startup.delay.block.deletion.sec": "0",
        # A DataNode counts as dead after twice this + 10 heartbeats: 50 s, so that a laptop may
        # sleep for half a minute.  That its process died is seen at once, by the driver.
        "dfs.namenode.heartbeat.recheck-interval": "20000",
        "dfs.heartbeat.interval": "1",
    }


def _data_dir(directory: Path) -> str:
    """The DataNode uses this URI in a format string, where an escaped character (a space: ``%20``) kills it.

    So it is named from the working directory of the process, which is its node's own, two above *directory*.
    """
    uri = directory.as_uri()
    if "%" in uri and sys.platform == "linux":
        return f"file:///proc/self/cwd/{directory.relative_to(directory.parents[1])}"
    return uri


def datanode(*, address: str, port: int, http_port: int, ipc_port: int, directory: Path) -> dict[str, str]:
    """Return what a core node's ``hdfs-site.xml`` holds besides."""
    return {
        "dfs.datanode.data.dir": _data_dir(directory),
        "dfs.datanode.hostname": address,
        "dfs.datanode.address": f"{address}:{port}",
        "dfs.datanode.http.address": f"{address}:{http_port}",
        "dfs.datanode.ipc.address": f"{address}:{ipc_port}",
        "dfs.heartbeat.interval": "1",
        "dfs.blockreport.initialDelay": "0",
        "dfs.datanode.du.reserved": "0",
        "dfs.datanode.handler.count": "3",
        "dfs.datanode.directoryscan.interval": "-1",
        "dfs.block.scanner.volume.bytes.per.second": "0",
        "dfs.datanode.max.transfer.threads": "256",
    }
