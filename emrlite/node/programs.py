"""Puts the programs of a node into its ``bin``, the first directory of the node's ``PATH``.

Most are a few lines of shell, complete when written: a JVM starts sooner without a Python before
it.  What needs thinking (`spark-submit` and its kind) goes through `emrlite.node.entry`.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from emrlite.node import entry, handover, jvm, places, submit, view
from emrlite.node.layout import NODE_VARIABLE, NodeInfo
from emrlite.node.safety import shims

SPARK_PROGRAMS = ("spark-submit", "spark-sql", "spark-shell", "pyspark", "spark-class", "run-example", "spark-example")
RUNNERS = ("script-runner", "jar-runner")

#: Names of EMR programs whose application does not run here, and what to do instead.
_ABSENT = {
    "yarn": "there is no YARN: applications are on the Spark master's page, their logs under containers/",
    "mapred": "there is no MapReduce on YARN: `hadoop jar` runs jobs locally",
    "s3-dist-cp": "use `hadoop distcp`, `aws s3 cp` or a Spark job",
}


def write(info: NodeInfo) -> None:
    """Write the programs of a node, and its ``/usr/lib/spark``."""
    where = info.layout.bin
    where.mkdir(parents=True, exist_ok=True)
    for folder in (info.layout.tmp, info.layout.home, Path(places.python_packages(info))):
        folder.mkdir(parents=True, exist_ok=True)
    for name, script in scripts(info).items():
        path = where / name
        path.write_text(script)
        path.chmod(0o755)
    if _has_spark(info):
        _lay_out_spark(info)
        java = info.layout.executor_java / "bin" / "java"
        java.parent.mkdir(parents=True, exist_ok=True)
        java.write_text(_executor_java(info))
        java.chmod(0o755)


def scripts(info: NodeInfo) -> dict[str, str]:
    """Every program as name -> text."""
    programs = {name: _through_entry(name, info) for name in RUNNERS}
    if _has_spark(info):
        programs |= {name: _through_entry(name, info, ". spark-env") for name in SPARK_PROGRAMS}
    programs |= {"hadoop": _hadoop(info), "hdfs": _hdfs(info), "aws": _aws(info)}
    programs |= dict.fromkeys(("python", "python3", f"python3.{sys.version_info.minor}"), _python(info, ""))
    programs |= dict.fromkeys(("pip", "pip3"), _python(info, "-m pip"))
    programs |= {
        name: _script(f"echo {shlex.quote(f'emrlite: {name}: {why}')} >&2", "exit 1") for name, why in _ABSENT.items()
    }
    return programs | shims()


def _has_spark(info: NodeInfo) -> bool:
    return any(name.lower() == "spark" for name in info.applications)


def _script(*lines: str) -> str:
    return "\n".join(("#!/bin/sh", *lines, ""))


def _exports(info: NodeInfo) -> list[str]:
    """What programs rely on even where a caller has emptied the environment."""
    known = {
        NODE_VARIABLE: info.root,
        "HADOOP_CONF_DIR": info.layout.conf,
        "JAVA_HOME": info.java_home,
        "HADOOP_USER_NAME": "hadoop",
    }
    if _has_spark(info):
        known |= {"SPARK_HOME": places.spark_home(info), submit.MASTER_VARIABLE: info.spark_master}
    return [f"export {name}={shlex.quote(str(value))}" for name, value in known.items()]


def _source(info: NodeInfo, name: str) -> str:
    """Read a ``*-env.sh`` once, as Spark's and Hadoop's own start scripts do."""
    file = shlex.quote(str(info.layout.conf / f"{name}.sh"))
    mark = f"EMRLITE_{name.upper().replace('-', '_')}_READ"
    return f'if [ -z "${mark}" ] && [ -f {file} ]; then {mark}=1; export {mark}; . {file}; fi'


def _through_entry(name: str, info: NodeInfo, sourced: str = "") -> str:
    lines = [_source(info, sourced.removeprefix(". "))] if sourced else []
    words = shlex.join(["-I", os.path.abspath(entry.__file__), name])
    return _script(*_exports(info), *lines, *view.become(sys.executable, words))


def _executor_java(info: NodeInfo) -> str:
    """What the node's Spark worker takes for ``java``: itself, unless a JVM waits that was started ahead."""
    processes = str(info.layout.processes)
    spares = f"{shlex.quote(processes)}/{handover.PREFIX}executor-*"
    words = shlex.join(["-I", os.path.abspath(entry.__file__), "executor", processes])
    return _script(
        f"JAVA_HOME={shlex.quote(info.java_home)}; export JAVA_HOME",
        f"for spare in {spares}; do",
        '[ -e "$spare/started.json" ] && [ ! -e "$spare/taken" ] && [ ! -e "$spare/retired" ] || continue',
        *view.become(sys.executable, words),
        "done",
        'exec "$JAVA_HOME/bin/java" "$@"',
    )


