"""Lay out a node: its directories, ``node.json``, configuration files and programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emrlite.cluster import instance_types
from emrlite.cluster.model import ClusterSpec, NodeSpec, Role
from emrlite.node import configuration, event_logs, programs, safety, spare, view
from emrlite.node.addresses import Network
from emrlite.node.driver import daemons_of
from emrlite.node.engines import Engine
from emrlite.node.layout import Layout, NodeInfo, Peer
from emrlite.node.resources import HEADROOM
from emrlite.node.view import Found, Kept
from emrlite.storage import emrfs, hdfs
from emrlite.storage.emrfs import S3Access


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a cluster's nodes need to know of the emulator around them."""

    engine: Engine
    aws_endpoint: str
    s3: S3Access
    environ: Mapping[str, str]  #: the user's; only proxies are taken from it
    view: Found = field(default_factory=Found)  #: what of a view of its own a node may have, and what it keeps
    kept: Kept = field(default_factory=Kept)


def application_ids(info: NodeInfo) -> str:
    """Spark's pattern of application ids: YARN's form, ``application_<start in ms>_<number>``."""
    return f"application_{int(info.cluster_created * 1000):013d}_%2$04d"


def offered(spec: ClusterSpec, node: NodeSpec) -> tuple[int, int]:
    """Return the slots and the memory (MiB) that the Spark worker of *node* offers.

    Both have head-room: the heap of an executor is bounded, its logical memory is not.  The node where an executor was
    started ahead has a MiB more, for Spark's master takes the worker with the most free memory first.
    """
    kind = instance_types.of(node.instance_type)
    return kind.vcpu * HEADROOM, kind.yarn_memory * HEADROOM + (node == spare.node(spec, "executor"))


def node_info(spec: ClusterSpec, node: NodeSpec, root: Path, network: Network, around: Surroundings) -> NodeInfo:
    """Return what the programs on *node* may know; *root* is the cluster's directory."""
    kind = instance_types.of(node.instance_type)
    workers = [other for other in spec.nodes if other.role is not Role.MASTER] or [spec.master]
    core = [other for other in spec.nodes if other.role is Role.CORE] or [spec.master]
    peers = tuple(Peer(name=at.name, address=network.address(at.index), root=str(root / at.name)) for at in core)
    kinds = [instance_types.of(other.instance_type) for other in workers]
    largest = max(kinds, key=lambda found: found.yarn_memory)
    return NodeInfo(
        cluster_id=spec.id, cluster_created=spec.created, region=spec.region, name=node.name, role=str(node.role),
        instance_id=node.instance_id, address=network.address(node.index), root=str(root / node.name),
        spark_home=str(around.engine.home), spark_version=around.engine.spark, scala_version=around.engine.scala,
        java_home=str(around.engine.java_home), python=str(around.engine.python), tools=str(around.engine.tools),
        spark_master=f"spark://{network.address(1)}:{network.port('spark-master', 1)}",
        default_fs=f"hdfs://{network.address(1)}:{network.port('namenode', 1)}",
        aws_endpoint=around.aws_endpoint, s3_endpoint=around.s3.endpoint, instance_type=node.instance_type,
        vcpu=largest.vcpu if node.role is Role.MASTER else kind.vcpu,
        yarn_memory=configuration.yarn_memory(_configurations(spec, node), largest.yarn_memory),
        cluster_vcpu=sum(found.vcpu for found in kinds),
        core=peers,
        applications=spec.applications,
        archive=str(around.engine.archive or ""),
        view=around.view.level,
    )


