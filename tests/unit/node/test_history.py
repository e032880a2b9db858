"""How Spark's history server is started."""

from pathlib import Path

import pytest

from emrlite.node import history
from emrlite.node.engines import Engine


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(spark="4.1.1", scala="2.13", hadoop="3.4.2", home=Path("/engine"), java_home=Path("/java"),
                  python=Path("/python"), tools=Path("/tools"), s3proxy=Path("/s3proxy.jar"),
                  archive=Path("/engine/classes.jsa"))


def test_it_has_the_class_path_that_the_class_data_archive_was_made_for(engine: Engine, tmp_path: Path):
    argv = history.argv(engine, tmp_path / "a home", 18080)
    assert argv[0] == "/java/bin/java"
    assert "-XX:SharedArchiveFile=/engine/classes.jsa" in argv
    assert argv[argv.index("-cp") + 1].startswith(f"{engine.classpath}:")
    assert argv[-1] == "org.apache.spark.deploy.history.HistoryServer"


def test_it_reads_the_directory_of_links_and_nothing_of_another_spark(engine: Engine, tmp_path: Path):
    argv = history.argv(engine, tmp_path / "a home", 18080)
    links = history.links(tmp_path / "a home")
    assert links.is_dir()
    assert f"-Dspark.history.fs.logDirectory=file://{links}" in argv
    environment = history.environment(engine)
    assert environment["SPARK_CONF_DIR"] == "/engine/own/*", "no directory, so no settings"
    assert environment["SPARK_LOCAL_IP"] == "127.0.0.1"


def test_only_behind_the_endpoint_do_its_links_begin_with_a_base(engine: Engine, tmp_path: Path):
    assert not any("proxyBase" in word for word in history.argv(engine, tmp_path, 18080))
    assert "-Dspark.ui.proxyBase=/shs" in history.argv(engine, tmp_path, 18080, history.BASE)


def test_a_server_that_is_not_there_lists_nothing():
    assert not history.answers("http://127.0.0.1:1")
    assert history.listed("http://127.0.0.1:1") == {}
