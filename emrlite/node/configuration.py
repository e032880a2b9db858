"""The configuration files of a node: our settings, overlaid by the cluster's Configurations.

Pure: `files` returns texts by file name.  The order of precedence is EMR's: cluster level,
then the node's instance group.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from emrlite.cluster.model import Configuration
from emrlite.storage import emrfs

#: A shell that is told to export another name ends with an error.
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

LOG4J2 = """\
rootLogger.level = info
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex
# There are no native libraries of Hadoop on any machine of ours; every log would begin with that.
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
"""


def merged(*levels: Sequence[Configuration]) -> dict[str, dict[str, str]]:
    """Merge levels, the later ones over the earlier: classification -> properties.

    The ``export`` inside an ``*-env`` is found under ``spark-env/export`` and so on.
    """
    found: dict[str, dict[str, str]] = {}
    for level in levels:
        for configuration in level:
            found.setdefault(configuration.classification, {}).update(configuration.properties)
            for inner in configuration.configurations:
                name = f"{configuration.classification}/{inner.classification}"
                found.setdefault(name, {}).update(inner.properties)
    return found


def files(
    *, core_site: Mapping[str, str], hdfs_site: Mapping[str, str], spark_defaults: Mapping[str, str],
    configurations: Mapping[str, Mapping[str, str]],
) -> dict[str, str]:
    """Return name -> text of every file in a node's ``conf`` directory."""
    asked = {name: dict(properties) for name, properties in configurations.items()}
    core = {**core_site, **emrfs.translate({**asked.get("emrfs-site", {}), **asked.get("core-site", {})})}
    return {
        "core-site.xml": xml(core),
        "hdfs-site.xml": xml({**hdfs_site, **asked.get("hdfs-site", {})}),
        "spark-defaults.conf": properties({**spark_defaults, **asked.get("spark-defaults", {})}),
        "spark-env.sh": exports(asked.get("spark-env/export", {})),
        "log4j2.properties": LOG4J2,
    }


def xml(values: Mapping[str, str]) -> str:
    """Render a Hadoop configuration file."""
    rows = (
        f"  <property><name>{escape(name)}</name><value>{escape(value)}</value></property>\n"
        for name, value in sorted(values.items())
    )
    return f'<?xml version="1.0"?>\n<configuration>\n{"".join(rows)}</configuration>\n'


def properties(values: Mapping[str, str]) -> str:
    """Render a Java properties file, as Spark reads ``spark-defaults.conf``."""
    return "".join(f"{name} {_escape(value)}\n" for name, value in sorted(values.items()))


def exports(values: Mapping[str, str]) -> str:
    """Render ``spark-env.sh``.  Values keep their ``$VARIABLE``s, as on EMR."""
    lines = (f'export {name}="{_in_quotes(value)}"\n' for name, value in values.items() if _VARIABLE.fullmatch(name))
    return "".join(lines)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _in_quotes(value: str) -> str:
    stripped = value.strip('"')
    return stripped.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`")
