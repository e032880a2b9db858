import dataclasses
import subprocess
import xml.etree.ElementTree as ET

import pytest

from emrlite.cluster.model import Configuration
from emrlite.node import configuration
from emrlite.storage import emrfs, hdfs
from emrlite.storage.emrfs import S3Access


def classified(name, *inner, **properties):
    return Configuration(classification=name, properties=properties, configurations=inner)


def read_xml(text):
    return {each.findtext("name"): each.findtext("value") for each in ET.fromstring(text)}


def files(*levels, core=None, defaults=None):
    return configuration.files(
        core_site=core or {"fs.defaultFS": "hdfs://a:8020"}, hdfs_site={"dfs.replication": "1"},
        spark_defaults=defaults or {}, configurations=configuration.merged(*levels))


def test_the_instance_group_wins_over_the_cluster_and_both_over_us():
    cluster = [Configuration(classification="core-site", properties={"a": "cluster", "b": "cluster"})]
    group = [Configuration(classification="core-site", properties={"b": "group"})]
    found = read_xml(files(cluster, group, core={"a": "ours", "b": "ours", "c": "ours"})["core-site.xml"])
    assert (found["a"], found["b"], found["c"]) == ("cluster", "group", "ours")


def test_each_classification_reaches_the_file_that_it_names():
    found = files([
        Configuration(classification="spark-defaults", properties={"spark.eventLog.enabled": "true"}),
        Configuration(classification="hdfs-site", properties={"dfs.blocksize": "1048576"}),
        Configuration(classification="emrfs-site", properties={"fs.s3.maxConnections": "33"}),
        classified("spark-env", classified("export", A="1")),
    ], defaults={"spark.master": "spark://m:7077"})
    assert found["spark-defaults.conf"] == "spark.eventLog.enabled true\nspark.master spark://m:7077\n"
    assert read_xml(found["hdfs-site.xml"]) == {"dfs.replication": "1", "dfs.blocksize": "1048576"}
    assert read_xml(found["core-site.xml"])["fs.s3a.connection.maximum"] == "33"
    assert found["spark-env.sh"] == 'export A="1"\n'


@pytest.mark.parametrize(("name", "file"), [
    ("yarn-site", "yarn-site.xml"), ("mapred-site", "mapred-site.xml"), ("hive-site", "hive-site.xml"),
    ("spark-hive-site", "hive-site.xml"),
])  # fmt: skip
def test_a_site_has_a_file_only_where_it_is_asked_for(name, file):
    assert read_xml(files([Configuration(classification=name, properties={"a.b": "c"})])[file]) == {"a.b": "c"}
    assert file not in files([])


def test_sparks_catalogue_is_that_of_hive_with_sparks_own_settings_above():
    found = files([
        Configuration(classification="spark-hive-site", properties={"b": "spark"}),
        Configuration(classification="hive-site", properties={"a": "hive", "b": "hive"}),
    ])
    assert read_xml(found["hive-site.xml"]) == {"a": "hive", "b": "spark"}


def test_logs_and_metrics_are_the_users():
    before = files([])
    found = files([
        Configuration(classification="spark-log4j2", properties={"rootLogger.level": "warn"}),
        Configuration(classification="spark-metrics", properties={"*.sink.jmx.class": "a.B"}),
    ])
    assert found["log4j2.properties"].endswith("rootLogger.level warn\n")
    assert found["log4j2.properties"].startswith(configuration.LOG4J2)  # the last of two lines counts
    assert before["log4j2.properties"] == configuration.LOG4J2
    assert found["metrics.properties"] == "*.sink.jmx.class a.B\n"


def test_the_environment_of_hadoop_is_its_own():
    found = files([classified("hadoop-env", classified("export", HADOOP_OPTS="-Da=b"))])
    assert found["hadoop-env.sh"] == 'export HADOOP_OPTS="-Da=b"\n'
    assert found["spark-env.sh"] == ""


