"""From spark-submit as EMR users write it to what runs."""

import pytest

from emrlite.node import places, submit
from emrlite.node.resources import Machine, Refused
from emrlite.node.submit_arguments import parse

LAPTOP = Machine(memory=16 * 1024, cores=8)


def translate(line, info, defaults=None, environ=None):
    return submit.translate(parse(line.split()), info, defaults or {}, environ or {}, LAPTOP)


def conf_of(submission):
    """What `SparkSubmit` will find: the last ``--conf`` of a key counts."""
    words = list(submission.argv)
    return dict(words[at + 1].split("=", 1) for at, word in enumerate(words) if word == "--conf")


def option(submission, name):
    return submission.argv[submission.argv.index(name) + 1]


@pytest.mark.parametrize(
    ("line", "defaults", "master"),
    [
        ("app.py", {}, "spark://127.9.9.1:7077"),
        ("--master yarn app.py", {}, "spark://127.9.9.1:7077"),
        ("--master yarn-client app.py", {}, "spark://127.9.9.1:7077"),
        ("--conf spark.master=yarn app.py", {}, "spark://127.9.9.1:7077"),
        ("app.py", {"spark.master": "yarn"}, "spark://127.9.9.1:7077"),
        ("--master local[2] app.py", {"spark.master": "yarn"}, "local[2]"),
        ("--conf spark.master=local[*] app.py", {}, "local[*]"),
        ("--master spark://elsewhere:7077 app.py", {}, "spark://elsewhere:7077"),
    ],
)
def test_yarn_is_the_clusters_spark_master_and_what_is_named_stays(line, defaults, master, info):
    found = translate(line, info, defaults)

    assert option(found, "--master") == master
    assert "spark.master" not in conf_of(found)
    assert any("runs on the cluster's Spark master" in note for note in found.notes) == master.startswith(
        "spark://127.9.9.1"
    )


@pytest.mark.parametrize(
    ("line", "defaults", "cluster_mode"),
    [
        ("app.py", {}, False),
        ("--deploy-mode cluster app.py", {}, True),
        ("--deploy-mode=cluster --master yarn app.py", {}, True),
        ("--master yarn-cluster app.py", {}, True),
        ("app.py", {"spark.submit.deployMode": "cluster"}, True),
        ("--conf spark.submit.deployMode=cluster app.py", {}, True),
        ("--deploy-mode client app.py", {"spark.submit.deployMode": "cluster"}, False),
        ("--master local[2] --deploy-mode cluster app.py", {}, False),
    ],
)
def test_spark_itself_is_always_told_client_mode(line, defaults, cluster_mode, info):
    found = translate(line, info, defaults)

    assert found.cluster_mode is cluster_mode
    assert option(found, "--deploy-mode") == "client"
    assert "spark.submit.deployMode" not in conf_of(found)


def test_the_application_and_its_words_come_last_and_untouched(info):
    found = translate("--name n --class C s3://b/app.jar --master yarn --conf x=y", info)

    assert found.argv[-5:] == ("s3://b/app.jar", "--master", "yarn", "--conf", "x=y")
    assert (option(found, "--class"), option(found, "--name")) == ("C", "n")


def test_the_class_path_ends_with_the_configuration_and_begins_with_the_users_own(info):
    found = translate("--driver-class-path /own/a.jar app.py", info)

    assert option(found, "-cp") == (
        f"/own/a.jar:{info.spark_home}/own/*:{info.spark_home}/jars/*:{info.root}/conf"
    )


@pytest.mark.parametrize(
    ("line", "defaults", "environ", "heap"),
    [
        ("app.py", {}, {}, "-Xmx1024m"),
        ("--driver-memory 2g app.py", {"spark.driver.memory": "3g"}, {}, "-Xmx2048m"),
        ("app.py", {"spark.driver.memory": "3g"}, {}, "-Xmx3072m"),
        ("app.py", {}, {"SPARK_DRIVER_MEMORY": "700m"}, "-Xmx700m"),
        ("--driver-memory 11g app.py", {}, {}, "-Xmx8192m"),
    ],
)
def test_the_drivers_heap_is_as_asked_for_up_to_half_of_the_machine(line, defaults, environ, heap, info):
    assert [word for word in translate(line, info, defaults, environ).argv if word.startswith("-Xmx")] == [heap]


def test_a_heap_among_java_options_is_refused_as_spark_does(info):
    with pytest.raises(Refused, match="Not allowed to specify max heap"):
        translate("--driver-java-options -Xmx3g app.py", info)