def conf_files(
    spec: ClusterSpec, node: NodeSpec, info: NodeInfo, network: Network, around: Surroundings
) -> dict[str, str]:
    """Return name -> text of the files in the node's ``conf``."""
    layout = info.layout
    core_nodes = sum(other.role is Role.CORE for other in spec.nodes) or 1
    hdfs_site = hdfs.client(core_nodes=core_nodes)
    daemons = daemons_of(spec, node)
    if "namenode" in daemons:
        hdfs_site |= hdfs.namenode(
            address=info.address, rpc_port=network.port("namenode", 1), http_port=network.port("namenode-http", 1),
            directory=layout.namenode)
    if "datanode" in daemons:
        hdfs_site |= hdfs.datanode(
            address=info.address, port=network.port("datanode", node.index),
            http_port=network.port("datanode-http", node.index), ipc_port=network.port("datanode-ipc", node.index),
            directory=layout.hdfs)
    core_site = {
        "fs.defaultFS": info.default_fs,
        "hadoop.tmp.dir": str(layout.tmp / "hadoop"),
        "hadoop.http.staticuser.user": "hadoop",
        # As on EMR.  Most machines know no such user, and to ask takes the NameNode a shell and two processes.
        "hadoop.user.group.static.mapping.overrides": "hadoop=hadoop,hdfsadmingroup;dr.who=;",
        "ipc.client.connect.max.retries": "10",
        "ipc.client.connect.retry.interval": "200",
        **emrfs.s3a(around.s3, str(layout.tmp / "s3a")),
    }
    asked = _configurations(spec, node)
    workers = sum(other.role is not Role.MASTER for other in spec.nodes) or 1
    defaults = {
        **spark_defaults(info),
        **configuration.maximized(
            asked, vcpu=info.cluster_vcpu // workers, memory=info.yarn_memory, nodes=workers),
        **configuration.table_formats(asked),
    }
    return configuration.files(
        core_site=core_site, hdfs_site=hdfs_site, spark_defaults=defaults, configurations=asked)


def _configurations(spec: ClusterSpec, node: NodeSpec) -> dict[str, dict[str, str]]:
    group = next(group for group in spec.groups if group.id == node.group_id)
    return configuration.merged(spec.configurations, group.configurations)


def spark_defaults(info: NodeInfo) -> dict[str, str]:
    """Return what ``spark-defaults.conf`` holds before the user's own classification."""
    return {
        "spark.master": info.spark_master,
        "spark.cores.max": str(info.cluster_vcpu),
        **event_logs.properties(Path(info.root).parent),
        "spark.sql.warehouse.dir": "hdfs:///user/spark/warehouse",
        # To S3 without renaming, which there is a copy, as EMR does.  Where it does not (dynamic overwrite of
        # partitions, RDDs), files are renamed once, by the second algorithm, which is EMR's default.
        "spark.sql.sources.commitProtocolClass": "emrlite.S3CommitProtocol",
        # Where spark-hadoop-cloud is on the class path and these are not set, Spark has its classes and, for s3a://,
        # S3A's magic committer write, which loses partitions' dynamic overwriting without a word.
        "spark.sql.parquet.output.committer.class": "org.apache.parquet.hadoop.ParquetOutputCommitter",
        "spark.hadoop.fs.s3a.committer.name": "file",
        "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
        "spark.hadoop.mapreduce.fileoutputcommitter.cleanup-failures.ignored": "true",
        # Spark takes AWS_ENDPOINT_URL, which a step's own clients need, for S3A's endpoint too.
        "spark.hadoop.fs.s3a.endpoint": info.s3_endpoint,
        "spark.scheduler.minRegisteredResourcesRatio": "0",
        "spark.locality.wait": "0",
        "spark.ui.showConsoleProgress": "false",
        "spark.port.maxRetries": "64",
    }


def provision(spec: ClusterSpec, node: NodeSpec, root: Path, network: Network, around: Surroundings) -> NodeInfo:
    """Lay out *node* below *root*.  Safe to repeat; ``node.json`` is written last and says "done"."""
    info = node_info(spec, node, root, network, around)
    layout = Layout(root / node.name)
    for directory in (layout.bin, layout.conf, layout.home, layout.tmp / "s3a", layout.info, layout.processes,
                      layout.daemon_logs, layout.spark_work, layout.container_logs):
        directory.mkdir(parents=True, exist_ok=True)
    layout.root.chmod(0o700)  # core-site.xml holds the keys of S3
    event_logs.directory(root).mkdir(mode=0o700, exist_ok=True)
    for name, text in conf_files(spec, node, info, network, around).items():
        (layout.conf / name).write_text(text)
    (layout.info / "instance.json").write_text(json.dumps({
        "isMaster": node.role is Role.MASTER, "isRunningNameNode": node.role is Role.MASTER,
        "isRunningDataNode": "datanode" in daemons_of(spec, node), "isRunningResourceManager": False,
        "instanceGroupId": node.group_id, "instanceRole": str(node.role).lower(),
    }))
    describe_cluster(spec, layout, network)
    programs.write(info)
    view.lay_out(layout.root, programs.scripts(info), safety.shims(), around.view, around.kept)
    info.write()
    return info


def describe_cluster(spec: ClusterSpec, layout: Layout, network: Network) -> None:
    """Write what a node knows of its cluster, ``job-flow.json``: the one file that tells who asked for it."""
    (layout.info / "job-flow.json").write_text(json.dumps({
        "jobFlowId": spec.id, "jobFlowCreationInstant": int(spec.created * 1000), "instanceCount": len(spec.nodes),
        "masterInstanceId": spec.master.instance_id, "masterPrivateDnsName": network.address(1),
        "instanceGroups": [
            {"instanceGroupId": group.id, "instanceGroupName": group.name, "instanceRole": str(group.role),
             "instanceType": group.instance_type, "requestedInstanceCount": group.count}
            for group in spec.groups
        ],
    }))
