"""``Applications``: what was asked for, and which of it really is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emrlite.cluster import releases
from emrlite.errors import ValidationException

_SPARK_LINE = ("AmazonCloudWatchAgent", "Delta", "Hudi", "Iceberg", "JupyterEnterpriseGateway", "Livy", "Spark")
_HADOOP_LINE = (
    *_SPARK_LINE, "Flink", "Ganglia", "Hadoop", "HBase", "HCatalog", "Hive", "Hue", "JupyterHub", "Mahout", "MXNet",
    "Oozie", "Phoenix", "Pig", "Presto", "PrestoSQL", "Sqoop", "TensorFlow", "Tez", "Trino", "Zeppelin", "ZooKeeper",
)


def read(configs: Sequence[Mapping[str, Any]] | None, label: str) -> tuple[str, ...]:
    """Return the names of the applications as EMR spells them, with the one that is always there."""
    spark_only = releases.is_spark_only(label)
    names = {name.lower(): name for name in (_SPARK_LINE if spark_only else _HADOOP_LINE)}
    always = "Spark" if spark_only else "Hadoop"
    found = []
    for config in configs or ():
        asked = config.get("Name", "")
        if asked.lower() not in names:
            raise ValidationException(f"The application '{asked}' is not supported by release {label}.")
        found.append(names[asked.lower()])
    return tuple(dict.fromkeys([*found, always]))


def write(names: Sequence[str], versions: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return an ``ApplicationList``: a version only where something really runs, once it is known."""
    return [_write(name, versions) for name in names]


def _write(name: str, versions: Mapping[str, str]) -> dict[str, Any]:
    if name in versions:
        return {"Name": name, "Version": versions[name]}
    if versions:
        return {"Name": name, "AdditionalInfo": {"emrlite": "accepted, but not installed"}}
    return {"Name": name}