def test_the_users_java_options_win_over_ours(info):
    found = submit.translate(
        parse(["--driver-java-options", '-XX:+UseG1GC -XX:TieredStopAtLevel=4 "-Da=b c"', "app.py"]),
        info,
        {},
        {},
        LAPTOP,
    )

    assert "-XX:+UseSerialGC" not in found.argv
    assert "-XX:TieredStopAtLevel=1" not in found.argv
    assert "-Da=b c" in found.argv
    assert conf_of(found)["spark.executor.defaultJavaOptions"].startswith("-XX:+UseSerialGC -XX:-UsePerfData")


def test_executors_get_no_second_collector(info):
    found = translate("--conf spark.executor.extraJavaOptions=-XX:+UseG1GC app.py", info)

    assert "-XX:-UsePerfData" in conf_of(found)["spark.executor.defaultJavaOptions"]
    assert "GC" not in conf_of(found)["spark.executor.defaultJavaOptions"]


def test_words_of_yarn_become_those_of_the_standalone_master(info):
    found = translate("--num-executors 2 --executor-cores 2 --executor-memory 2g app.py", info)

    assert not {"--num-executors", "--executor-cores", "--executor-memory"} & set(found.argv)
    assert conf_of(found)["spark.cores.max"] == "4"
    assert conf_of(found)["spark.executor.memory"] == "2048m"


def test_options_that_mean_nothing_here_are_dropped_with_a_note(info):
    found = translate("--queue q --principal p --keytab k --supervise app.py", info)

    assert not {"--queue", "--principal", "--keytab", "--supervise"} & set(found.argv)
    assert {note.split()[0] for note in found.notes} >= {"--queue", "--principal", "--keytab", "--supervise"}


def test_files_of_options_and_of_yarns_properties_are_joined(info):
    found = translate(
        "--files a.txt,s3://b/c --conf spark.yarn.dist.files=d --conf spark.yarn.dist.archives=e.zip#e app.py", info
    )

    assert found.files == ("a.txt", "s3://b/c", "d")
    assert found.archives == ("e.zip#e",)
    assert conf_of(found)["spark.files"] == "a.txt,s3://b/c,d"


@pytest.mark.parametrize(
    ("name", "python"),
    [
        (None, "/engine/bin/python"),
        ("python3", "/engine/bin/python"),
        ("/usr/bin/python3", "/engine/bin/python"),
        ("./environment/bin/python", "./environment/bin/python"),
        ("/opt/own/python3.12", "/opt/own/python3.12"),
        ("/usr/bin/python3.8", "{bin}/python3.8"),
    ],
)
def test_python_on_a_node_is_the_clusters_python(name, python, info):
    environ = {"PYSPARK_PYTHON": name} if name else {}

    env = translate("app.py", info, {}, environ).env

    assert env["PYSPARK_PYTHON"] == env["PYSPARK_DRIVER_PYTHON"] == python.format(bin=info.layout.bin)


def test_environment_of_the_application_master_counts_in_cluster_mode_only(info):
    conf = "--conf spark.yarn.appMasterEnv.PYSPARK_PYTHON=./env/bin/python --conf spark.yarn.appMasterEnv.MY=1"

    client = translate(f"{conf} app.py", info).env
    cluster = translate(f"{conf} --deploy-mode cluster app.py", info).env

    assert ("MY" in client, client["PYSPARK_PYTHON"]) == (False, info.python)
    assert (cluster["MY"], cluster["PYSPARK_PYTHON"]) == ("1", "./env/bin/python")


def test_the_driver_listens_on_its_nodes_address_unless_told_otherwise(info):
    assert conf_of(translate("app.py", info))["spark.driver.host"] == "127.9.9.1"
    assert conf_of(translate("--conf spark.driver.host=h app.py", info))["spark.driver.host"] == "h"


def test_spark_connect_gets_no_master_beside_its_address(info):
    assert "--master" not in translate("--remote sc://h app.py", info).argv


def test_what_only_lies_on_an_emr_node_is_found_on_ours(info):
    assert translate("/home/hadoop/app.py", info).argv[-1] == f"{info.root}/home/hadoop/app.py"
    assert places.resolve("/usr/lib/spark/examples/jars/spark-examples.jar", info).endswith(
        "spark-examples_2.13-4.1.1.jar"
    )


@pytest.mark.parametrize("defaults", [{}, {"spark.hadoop.hive.metastore.client.factory.class": "a.AWSGlueX"}])
def test_glues_catalogue_is_refused_and_not_an_empty_one(defaults, info):
    line = "app.py" if defaults else "--conf spark.hadoop.hive.metastore.client.factory.class=a.AWSGlueX app.py"

    with pytest.raises(Refused, match="Glue Data Catalog, which emrlite does not have"):
        translate(line, info, defaults)
