"""What to do about a failure that newcomers meet: a table of what logs say, and of what helps.  Pure.

The patterns are held against true logs in the tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from emrlite.node.layout import NodeInfo

#: How a line of advice begins in a step's standard error.
MARK = "emrlite: hint: "

_Say = Callable[[re.Match[str], str, NodeInfo], str | None]


@dataclass(frozen=True)
class Lesson:
    """What is found, and what is said then: of the match, the whole text and the node."""

    pattern: re.Pattern[str]
    say: _Say
    #: Looked for in the whole log: what happens to executors is not always in the driver's last words.
    #: Other things happen to steps that go on all the same.
    anywhere: bool = False


def advise(message: str, text: str, info: NodeInfo) -> str | None:
    """What helps against the failure *message* of a step, whose logs end with *text*; None where nothing is known."""
    for place, lessons in ((message, _LESSONS), (text, [lesson for lesson in _LESSONS if lesson.anywhere])):
        for lesson in lessons:
            for match in lesson.pattern.finditer(place):
                if said := lesson.say(match, text, info):
                    return said
    return None


def _path(match: re.Match[str], _text: str, info: NodeInfo) -> str | None:
    missing = match["path"]
    if not missing.startswith(info.default_fs):
        return None
    path = missing.removeprefix(info.default_fs)
    own = path.removeprefix("/user/hadoop/")
    return (
        f"a path without a scheme is one of HDFS, whose default here is {info.default_fs}, and {path} is not on it; "
        f"did you mean s3://BUCKET/{own.lstrip('/')} or file://{path if own == path else '/…/' + own}?"
    )


_URI = r"s3[an]?://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?![a-z0-9.-])"
#: The URI on the line of the error.
_URI_OF_ERROR = re.compile(rf"{_URI}[^\n]*(?:NoSuchBucket|specified bucket does not exist)")


def _bucket(_match: re.Match[str], text: str, info: NodeInfo) -> str:
    named = _URI_OF_ERROR.search(text)
    what, bucket = (f"bucket {named['bucket']}", named["bucket"]) if named else ("such bucket", "BUCKET")
    return f"there is no {what}; make it first: aws --endpoint-url {info.aws_endpoint} s3 mb s3://{bucket}"


def _scala(match: re.Match[str], text: str, info: NodeInfo) -> str:
    jars = sorted(set(re.findall(r"[\w.-]+_2\.1[0-3]-[\w.-]+\.jar", text)))
    other = [jar for jar in jars if f"_{info.scala_version}-" not in jar]
    which = f": {', '.join(other)}" if other else ""
    return (
        f"{match['name']} is of another Scala than this cluster's {info.scala_version} "
        f"(Spark {info.spark_version}){which}; take the build of the jar whose name ends with _{info.scala_version}"
    )


def _pythons(match: re.Match[str], _text: str, _info: NodeInfo) -> str:
    return (
        f"executors run Python {match['worker']}, the driver {match['driver']}: give both the same with PYSPARK_PYTHON "
        "and PYSPARK_DRIVER_PYTHON (or spark.pyspark.python and spark.pyspark.driver.python); python3 is the cluster's"
    )


def _no_python(match: re.Match[str], _text: str, info: NodeInfo) -> str:
    return (
        f"there is no {match['python'].rpartition('/')[2]} on this cluster, whose Python is {info.python}; "
        "name python3, or bring a Python of your own with --archives"
    )


def _memory(match: re.Match[str], text: str, info: NodeInfo) -> str:
    noted = re.findall(r"^emrlite: note: (--(?:driver|executor)-memory .*)$", text, re.MULTILINE)
    bounded = f" ({'; '.join(dict.fromkeys(noted))})" if noted else ""
    return (
        f"{match['what']}: a heap is 1024m unless --driver-memory or --executor-memory say otherwise{bounded}; "
        f"a node is of type {info.instance_type} and offers {info.yarn_memory} MiB with {info.vcpu} vCPU; "
        "ask for more, up to that, or for more and smaller partitions"
    )


def _no_spark(match: re.Match[str], _text: str, info: NodeInfo) -> str | None:
    if "spark" in (name.lower() for name in info.applications):
        return None
    return (
        f"{match['program']} is not there because Spark is not among the cluster's Applications; "
        'add {"Name": "Spark"} to Applications of RunJobFlow'
    )


_SPARK = r"(?P<program>spark-submit|spark-sql|spark-shell|spark-class|pyspark|run-example|spark-example)"


def _lesson(pattern: str, say: _Say, *, anywhere: bool = False) -> Lesson:
    return Lesson(re.compile(pattern, re.MULTILINE), say, anywhere)


_NO_CLASS = (
    r"(?:NoClassDefFoundError|ClassNotFoundException|NoSuchMethodError|AbstractMethodError|"
    r"IncompatibleClassChangeError|NoSuchFieldError): (?:'[^'\n]*?)?(?P<name>scala[./][\w./$]+)"
)
_TWO_PYTHONS = (
    r"PYTHON_VERSION_MISMATCH[^\n]*?worker has different version: (?P<worker>\S+) than that in driver: "
    r"(?P<driver>[\d.]*\d)"
)
_NO_MEMORY = r"(?P<what>OutOfMemoryError(?:: [^\n]{1,80})?|^MemoryError|is bigger than spark\.driver\.maxResultSize)"

#: The most certain first.
_LESSONS = (
    _lesson(rf'Cannot run program "(?:[^"\n]*/)?{_SPARK}"', _no_spark),
    _lesson(rf"^\S*: line \d+: (?:\S*/)?{_SPARK}: (?:command not found|No such file)", _no_spark),
    _lesson(_TWO_PYTHONS, _pythons, anywhere=True),
    _lesson(r'Cannot run program "(?P<python>[^"\n]*python[\d.]*)"', _no_python, anywhere=True),
    _lesson(r"\b(?:NoSuchBucket|UnknownStoreException)\b", _bucket),
    _lesson(r"[Pp]ath does not exist: (?P<path>hdfs://[^\s,;]*[^\s,;.])", _path),
    _lesson(_NO_CLASS, _scala, anywhere=True),
    _lesson(_NO_MEMORY, _memory, anywhere=True),
)
