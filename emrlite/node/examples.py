"""Spark's examples.

The archive ``spark-examples.jar`` of an EMR node is published nowhere but inside Spark's whole
distribution; the package pyspark brings the same examples in Python.  Those run in its place,
and the log says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from emrlite.node import places
from emrlite.node.layout import NodeInfo
from emrlite.node.submit_arguments import Arguments, UsageError, parse

_PACKAGE = "org.apache.spark.examples."
#: Example -> the script that does the same.
_SCRIPTS = {
    "SparkPi": "pi.py",
    "JavaSparkPi": "pi.py",
    "JavaWordCount": "wordcount.py",
    "SparkPageRank": "pagerank.py",
    "JavaPageRank": "pagerank.py",
    "SparkKMeans": "kmeans.py",
    "SparkLR": "logistic_regression.py",
    "SparkALS": "als.py",
    "SparkTC": "transitive_closure.py",
    "sql.SparkSQLExample": "sql/basic.py",
    "sql.SQLDataSourceExample": "sql/datasource.py",
}


def as_submit(args: Sequence[str], info: NodeInfo) -> tuple[list[str], str]:
    """Turn ``run-example [options] NAME [arguments]`` into arguments of spark-submit, with a note."""
    arguments = parse(args)
    name = arguments.application
    if name is None:
        raise UsageError("Missing example class name.")
    before = list(args[: len(args) - len(arguments.application_args) - 1])
    script, note = _script(name.removeprefix(_PACKAGE), info)
    return [*before, script, *arguments.application_args], note


def replaced(arguments: Arguments, info: NodeInfo) -> tuple[Arguments, list[str]]:
    """Put the script in the place of the examples' archive where that is the application."""
    application = places.resolve(arguments.application or "", info)
    name = arguments.options.get("--class", "")
    if application != places.examples_jar(info) or not name.startswith(_PACKAGE) or Path(application).exists():
        return arguments, []
    script, note = _script(name.removeprefix(_PACKAGE), info)
    options = {key: value for key, value in arguments.options.items() if key != "--class"}
    return replace(arguments, options=options, application=script), [note]


def _script(name: str, info: NodeInfo) -> tuple[str, str]:
    if name not in _SCRIPTS:
        raise UsageError(
            f"There is no example {name!r} here: Spark's examples archive is not published by itself, and of its "
            f"examples these run as their Python twins: {', '.join(_SCRIPTS)}"
        )
    script = f"{places.spark_home(info)}/examples/src/main/python/{_SCRIPTS[name]}"
    return (
        script,
        f"{_PACKAGE}{name} runs as its Python twin {_SCRIPTS[name]}: Spark's archive of examples is not published",
    )
