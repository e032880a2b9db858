"""From a spark-submit command line as EMR users write it to the one that runs here.  Pure.

It does what Spark's own launcher does (heap, Java options, class path) without its two extra
JVMs, puts the cluster's Spark master in the place of YARN, and leaves everything else as it was
written.  What was changed is said in ``notes``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from emrlite.node import jvm, places, resources
from emrlite.node.layout import NodeInfo
from emrlite.node.resources import Machine, Refused
from emrlite.node.submit_arguments import VALUED, Arguments, properties

MAIN = "org.apache.spark.deploy.SparkSubmit"

_YARN_MASTERS = ("yarn", "yarn-client", "yarn-cluster")
#: What only YARN or Kerberos know: accepted, without effect.
_WITHOUT_EFFECT = ("--queue", "--principal", "--keytab", "--supervise")
#: Settled here, so not handed on as options.
_SETTLED = frozenset(
    {
        "--master",
        "--deploy-mode",
        "--num-executors",
        "--executor-cores",
        "--executor-memory",
        "--total-executor-cores",
        "--properties-file",
        "--archives",
        "--files",
        "--jars",
        "--py-files",
        *_WITHOUT_EFFECT,
    }
)
_LISTS = {
    "spark.archives": "spark.yarn.dist.archives",
    "spark.files": "spark.yarn.dist.files",
    "spark.jars": "spark.yarn.dist.jars",
    "spark.submit.pyFiles": "spark.yarn.dist.pyFiles",
}
_MASTER_ENVIRONMENT = "spark.yarn.appMasterEnv."
#: Tells a Python driver what stands in the place of YARN (`emrlite/node/python/sitecustomize.py`).
MASTER_VARIABLE = "EMRLITE_SPARK_MASTER"
_DRIVER_HEAP_PART = 2
_CATALOGUE = "spark.hadoop.hive.metastore.client.factory.class"
#: No address, so that ``.master("yarn")`` in a Java or Scala driver fails at once, with this text.
_NO_YARN = "this cluster has no YARN: leave .master out of the code or take it from the arguments"


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What is to be run.  With ``cluster_mode`` it runs on the node whose *info* it was made with."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    notes: tuple[str, ...] = ()
    cluster_mode: bool = False
    files: tuple[str, ...] = ()  #: for the driver's working directory in cluster mode
    archives: tuple[str, ...] = ()  #: the same, unpacked
    extra: Mapping[str, str] = field(default_factory=dict)  #: the properties that were added
    driver_python: str = ""  #: what Spark will start for a Python driver


def node_defaults(info: NodeInfo) -> dict[str, str]:
    """Properties of the node's ``spark-defaults.conf``."""
    usual = info.layout.conf / "spark-defaults.conf"
    return properties(usual.read_text()) if usual.is_file() else {}


def this_machine() -> Machine:
    """Look up what this machine has; of its cores those that this process may use."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return Machine(memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20, cores=cores)


def is_cluster_mode(arguments: Arguments, defaults: Mapping[str, str]) -> bool:
    """Whether the driver belongs on a core node."""
    conf = arguments.properties(defaults)
    master = conf.get("spark.master", "yarn")
    on_cluster = master in _YARN_MASTERS or master.startswith("spark://")
    return on_cluster and (master == "yarn-cluster" or conf.get("spark.submit.deployMode") == "cluster")


def has_usual_python(arguments: Arguments) -> bool:
    """Whether the driver is the node's own Python, so that its JVM may be one that was started ahead."""
    of_conf = any(key.startswith("spark.pyspark.") for key in arguments.conf)
    return (arguments.application or "").endswith(".py") and "--remote" not in arguments.options and not of_conf


def translate(
    arguments: Arguments, info: NodeInfo, defaults: Mapping[str, str], environ: Mapping[str, str], machine: Machine
) -> Submission:
    """Make the command line for *arguments*.

    *info* is the node that runs the driver, *defaults* the properties of ``spark-defaults.conf`` or of the file
    that the user named in its place.  Raises `Refused`.
    """
    conf = arguments.properties(defaults)
    cluster_mode = is_cluster_mode(arguments, defaults)
    notes = [
        f"{name} has no effect here"
        for name in _WITHOUT_EFFECT
        if name in arguments.options or name in arguments.switches
    ]
    master = _master(conf, info, notes)
    if "glue" in conf.get(_CATALOGUE, "").lower():
        raise Refused(
            f"Error: {_CATALOGUE} names AWS's Glue Data Catalog, which emrlite does not have; without the property "
            "tables are in a catalogue of the job's own"
        )

    added = {
        f"spark.driver.{key}": info.address for key in ("host", "bindAddress") if f"spark.driver.{key}" not in conf
    }
    added["spark.hadoop.yarn.resourcemanager.address"] = _NO_YARN
    if not master.startswith("local"):
        planned = resources.plan(conf, info, machine, cluster_mode=cluster_mode)
        added |= planned.properties
        notes += planned.notes
    archive = "" if conf.get("spark.executor.extraClassPath") else info.archive  # it stands first on the class path
    added["spark.executor.defaultJavaOptions"] = conf.get(
        "spark.executor.defaultJavaOptions",
        jvm.executor_options(conf.get("spark.executor.extraJavaOptions", ""), archive),
    )
    for standing, of_yarn in _LISTS.items():
        given = [item for key in (standing, of_yarn) for item in conf.get(key, "").split(",") if item.strip()]
        if given:
            added[standing] = ",".join(places.resolve(item.strip(), info) for item in given)

    for key in ("spark.pyspark.python", "spark.pyspark.driver.python"):
        if key in conf:
            added[key] = places.python(conf[key], info)

    env = environment(conf, info, environ, cluster_mode=cluster_mode)
    own = jvm.split(conf.get("spark.driver.defaultJavaOptions", "")) + jvm.split(
        conf.get("spark.driver.extraJavaOptions", "")
    )
    own += jvm.split(environ.get("SPARK_SUBMIT_OPTS", ""))
    argv = jvm.command(
        info,
        MAIN,
        *_arguments(arguments, master, added, info),
        flags=[_heap(conf, environ, own, machine.memory, notes), *jvm.driver_flags(own)],
        extra=conf.get("spark.driver.extraClassPath", ""),
    )
    return Submission(
        argv=tuple(argv),
        env=env,
        notes=tuple(notes),
        cluster_mode=cluster_mode,
        extra=added,
        driver_python=_driver_python(added, env),
        files=tuple(filter(None, added.get("spark.files", "").split(","))),
        archives=tuple(filter(None, added.get("spark.archives", "").split(","))),
    )


