"""A durable emulator for this tier, and one warm cluster that most of its tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rig import Emulator, new_home


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A durable emulator with local S3."""
    emulator = Emulator(new_home(tmp_path_factory.mktemp("emr") / "a home"))
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture(scope="session")
def cluster(emulator: Emulator) -> str:
    """A warm cluster with one core node that runs four steps at once."""
    cluster = emulator.run_cluster(StepConcurrencyLevel=4, Configurations=[
        {"Classification": "spark-defaults", "Properties": {"spark.test.defaults": "from-spark-defaults"}},
        {"Classification": "spark-env", "Configurations": [
            {"Classification": "export", "Properties": {"FROM_SPARK_ENV": "from-spark-env"}}]},
        {"Classification": "core-site", "Properties": {"test.core": "from-core-site"}},
        {"Classification": "hdfs-site", "Properties": {"dfs.blocksize": "1048576"}},
        {"Classification": "emrfs-site", "Properties": {"fs.s3.maxConnections": "33"}},
    ])
    emulator.wait_cluster(cluster, "WAITING")
    return cluster
