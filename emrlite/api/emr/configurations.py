"""``Configurations``: classifications of EMR, to our records and back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from emrlite.cluster.model import Configuration
from emrlite.errors import ValidationException

#: Classifications of the EMR release guide, besides every ``*-env``.
KNOWN = frozenset(  # a table of words is read, a list of 90 strings is not
    """
    capacity-scheduler container-executor container-log4j core-site emrfs-site flink-conf flink-log4j
    hadoop-http-auth hadoop-kms-acls hadoop-kms-log4j hadoop-kms-site hadoop-log4j hadoop-metrics2 hadoop-policy
    hadoop-ssl-client hadoop-ssl-server hbase hbase-log4j hbase-metrics hbase-policy hbase-site hcatalog-server-site
    hcatalog-webhcat-log4j2 hcatalog-webhcat-site hdfs-encryption-zones hdfs-site hive hive-beeline-log4j2
    hive-exec-log4j2 hive-llap-daemon-log4j2 hive-log4j2 hive-parquet-logging hive-site hiveserver2-site httpfs-log4j
    httpfs-site hudi-defaults hue-ini iceberg-defaults delta-defaults jupyter-notebook-conf jupyter-hub-conf
    jupyter-s3-conf jupyter-sparkmagic-conf livy-client-conf livy-conf livy-log4j livy-log4j2 mapred-site
    oozie-log4j oozie-site phoenix-hbase-metrics phoenix-hbase-site phoenix-log4j phoenix-metrics pig-log4j
    pig-properties pig-site presto-config presto-connector-hive presto-connector-jmx presto-connector-mysql
    presto-connector-postgresql presto-connector-tpcds presto-connector-tpch presto-log presto-node
    presto-password-authenticator prestosql-config
    prestosql-connector-hive prestosql-log prestosql-node trino-config trino-connector-hive
    trino-connector-iceberg trino-connector-delta trino-connector-hudi trino-exchange-manager trino-log trino-node
    proxysql recordserver spark spark-defaults spark-hive-site spark-log4j spark-log4j2 spark-metrics sqoop-site
    tez-site yarn-site zeppelin-site zookeeper-config zookeeper-log4j zookeeper-logback emr-metrics
    docker-conf ranger-kms-dbks-site ranger-kms-log4j ranger-kms-site resource-types
    """.split()  # noqa: SIM905
)
_ENVIRONMENT = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*-env")
#: A metastore that would be an empty one here.
_FACTORY, _GLUE = "hive.metastore.client.factory.class", re.compile("glue", re.IGNORECASE)
#: What may stand inside what.
_NESTED = {"container-executor": "docker"}


def read(configs: Sequence[Mapping[str, Any]] | None) -> tuple[Configuration, ...]:
    """Return the records of a ``ConfigurationList``; raises `ValidationException`."""
    return tuple(_read(config) for config in configs or ())


def _read(config: Mapping[str, Any]) -> Configuration:
    name = config.get("Classification", "")
    if not name:
        raise ValidationException("Classification is required in each of the Configurations.")
    is_environment = _ENVIRONMENT.fullmatch(name) is not None
    if name not in KNOWN and not is_environment:
        raise ValidationException(f"Classification '{name}' is not valid: EMR has no such classification.")
    if is_environment and config.get("Properties"):
        raise ValidationException(
            f"Classification '{name}' takes its Properties in a Configuration 'export' inside of it."
        )
    nested = "export" if is_environment else _NESTED.get(name)
    inner = config.get("Configurations") or ()
    for item in inner:
        if item is None or item.get("Classification") != nested or item.get("Configurations"):
            allowed = f"only '{nested}'" if nested else "none"
            raise ValidationException(f"Of the Configurations inside of '{name}', {allowed} can be used.")
    return Configuration(
        classification=name,
        properties=_properties(name, config),
        configurations=tuple(
            Configuration(classification=item["Classification"], properties=_properties(name, item)) for item in inner
        ),
    )


def _properties(name: str, config: Mapping[str, Any]) -> dict[str, str]:
    properties = dict(config.get("Properties") or {})
    for key, value in properties.items():
        if not key.strip() or any(ord(c) < 32 and c not in "\t\n\r" for c in key + value):
            raise ValidationException(f"The property {key!r} of '{name}' has no name, or control characters.")
        if key.removeprefix("spark.hadoop.") == _FACTORY and _GLUE.search(value):
            raise ValidationException(
                f"The property {key} of '{name}' names AWS's Glue Data Catalog, which emrlite does not have; without "
                "the property tables are in a catalogue of the job's own."
            )
    return properties


def write(configurations: Sequence[Configuration]) -> list[dict[str, Any]]:
    """Return what a ``ConfigurationList`` answers."""
    return [
        {
            "Classification": configuration.classification,
            "Properties": dict(configuration.properties),
            "Configurations": write(configuration.configurations) or None,
        }
        for configuration in configurations
    ]
