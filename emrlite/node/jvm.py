"""The command line of a JVM that a user's program runs in: flags, class path.

One place for them, because a class-data archive is only used where they are the same.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from emrlite.node import java_options
from emrlite.node.java_options import LASTING, MODULE_OPTIONS, NETTY, QUICK, sharing
from emrlite.node.layout import NodeInfo

_COLLECTOR = re.compile(r"-XX:\+Use(Serial|Parallel|G1|Z|Shenandoah|Epsilon)GC")
_COMPILER = re.compile(r"-XX:(TieredStopAtLevel=.*|[+-]TieredCompilation)|-Xint|-Xcomp")


def split(options: str) -> list[str]:
    """Take a string of Java options apart as Spark's launcher does."""
    return shlex.split(options)


def _unless_chosen(flags: Sequence[str], own: Iterable[str]) -> list[str]:
    """Leave out of *flags* what the user's *own* options decide."""
    own = list(own)
    chosen = [pattern for pattern in (_COLLECTOR, _COMPILER) if any(pattern.fullmatch(option) for option in own)]
    return [flag for flag in flags if not any(pattern.fullmatch(flag) for pattern in chosen)]


def driver_flags(own: Sequence[str] = ()) -> list[str]:
    """Flags of a driver or a tool; the user's *own* options come last and win."""
    return [*_unless_chosen(QUICK, own), *NETTY, *MODULE_OPTIONS, *own]


def executor_options(own: str = "", archive: str = "") -> str:
    """``spark.executor.defaultJavaOptions``; *own* is the user's ``spark.executor.extraJavaOptions``."""
    return shlex.join([*_unless_chosen(LASTING, split(own)), *NETTY, *sharing(archive)])


def class_path(info: NodeInfo, extra: str = "") -> str:
    """*extra* first, as Spark has it; what every process has; the configuration last (first, no archive is used)."""
    return ":".join(filter(None, (extra, java_options.class_path(info.spark_home), str(info.layout.conf))))


def command(info: NodeInfo, main: str, *args: str, flags: Sequence[str], extra: str = "") -> list[str]:
    """The whole command line of *main*."""
    temporary = f"-Djava.io.tmpdir={info.layout.tmp}"
    shared = sharing("" if extra else info.archive)
    return [f"{info.java_home}/bin/java", temporary, *shared, *flags, "-cp", class_path(info, extra), main, *args]
