import dataclasses
from pathlib import Path

import pytest
from simulation import spec

from emrlite.node import daemons, fresh_hdfs
from emrlite.node.addresses import PORTS, Network
from emrlite.node.driver import daemons_of
from emrlite.node.engines import Engine
from emrlite.node.layout import Layout
from emrlite.node.lockfile import locked
from emrlite.node.provision import Surroundings, application_ids, conf_files, node_info, provision
from emrlite.storage.emrfs import S3Access

NETWORK = Network("127.9.8")


@pytest.fixture
def engine(tmp_path):
    return Engine(spark="4.1.1", scala="2.13", hadoop="3.4.2", home=tmp_path / "engine home", java_home=Path("/a java"),
                  python=Path("/python"), tools=Path("/tools"), s3proxy=Path("/s3proxy.jar"))


@pytest.fixture
def around(engine):
    return Surroundings(engine=engine, aws_endpoint="http://127.0.0.1:4566", environ={}, s3=S3Access(
        endpoint="http://127.0.0.1:9000", region="us-east-1", access_key="AKIA", secret_key="very secret"))


def command(asked, node, engine, tmp_path, network=NETWORK):
    return daemons.command(
        daemons_of(asked, node), node=node, network=network, engine=engine, layout=Layout(tmp_path / node.name),
        cores=16, memory=1024, application_ids="application_1_%2$04d")


def test_the_daemons_of_a_node_share_a_jvm_and_listen_on_its_address(engine, tmp_path):
    asked = spec(core=2, task=1)
    for node in asked.nodes:
        found = command(asked, node, engine, tmp_path)
        assert found.env["SPARK_LOCAL_IP"] == NETWORK.address(node.index)
        assert found.env["HADOOP_USER_NAME"] == "hadoop"
        assert found.argv[found.argv.index("--host") + 1] == NETWORK.address(node.index)
        mains = [word for word in found.argv if word.startswith(("org.apache.hadoop.", "org.apache.spark."))]
        assert len(mains) == len(daemons_of(asked, node))
        assert all(name in daemons.FOOTPRINT for name in daemons_of(asked, node))


def test_a_worker_waits_for_the_page_of_its_master(engine, tmp_path):
    asked = spec(core=1)
    argv = command(asked, asked.nodes[1], engine, tmp_path).argv
    assert argv[argv.index("--after") + 1] == f"{NETWORK.address(1)}:8080"
    assert argv[argv.index("--after") + 2] == "org.apache.spark.deploy.worker.Worker"


def test_spark_masters_take_no_jobs_over_rest(engine, tmp_path):
    assert "-Dspark.master.rest.enabled=false" in command(spec(), spec().nodes[0], engine, tmp_path).argv


def test_executors_of_a_worker_have_the_class_path_of_all_and_the_nodes_files_behind_it(engine, tmp_path):
    asked = spec(core=1)
    found = command(asked, asked.nodes[1], engine, tmp_path)
    conf = tmp_path / "core-1" / "conf"
    # Spark's worker gives them SPARK_CONF_DIR first and HADOOP_CONF_DIR last.
    assert engine.classpath.startswith(found.env["SPARK_CONF_DIR"])
    assert found.env["HADOOP_CONF_DIR"] == str(conf)
    assert str(conf / "spark-defaults.conf") == found.argv[found.argv.index("--properties-file") + 1]


def test_daemons_share_the_archive_of_the_engine(engine, tmp_path):
    shared = dataclasses.replace(engine, archive=tmp_path / "an engine" / "classes.jsa")
    asked = spec(core=1)
    for node in asked.nodes:
        assert f"-XX:SharedArchiveFile={shared.archive}" in command(asked, node, shared, tmp_path).argv
        assert "SharedArchiveFile" not in " ".join(command(asked, node, engine, tmp_path).argv)


def test_daemons_are_told_what_the_class_path_holds_where_that_is_listed(engine, tmp_path):
    listed = dataclasses.replace(engine, archive=tmp_path / "an engine" / "classes.jsa")
    asked = spec(core=1)
    for node in asked.nodes:
        for at, contents in ((listed, str(tmp_path / "an engine" / "contents")), (engine, "")):
            argv = command(asked, node, at, tmp_path).argv
            assert argv[argv.index("emrlite.Node") + 1] == contents