@pytest.mark.parametrize(("asked", "expected"), [
    ({}, {}),
    ({"spark": {"maximizeResourceAllocation": "false"}}, {}),
    ({"spark": {"maximizeResourceAllocation": "true"}},
     {"spark.executor.cores": "4", "spark.executor.memory": "11170m", "spark.driver.memory": "11170m",
      "spark.default.parallelism": "24", "spark.executor.instances": "3"}),
    ({"spark": {"maximizeResourceAllocation": "true"},
      "spark-defaults": {"spark.dynamicAllocation.enabled": "true"}},
     {"spark.executor.cores": "4", "spark.executor.memory": "11170m", "spark.driver.memory": "11170m",
      "spark.default.parallelism": "24"}),
])  # fmt: skip
def test_the_largest_allocation_is_an_executor_on_each_node_that_yarn_would_grant(asked, expected):
    assert configuration.maximized(asked, vcpu=4, memory=12288, nodes=3) == expected


def test_the_largest_allocation_of_a_small_node_leaves_room_for_the_least_overhead():
    asked = {"spark": {"maximizeResourceAllocation": "true"}}
    assert configuration.maximized(asked, vcpu=1, memory=1024, nodes=1)["spark.executor.memory"] == "640m"


@pytest.mark.parametrize(("asked", "limit"), [
    ({}, 12288),
    ({"yarn.scheduler.maximum-allocation-mb": "4096"}, 4096),
    ({"yarn.scheduler.maximum-allocation-mb": "99999"}, 12288),
    ({"yarn.scheduler.maximum-allocation-mb": "14000", "yarn.nodemanager.resource.memory-mb": "15000"}, 14000),
    ({"yarn.nodemanager.resource.memory-mb": "lots"}, 12288),
])  # fmt: skip
def test_yarn_site_sets_the_largest_container(asked, limit):
    assert configuration.yarn_memory({"yarn-site": asked}, 12288) == limit


def test_table_formats_are_switched_on_by_their_defaults():
    on = {"iceberg-defaults": {"iceberg.enabled": "true"}, "delta-defaults": {"delta.enabled": "false"}}
    assert configuration.table_formats(on) == {
        "spark.yarn.dist.jars": "/usr/share/aws/iceberg/lib/*.jar"}
    assert configuration.table_formats({}) == {}


def test_xml_keeps_every_character_of_a_value():
    value = "<a & b> \"c\" 'd' ü"
    assert read_xml(configuration.xml({"x<y": value})) == {"x<y": value}


