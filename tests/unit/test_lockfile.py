"""What the lock says about the class path."""

import re

import pytest

from emrlite.errors import SetupError
from emrlite.node.lockfile import conf, locked
from emrlite.settings import Settings

LOCKS = ("requirements.lock", "build.lock", "aws.lock", "java.lock", "pyspark-4.1.1.lock")


def test_the_default_spark_is_locked():
    lock = locked(Settings().spark)
    assert (lock.scala, lock.hadoop) == ("2.13", "3.4.2")
    assert {jar.group for jar in lock.jars} == {"s3a", "hdfs", "cloud", "native"}


def test_every_archive_is_named_exactly():
    lock = locked("4.1.1")
    for jar in (*lock.jars, lock.s3proxy):
        assert re.fullmatch(r"[\w.-]+:[\w.-]+:\d[\w.-]*(:[\w-]+)?", jar.coordinates)
        assert re.fullmatch(r"[0-9a-f]{64}", jar.sha256)
        assert jar.size > 0
    assert len({jar.name for jar in lock.jars}) == len(lock.jars)


def test_an_archive_is_called_as_maven_calls_it():
    lock = locked("4.1.1")
    assert lock.s3proxy.name == "s3proxy-4.0.0-jar-with-dependencies.jar"
    assert lock.jars[0].name == "hadoop-aws-3.4.2.jar"


def test_nothing_on_the_class_path_shadows_what_spark_brings():
    # Netty 4.1 ahead of Spark's 4.2 ends in NoSuchMethodError; the bundle holds one too.
    shadows = re.compile(r"io\.netty|org\.apache\.httpcomponents|org\.slf4j|commons-|software\.amazon\.awssdk:bundle")
    assert [jar.coordinates for jar in locked("4.1.1").jars if shadows.match(jar.coordinates)] == []


def test_the_s3_server_stays_off_the_class_path():
    lock = locked("4.1.1")
    assert lock.s3proxy not in lock.jars


def test_a_spark_without_a_list_of_archives_is_refused_by_name():
    with pytest.raises(SetupError, match=r"Spark 2\.4\.8, only for 4\.1\.1"):
        locked("2.4.8")


@pytest.mark.parametrize("name", LOCKS)
def test_python_locks_have_hashes_and_no_hosts(name):
    text = conf(name).read_text()
    assert "http" not in re.sub(r"^[\w.-]+==", "", text, flags=re.MULTILINE)
    for entry in re.split(r"\n(?=\w)", text.strip()):
        assert re.match(r"[\w.-]+==[\w.!+-]+", entry), entry
        assert "--hash=sha256:" in entry


def test_a_missing_file_of_the_installation_is_named():
    with pytest.raises(SetupError, match=r"no\.lock is missing"):
        conf("no.lock")