def _driver_python(added: Mapping[str, str], env: Mapping[str, str]) -> str:
    """By the order in which Spark looks: a property before any variable."""
    named = (added.get(key) for key in ("spark.pyspark.driver.python", "spark.pyspark.python"))
    return next(filter(None, named), env["PYSPARK_DRIVER_PYTHON"])


def _master(conf: Mapping[str, str], info: NodeInfo, notes: list[str]) -> str:
    asked = conf.get("spark.master", "yarn")
    if asked not in _YARN_MASTERS:
        return asked
    notes.append(f"--master {asked}: runs on the cluster's Spark master {info.spark_master}")
    return info.spark_master


def _heap(conf: Mapping[str, str], environ: Mapping[str, str], own: list[str], machine: int, notes: list[str]) -> str:
    """``-Xmx`` of the driver, by the launcher's order of places to look."""
    if any(option.startswith("-Xmx") for option in own):
        raise Refused(
            "Error: Not allowed to specify max heap(Xmx) memory settings through java options. "
            "Use the corresponding --driver-memory or spark.driver.memory configuration instead."
        )
    asked = resources.mebibytes(conf.get("spark.driver.memory") or environ.get("SPARK_DRIVER_MEMORY") or "1g")
    bound = max(machine // _DRIVER_HEAP_PART, 1024)
    if asked > bound:
        notes.append(f"--driver-memory {asked}m: the heap on this machine is {bound}m")
    return f"-Xmx{min(asked, bound)}m"


def _arguments(arguments: Arguments, master: str, added: Mapping[str, str], info: NodeInfo) -> list[str]:
    """The command line of `SparkSubmit`: ours, then the user's own words."""
    line = [] if "--remote" in arguments.options else ["--master", master, "--deploy-mode", "client"]
    for name, value in arguments.options.items():
        if name not in _SETTLED:
            line += [name, value]
    if "--properties-file" in arguments.options:
        line += ["--properties-file", arguments.options["--properties-file"]]
    settled = {VALUED[name] for name in ("--master", "--deploy-mode")}
    # What counts has been worked out, and stands in `added`; the rest as written.
    for key, value in {**arguments.conf, **added}.items():
        if key not in settled:
            line += ["--conf", f"{key}={value}"]
    line += sorted(arguments.switches - set(_WITHOUT_EFFECT))
    if arguments.application is not None:
        line += [places.resolve(arguments.application, info), *arguments.application_args]
    return line


def environment(
    conf: Mapping[str, str], info: NodeInfo, environ: Mapping[str, str], *, cluster_mode: bool = False
) -> dict[str, str]:
    """What the driver's environment needs besides what is there."""
    of_master = {
        key.removeprefix(_MASTER_ENVIRONMENT): value
        for key, value in conf.items()
        if cluster_mode and key.startswith(_MASTER_ENVIRONMENT)
    }
    chosen = {**environ, **of_master}
    executors = chosen.get("PYSPARK_PYTHON", "python3")
    env = {
        "SPARK_HOME": places.spark_home(info),
        "SPARK_CONF_DIR": str(info.layout.conf),
        "HADOOP_CONF_DIR": str(info.layout.conf),
        "SPARK_SCALA_VERSION": info.scala_version,
        "JAVA_HOME": info.java_home,
        "SPARK_LOCAL_IP": info.address,
        "PYTHONPATH": ":".join(filter(None, (chosen.get("PYTHONPATH"), *places.python_path(info)))),
        "PYSPARK_PYTHON": places.python(executors, info),
        "PYSPARK_DRIVER_PYTHON": places.python(chosen.get("PYSPARK_DRIVER_PYTHON", executors), info),
        MASTER_VARIABLE: info.spark_master,
    }
    if library := conf.get("spark.driver.extraLibraryPath"):
        env["LD_LIBRARY_PATH"] = ":".join(filter(None, (library, chosen.get("LD_LIBRARY_PATH"))))
    return of_master | env
