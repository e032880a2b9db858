"""Java packages fetched ahead: ``--packages`` without a network, Iceberg and Delta where EMR has them.

The packages of the first tests come from a Maven repository in a folder; the table formats are taken from the user's
home, where `make test` has put them beforehand.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from rig import Emulator

from emrlite.node import maven
from emrlite.node.prefetch import coordinate
from emrlite.settings import Settings

USERS = Settings.load()
WORD, BELOW = "org.example:word_2.13:1.0", "org.example:below:2.0"

#: Prints what lies in the jars of two packages; the second is needed by the first.
READS = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
loader = spark._jvm.java.lang.Thread.currentThread().getContextClassLoader()
read = lambda name: spark._jvm.org.apache.commons.io.IOUtils.toString(loader.getResourceAsStream(name), "UTF-8")
print("found", read("word.txt"), read("below.txt"))
assert spark.range(3).count() == 3
"""

ICEBERG = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.sql("CREATE TABLE lake.db.t (id bigint, part string) USING iceberg PARTITIONED BY (part)")
spark.sql("INSERT INTO lake.db.t VALUES (1, 'a'), (2, 'b')")
spark.sql("DELETE FROM lake.db.t WHERE id = 1")
print("rows", [tuple(row) for row in spark.table("lake.db.t").collect()])
print("snapshots", spark.table("lake.db.t.snapshots").count())
"""

DELTA = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
path = "s3://test-bucket/delta/t"
spark.range(3).write.format("delta").save(path)
spark.sql(f"UPDATE delta.`{path}` SET id = 10 WHERE id = 0")
print("rows", sorted(row.id for row in spark.read.format("delta").load(path).collect()))
print("before", sorted(row.id for row in spark.read.format("delta").option("versionAsOf", 0).load(path).collect()))
"""


def publish(repository: Path, name: str, file: str, *needs: str) -> None:
    """Put a package with one file, and with what it *needs*, into a Maven repository."""
    group, artifact, version = name.split(":")
    folder = repository / group.replace(".", "/") / artifact / version
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / f"{artifact}-{version}.jar", "w") as jar:
        jar.writestr(file, f"of-{artifact}")
    each = ("groupId", "artifactId", "version")
    lines = ["".join(f"<{tag}>{word}</{tag}>" for tag, word in zip(each, need.split(":"), strict=True))
             for need in needs]
    dependencies = "".join(f"<dependency>{line}</dependency>" for line in lines)
    (folder / f"{artifact}-{version}.pom").write_text(
        f"<project><modelVersion>4.0.0</modelVersion><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
        f"<version>{version}</version><dependencies>{dependencies}</dependencies></project>")


def prefetch(emulator: Emulator, *words: str, **variables: str) -> str:
    done = subprocess.run([sys.executable, "-m", "emrlite", "prefetch", *words], env={**emulator.env, **variables},
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def fetched(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `emrlite prefetch` says; afterwards the repository is gone."""
    repository = tmp_path_factory.mktemp("maven") / "repository"
    publish(repository, WORD, "word.txt", BELOW)
    publish(repository, BELOW, "below.txt")
    said = prefetch(emulator, WORD, EMRLITE_MAVEN=repository.as_uri())
    shutil.rmtree(repository)
    return said


def test_a_package_is_fetched_with_what_it_needs_and_once(emulator: Emulator, fetched: str) -> None:
    assert f"  {WORD}\n  {BELOW}\n{WORD} is there: 2 jars" in fetched
    assert prefetch(emulator, WORD, EMRLITE_MAVEN="file:///gone") == f"{WORD} is there\n"


def test_packages_reach_a_job_without_a_network(emulator: Emulator, cluster: str, fetched: str) -> None:
    app = emulator.put("reads.py", READS)
    option, conf = emulator.add_steps(
        cluster, ("spark-submit", "--packages", WORD, app),
        ("spark-submit", "--deploy-mode", "cluster", "--conf", f"spark.jars.packages={WORD}", app))

    for step in (option, conf):
        assert emulator.wait_step(cluster, step)["State"] == "COMPLETED", emulator.log(cluster, step, "stderr")[-3000:]
    assert "found of-word_2.13 of-below" in emulator.log(cluster, option, "stdout")
    assert f"--packages: {WORD} as fetched before, 2 jars" in emulator.log(cluster, option, "stderr")


@pytest.fixture(scope="module")
def formats(emulator: Emulator) -> None:
    """Iceberg and Delta from the user's home; nothing is fetched here."""
    theirs, ours = maven.folder(USERS.home), maven.folder(emulator.home)
    missing = [word for word in ("iceberg", "delta") if maven.jars(theirs, coordinate(word, USERS.spark)) is None]
    if missing:
        pytest.skip(f"{USERS.home} lacks packages: `emrlite prefetch {' '.join(missing)}` fetches them")
    shutil.copytree(theirs, ours, symlinks=True, dirs_exist_ok=True)


def test_iceberg_and_delta_work_from_the_paths_where_emr_has_them(
    emulator: Emulator, cluster: str, formats: None
) -> None:
    iceberg = [
        "--jars", "/usr/share/aws/iceberg/lib/iceberg-spark3-runtime.jar",
        "--conf", "spark.sql.extensions=org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "--conf", "spark.sql.catalog.lake=org.apache.iceberg.spark.SparkCatalog",
        "--conf", "spark.sql.catalog.lake.type=hadoop",
        "--conf", "spark.sql.catalog.lake.warehouse=s3://test-bucket/lake",
    ]
    delta = [
        "--jars", "/usr/share/aws/delta/lib/delta-spark.jar,/usr/share/aws/delta/lib/delta-storage.jar",
        "--conf", "spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension",
        "--conf", "spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog",
    ]
    steps = emulator.add_steps(
        cluster, ("spark-submit", *iceberg, emulator.put("iceberg.py", ICEBERG)),
        ("spark-submit", *delta, emulator.put("delta.py", DELTA)))

    for step in steps:
        assert emulator.wait_step(cluster, step)["State"] == "COMPLETED", emulator.log(cluster, step, "stderr")[-4000:]
    assert "rows [(2, 'b')]\nsnapshots 2\n" in emulator.log(cluster, steps[0], "stdout")
    assert "rows [1, 2, 10]\nbefore [0, 1, 2]\n" in emulator.log(cluster, steps[1], "stdout")
    lake = emulator.home / "s3/test-bucket/lake/db/t"
    assert list(lake.glob("metadata/*.metadata.json")), "tables lie on S3"
