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

#: Classification -> the property that switches it on, and what EMR then adds to Spark.
TABLE_FORMATS = {
    "iceberg-defaults": ("iceberg.enabled", "/usr/share/aws/iceberg/lib/*.jar"),
    "delta-defaults": ("delta.enabled", "/usr/share/aws/delta/lib/*.jar"),
}

#: Files that are nothing but a classification: its name -> the file, in the form that its name ends with.
_XML = {"yarn-site": "yarn-site.xml", "mapred-site": "mapred-site.xml"}
_PROPERTIES = {"spark-metrics": "metrics.properties"}
_TRUE = "true"

#: Read by ``java_classes/Node.java`` only.
DAEMONS_SITE = "daemons-site.xml"

#: A DataNode that is up before its NameNode asks again soon, for a minute; clients give up after seconds.
_DAEMONS_SITE = {"ipc.client.connect.retry.interval": "100", "ipc.client.connect.max.retries": "600"}

#: What the user's programs log with; daemons do without (``java_classes/DaemonLogs.java``), in the same form.
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
    found = {
        "core-site.xml": xml(core),
        "hdfs-site.xml": xml({**hdfs_site, **asked.get("hdfs-site", {})}),
        "spark-defaults.conf": properties({**spark_defaults, **asked.get("spark-defaults", {})}),
        "spark-env.sh": exports(asked.get("spark-env/export", {})),
        "hadoop-env.sh": exports(asked.get("hadoop-env/export", {})),
        "log4j2.properties": LOG4J2 + properties(asked.get("spark-log4j2", {})),
        DAEMONS_SITE: xml(_DAEMONS_SITE),
    }
    found |= {file: xml(asked[name]) for name, file in _XML.items() if name in asked}
    found |= {file: properties(asked[name]) for name, file in _PROPERTIES.items() if name in asked}
    # Both are of one catalogue: on EMR Spark asks the metastore that `hive-site` sets up.
    if hive := {**asked.get("hive-site", {}), **asked.get("spark-hive-site", {})}:
        found["hive-site.xml"] = xml(hive)
    return found


def maximized(
    configurations: Mapping[str, Mapping[str, str]], *, vcpu: int, memory: int, nodes: int
) -> dict[str, str]:
    """What ``maximizeResourceAllocation`` of the classification ``spark`` sets: an executor on each node, all of it.

    *vcpu* and *memory* (MiB, YARN's) are those of one of the *nodes* with executors.
    """
    if configurations.get("spark", {}).get("maximizeResourceAllocation", "").lower() != _TRUE:
        return {}
    heap = min(int(memory / 1.1), memory - 384)  # YARN adds a tenth, 384 MiB at the least
    found = {
        "spark.executor.cores": str(vcpu),
        "spark.executor.memory": f"{heap}m",
        "spark.driver.memory": f"{heap}m",
        "spark.default.parallelism": str(2 * vcpu * nodes),
    }
    own = configurations.get("spark-defaults", {}).get("spark.dynamicAllocation.enabled", "").lower()
    return found if own == _TRUE else {**found, "spark.executor.instances": str(nodes)}


def table_formats(configurations: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """What ``iceberg-defaults`` and ``delta-defaults`` add to Spark: archives at the places that EMR has them at."""
    jars = [
        place
        for name, (switch, place) in TABLE_FORMATS.items()
        if configurations.get(name, {}).get(switch, "").lower() == _TRUE
    ]
    # A property of YARN's, because a user's own --jars does not take its place.
    return {"spark.yarn.dist.jars": ",".join(jars)} if jars else {}


def yarn_memory(configurations: Mapping[str, Mapping[str, str]], of_type: int) -> int:
    """YARN's maximum for one container (MiB), as ``yarn-site`` has it or else as the instance type."""
    asked = configurations.get("yarn-site", {})
    names = ("yarn.nodemanager.resource.memory-mb", "yarn.scheduler.maximum-allocation-mb")
    given = [int(asked[name]) for name in names if asked.get(name, "").isdigit()]
    return min(given) if len(given) == len(names) else min([of_type, *given])


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