def test_each_daemon_of_a_node_has_a_log_of_its_own():
    found = daemons.loggers(("namenode", "spark-master", "datanode", "spark-worker"))
    to = dict(pair.split("=") for pair in found.split(","))
    assert to["org.apache.hadoop"] == to["org.apache.hadoop.hdfs.server.namenode"] == "namenode"
    assert to["org.apache.hadoop.hdfs.server.datanode"] == "datanode"
    assert to["org.apache.spark"] == to["org.apache.spark.deploy.master"] == "spark-master"
    assert to["org.apache.spark.deploy.worker"] == "spark-worker"


def test_each_cluster_has_an_hdfs_of_its_own(tmp_path):
    hadoop = locked("4.1.1").hadoop
    for name in "ab":
        fresh_hdfs.unpack(hadoop, tmp_path / name)
    a, b = (dict(line.split("=", 1) for line in (tmp_path / name / "current" / "VERSION").read_text().splitlines()
                 if not line.startswith("#")) for name in "ab")
    assert {key for key in a if a[key] != b[key]} == {"clusterID", "blockpoolID"}
    assert a["clusterID"].startswith("CID-")
    assert a["blockpoolID"].startswith("BP-")
    assert list((tmp_path / "a" / "current").glob("fsimage_*")), "there is no formatted file system in it"


def test_an_hdfs_that_was_there_is_kept(tmp_path):
    (tmp_path / "a" / "current").mkdir(parents=True)
    (tmp_path / "a" / "current" / "VERSION").write_text("of a cluster that an emulator takes over\n")
    fresh_hdfs.unpack(locked("4.1.1").hadoop, tmp_path / "a")
    assert [path.name for path in (tmp_path / "a" / "current").iterdir()] == ["VERSION"]
    assert (tmp_path / "a" / "current" / "VERSION").read_text() == "of a cluster that an emulator takes over\n"


def test_an_unknown_daemon_is_refused(engine, tmp_path):
    with pytest.raises(KeyError, match="zookeeper"):
        daemons.command(("zookeeper",), node=spec().nodes[0], network=NETWORK, engine=engine, layout=Layout(tmp_path),
                        cores=1, memory=1, application_ids="")


def test_keys_of_s3_are_on_no_command_line(engine, around, tmp_path):
    asked = spec()
    for node in asked.nodes:
        info = node_info(asked, node, tmp_path, NETWORK, around)
        assert "very secret" not in " ".join(command(asked, node, engine, tmp_path).argv)
        found = conf_files(asked, node, info, NETWORK, around)
        assert "very secret" in found["core-site.xml"]
        assert not any("very secret" in text for name, text in found.items() if name != "core-site.xml")


def test_a_provisioned_node_says_what_it_is_and_keeps_its_keys_to_itself(around, tmp_path):
    asked = spec()
    info = provision(asked, asked.nodes[1], tmp_path / "cluster", NETWORK, around)
    root = tmp_path / "cluster" / "core-1"
    assert root.stat().st_mode & 0o077 == 0
    assert type(info).read(root) == info
    assert "very secret" not in (root / "node.json").read_text()
    assert '"isMaster": false' in (root / "mnt/var/lib/info/instance.json").read_text()
    assert info.cluster_vcpu == 4
    assert provision(asked, asked.nodes[1], tmp_path / "cluster", NETWORK, around) == info


def test_application_ids_have_yarns_form(around, tmp_path):
    asked = spec()
    info = node_info(asked, asked.master, tmp_path, NETWORK, around)
    assert application_ids(info) == "application_1700000000000_%2$04d"


def test_no_two_daemons_of_a_cluster_share_a_port_of_an_address():
    for network in (Network("127.9.8"), Network(None, 12000)):
        asked = spec(core=min(network.largest, 40) - 2, task=1)
        taken = [network.claim_at]
        for node in asked.nodes:
            names = {"MASTER": ("namenode", "namenode-http", "spark-master", "spark-master-ui")}.get(
                str(node.role), ("datanode", "datanode-http", "datanode-ipc", "spark-worker", "spark-worker-ui"))
            taken += [(network.address(node.index), network.port(name, node.index)) for name in names]
        assert len(taken) == len(set(taken))
        ports = [network.port("datanode", node.index) for node in asked.nodes]
        assert len(set(ports)) == len(ports), "a NameNode tells DataNodes on loopback by their ports"


def test_a_range_of_ports_holds_all_its_nodes():
    network = Network(None, 12000)
    assert max(network.port(name, network.largest) for name in PORTS) < 12500
    assert Network.parse(str(network)) == network
    assert Network.parse("127.3.4") == Network("127.3.4")