def _java(info: NodeInfo, main: str, rest: str = '"$@"') -> str:
    """A command line of a Hadoop tool; ``HADOOP_CLIENT_OPTS`` are words, as everywhere."""
    flags = ["-Xmx512m", "-Dlog4j2.level=WARN", "-Djava.net.preferIPv4Stack=true", *jvm.driver_flags()]
    argv = jvm.command(info, "MAIN", flags=flags)
    place = argv.index("-cp")
    return (
        f"exec {shlex.join(argv[:place])} $HADOOP_OPTS $HADOOP_CLIENT_OPTS {shlex.join(argv[place:-1])} {main} {rest}"
    )


_COMMAND = '"$command"'


def _hadoop(info: NodeInfo) -> str:
    return _script(
        *_exports(info),
        _source(info, "hadoop-env"),
        'command="$1"; [ $# -gt 0 ] && shift',
        'case "$command" in',
        f"  fs|dfs) {_java(info, 'org.apache.hadoop.fs.FsShell')} ;;",
        f"  version) {_java(info, 'org.apache.hadoop.util.VersionInfo')} ;;",
        f"  classpath) echo {shlex.quote(jvm.class_path(info))} ;;",
        f'  jar) exec {shlex.quote(str(info.layout.bin / "jar-runner"))} "$@" ;;',
        f"  distcp) {_distcp(info)} ;;",
        "  '') echo 'usage: hadoop fs|jar|distcp|version|classpath|CLASS [argument ...]' >&2; exit 1 ;;",
        f"  *.*) {_java(info, _COMMAND)} ;;",
        "  *) echo \"emrlite: hadoop has no command '$command' here: fs, jar, distcp, version, classpath\" >&2",
        "     exit 1 ;;",
        "esac",
    )


def _distcp(info: NodeInfo) -> str:
    archives = shlex.quote(info.spark_home) + "/jars/hadoop-distcp-*.jar"
    why = "hadoop distcp: its archive is not part of this engine; use hadoop fs -cp or a Spark job"
    absent = f"echo 'emrlite: {why}' >&2; exit 1"
    return f"ls {archives} >/dev/null 2>&1 || {{ {absent}; }}; {_java(info, 'org.apache.hadoop.tools.DistCp')}"


def _hdfs(info: NodeInfo) -> str:
    tools = {
        "dfs": "org.apache.hadoop.fs.FsShell",
        "dfsadmin": "org.apache.hadoop.hdfs.tools.DFSAdmin",
        "fsck": "org.apache.hadoop.hdfs.tools.DFSck",
        "getconf": "org.apache.hadoop.hdfs.tools.GetConf",
    }
    return _script(
        *_exports(info),
        _source(info, "hadoop-env"),
        'command="$1"; [ $# -gt 0 ] && shift',
        'case "$command" in',
        *(f"  {name}) {_java(info, main)} ;;" for name, main in tools.items()),
        f"  *) echo \"emrlite: hdfs has no command '$command' here: {', '.join(tools)}\" >&2; exit 1 ;;",
        "esac",
    )


def _aws(info: NodeInfo) -> str:
    """The CLI has a Python of its own, which must not see the node's packages."""
    return _script("unset PYTHONPATH PYTHONHOME", f'exec {shlex.quote(info.tools + "/aws")} "$@"')


def _python(info: NodeInfo, words: str) -> str:
    """The cluster's Python.  ``pip`` on a node installs for that node only."""
    packages = shlex.quote(places.python_packages(info))
    path = shlex.quote(":".join(places.python_path(info)))
    return _script(
        *_exports(info),
        f'PYTHONPATH={path}"${{PYTHONPATH:+:$PYTHONPATH}}"; export PYTHONPATH',
        *(
            [
                f"PIP_TARGET={packages} PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_USER=0",
                "export PIP_TARGET PIP_DISABLE_PIP_VERSION_CHECK PIP_USER",
            ]
            if words
            else []
        ),
        *view.become(info.python, words),
    )


def _lay_out_spark(info: NodeInfo) -> None:
    """Lay out ``/usr/lib/spark``: links to the engine, with our programs as its ``bin``."""
    home, engine = Path(places.spark_home(info)), Path(info.spark_home)
    home.mkdir(parents=True, exist_ok=True)
    links = {name: engine / name for name in ("jars", "python", "examples", "data") if (engine / name).exists()}
    links |= {"bin": info.layout.bin, "conf": info.layout.conf}
    formats = Path(info.root, "usr/share/aws")
    formats.parent.mkdir(parents=True, exist_ok=True)
    targets = {home / name: target for name, target in links.items()} | {formats: places.packages(info) / "aws"}
    for link, target in targets.items():
        if not link.is_symlink():
            link.symlink_to(target)
