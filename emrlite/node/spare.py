"""JVMs that are started ahead: a driver's on the master, an executor's on the first node that runs any.

JVM start, class loading and the first compilations are most of what a short PySpark step waits for.  A spare JVM has
done that, and has seen nothing of anybody's; it serves once and ends (``java_classes/Spare.java``).  `command` tells
how one is started, `emrlite.node.handover` gives it its program.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from emrlite.cluster import instance_types
from emrlite.cluster.model import ClusterSpec, NodeSpec, Role, StepSpec
from emrlite.node import handover, java_options, jvm, resources, submit
from emrlite.node.driver import SpareKind
from emrlite.node.java_options import MODULE_OPTIONS, OPEN_CLASS_PATH, contents
from emrlite.node.layout import NodeInfo
from emrlite.node.resources import Refused
from emrlite.node.submit_arguments import Arguments, parse

MAIN = "emrlite.Spare"
#: How often a spare of a cluster that waits does its small job: after some of them little is left to be compiled.
ROUNDS = 4

#: What Spark itself gives an executor besides (`JavaModuleOptions`, 4.1.1).
_OF_EXECUTOR = ("-Djava.net.preferIPv6Addresses=false", "--add-modules=jdk.incubator.vector")
#: Java options that a step may have of its own, by what they are for.
_OPTIONS: Mapping[SpareKind, tuple[str, str]] = {
    "driver": ("spark.driver.extraJavaOptions", "spark.driver.defaultJavaOptions"),
    "executor": ("spark.executor.extraJavaOptions", "spark.executor.defaultJavaOptions"),
}
#: Only a spare has these: Java remembers its working directory in the first opened package too.
_OWN = ("--add-opens=java.base/sun.nio.fs=ALL-UNNAMED", OPEN_CLASS_PATH)
#: What its heap starts with: one that practises gives back what practice took, down to this, and waits with little.
#: For a step that is known a driver would outgrow that, collection after collection; an executor has what Java gives.
_HEAP = "-Xms96m"
_HEAP_OF_KNOWN_STEP: Mapping[SpareKind, tuple[str, ...]] = {"driver": ("-Xms192m",), "executor": ()}


def node(spec: ClusterSpec, kind: SpareKind) -> NodeSpec:
    """The node with the spare of this *kind*: for executors the one to which Spark's master gives the first.

    That is the one with the most memory (`daemons.command`), of several the first.
    """
    workers = [node for node in spec.nodes if node.role is not Role.MASTER]
    if kind == "driver" or not workers:
        return spec.master
    return max(workers, key=lambda worker: instance_types.of(worker.instance_type).yarn_memory)


def command(
    kind: SpareKind, directory: Path, info: NodeInfo, environ: Mapping[str, str], *, steps: Path,
    step: StepSpec | None = None,
) -> tuple[list[str], dict[str, str]]:
    """Make the *directory* of a spare and return how it is started: as *step* would, or any of Python without options.

    *environ* is that of a step, or of the node's worker.  It practises while nobody asks for it and none of the
    *steps* runs: where processes of the master are recorded.  A driver that comes up before its step has no time to.
    Raises `Refused` and `UsageError` where a step cannot run so either, would not take it, or has Java options of its
    own: a recording, a debugger's port, a file in the working directory would be those of a JVM that is not the step's.
    """
    arguments = parse(step.args[1:] if step else ["spare.py"])
    conf = arguments.properties(submit.node_defaults(info))
    if any(arguments.properties({}).get(name) for name in _OPTIONS[kind]):
        raise Refused("its step has Java options of its own")
    java, env = _driver(arguments, info, environ) if kind == "driver" else (_executor(conf, info), dict(environ))
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "secret").write_text(secrets.token_hex(16))
    unfinished = directory / "started.new"
    unfinished.write_text(json.dumps(handover.describe(java, env)))
    unfinished.rename(directory / "started.json")  # whoever sees it may read it
    own = [*_OWN, *(_HEAP_OF_KNOWN_STEP[kind] if step else (_HEAP,))]
    rounds = 0 if step and kind == "driver" else ROUNDS
    words = (str(directory), kind, str(rounds), str(steps), contents(info.archive))
    return [*java[:-2], *own, *java[-2:], MAIN, *words], env


def _driver(arguments: Arguments, info: NodeInfo, environ: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    usual = submit.translate(arguments, info, submit.node_defaults(info), environ, submit.this_machine())
    if usual.cluster_mode or not submit.has_usual_python(arguments):
        raise Refused("its step's driver is not one of Python on the master")
    return list(usual.argv[:usual.argv.index(submit.MAIN)]), {**environ, **usual.env}


def _executor(conf: Mapping[str, str], info: NodeInfo) -> list[str]:
    """The words that Spark's worker starts an executor with (`WorkerCommandBuilder`), in another order."""
    if conf.get("spark.master", "yarn").startswith("local") or conf.get("spark.executor.extraClassPath"):
        raise Refused("its step has none, or one with a class path of its own")
    planned = resources.plan(conf, info, submit.this_machine()).properties
    heap = resources.mebibytes(planned["spark.executor.memory"])
    options = conf.get("spark.executor.defaultJavaOptions", jvm.executor_options(
        conf.get("spark.executor.extraJavaOptions", ""), info.archive))
    own = jvm.split(conf.get("spark.executor.extraJavaOptions", ""))
    return [f"{info.java_home}/bin/java", f"-Xmx{heap}M", *jvm.split(options), *own, *_OF_EXECUTOR, *MODULE_OPTIONS,
            "-cp", f"{java_options.class_path(info.spark_home)}:{info.layout.conf}/"]
