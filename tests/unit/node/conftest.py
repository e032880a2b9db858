from dataclasses import replace
from pathlib import Path

import pytest

from emrlite.node.layout import NodeInfo, Peer


@pytest.fixture
def info(tmp_path: Path) -> NodeInfo:
    """The master of a cluster of two core nodes and one task node, all m5.xlarge."""
    return NodeInfo(
        cluster_id="j-1ABCDEFGHIJKL",
        cluster_created=1700000000.5,
        region="us-east-1",
        name="master",
        role="MASTER",
        instance_id="i-0123456789abcdef0",
        address="127.9.9.1",
        root=str(tmp_path / "the master"),
        spark_home=str(tmp_path / "engine home"),
        spark_version="4.1.1",
        scala_version="2.13",
        java_home="/java",
        python="/engine/bin/python",
        tools="/tools",
        spark_master="spark://127.9.9.1:7077",
        default_fs="hdfs://127.9.9.1:8020",
        aws_endpoint="http://127.0.0.1:4566",
        s3_endpoint="http://127.0.0.1:9000",
        instance_type="m5.xlarge",
        vcpu=4,
        yarn_memory=12288,
        cluster_vcpu=12,
        core=(Peer(name="core-1", address="127.9.9.2", root=str(tmp_path / "core-1")),),
        applications=("Hadoop", "Spark"),
    )


@pytest.fixture
def info_without_spark(info: NodeInfo) -> NodeInfo:
    return replace(info, applications=("Hadoop",))