@pytest.mark.parametrize(("value", "shown"), [
    ("plain", "plain"), ("two words", "two words"), ("$HOME/x", "/root/x"), ('"quoted"', "quoted"), ("a\\b", "a\\b"),
    ('say "hi"x', 'say "hi"x'), ("`whoami`", "`whoami`"), ("$(echo sub)", "sub"),
])
def test_exports_are_read_by_a_shell_as_emr_reads_them(value, shown, tmp_path):
    """Values keep their variables and substitutions, and no other magic."""
    path = tmp_path / "spark-env.sh"
    path.write_text(configuration.exports({"VALUE": value}))
    words, env = ["sh", "-c", f'. "{path}"; printf %s "$VALUE"'], {"HOME": "/root", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(words, capture_output=True, text=True, env=env, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, shown)


@pytest.mark.parametrize("name", ["a-b", "1A", "a b", "A;reboot", "", "a.b", "Ä"])
def test_a_name_that_no_shell_exports_is_left_out(name):
    assert configuration.exports({name: "1", "GOOD": "2"}) == 'export GOOD="2"\n'


# S3 settings


ACCESS = S3Access(endpoint="http://127.0.0.1:9", region="eu-west-1", access_key="k", secret_key="s")


def test_all_three_schemes_are_s3a():
    found = emrfs.s3a(ACCESS, "/tmp/x")
    for scheme in ("s3", "s3a", "s3n"):
        assert found[f"fs.{scheme}.impl"] == "emrlite.S3FileSystem"
    assert found["fs.s3a.endpoint"] == "http://127.0.0.1:9"
    assert (found["fs.s3a.path.style.access"], found["fs.s3a.connection.ssl.enabled"]) == ("true", "false")


def test_only_what_goes_to_a_server_that_wants_no_signatures_may_stay_unsigned():
    own = emrfs.s3a(dataclasses.replace(ACCESS, wants_signatures=False), "/tmp/x")
    assert own["emrlite.s3.endpoint"] == ACCESS.endpoint
    assert own["fs.s3a.custom.signers"] == f"{own['fs.s3a.signing-algorithm']}:emrlite.S3Signer"
    assert not {"fs.s3a.signing-algorithm", "fs.s3a.custom.signers"} & set(emrfs.s3a(ACCESS, "/tmp/x"))


@pytest.mark.parametrize(("given", "translated"), [
    ({"fs.s3.maxConnections": "5"}, {"fs.s3a.connection.maximum": "5"}),
    ({"fs.s3.maxRetries": "7"}, {"fs.s3a.retry.limit": "7"}),
    ({"fs.s3.enableServerSideEncryption": "true"}, {"fs.s3a.encryption.algorithm": "AES256"}),
    ({"fs.s3n.multipart.uploads.split.size": "64"}, {"fs.s3a.multipart.size": "64"}),
    ({"fs.s3.bucket.my.bucket.maxRetries": "2"}, {}),
    ({"fs.s3.bucket.mine.maxRetries": "2"}, {"fs.s3a.bucket.mine.retry.limit": "2"}),
    ({"fs.s3.unheard.of": "1"}, {}),
    ({"some.other": "1"}, {}),
])
def test_settings_of_emrfs_become_those_of_s3a(given, translated):
    assert emrfs.translate(given) == {**given, **translated}


def test_a_setting_of_s3a_wins_over_a_translated_one():
    given = {"fs.s3.maxRetries": "1", "fs.s3a.retry.limit": "9"}
    assert emrfs.translate(given)["fs.s3a.retry.limit"] == "9"


def test_the_class_of_emrfs_is_answered_by_s3a():
    given = {"fs.s3.impl": "com.amazon.ws.emr.hadoop.fs.EmrFileSystem"}
    assert emrfs.translate(given)["fs.s3.impl"] == "emrlite.S3FileSystem"


# HDFS


@pytest.mark.parametrize(("core", "replication"), [(1, "1"), (3, "1"), (4, "2"), (9, "2"), (10, "3"), (50, "3")])
def test_replication_goes_by_the_number_of_core_nodes(core, replication):
    assert hdfs.client(core_nodes=core)["dfs.replication"] == replication


def test_every_address_of_hdfs_is_the_nodes_own(tmp_path):
    """A daemon that is told no address binds them all."""
    name = hdfs.namenode(address="127.5.5.1", rpc_port=8020, http_port=9870, directory=tmp_path / "a dir")
    data = hdfs.datanode(address="127.5.5.2", port=9886, http_port=9864, ipc_port=9867, directory=tmp_path)
    for found, address in ((name, "127.5.5.1"), (data, "127.5.5.2")):
        told = [value for key, value in found.items() if key.endswith(("address", "bind-host", "hostname"))]
        assert len(told) >= 4
        assert all(value.partition(":")[0] == address for value in told)


def test_a_datanode_counts_as_dead_only_after_a_sleep_of_half_a_minute(tmp_path):
    found = hdfs.namenode(address="a", rpc_port=1, http_port=2, directory=tmp_path)
    recheck, beat = int(found["dfs.namenode.heartbeat.recheck-interval"]), int(found["dfs.heartbeat.interval"])
    assert 2 * recheck / 1000 + 10 * beat > 30 + 5
