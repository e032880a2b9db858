"""Runs first in every Python program of a node that Spark starts, and puts the cluster's Spark master in YARN's place.

``.master("yarn")`` in code overrules what spark-submit was told, and would wait for a ResourceManager
that is not there.  Only the setting of ``spark.master`` is touched, when PySpark is imported at all.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from typing import Any

_VARIABLE = "EMRLITE_SPARK_MASTER"
_NAMES = ("yarn", "yarn-client", "yarn-cluster")


def _replace(conf_class: Any, master: str) -> None:
    before = conf_class.set

    def set(self: Any, key: str, value: str) -> Any:
        if key == "spark.master" and value in _NAMES:
            print(
                f'emrlite: note: .master("{value}") in code: runs on the cluster\'s Spark master {master}',
                file=sys.stderr,
            )
            value = master
        return before(self, key, value)

    conf_class.set = set


class _AtImport(importlib.abc.MetaPathFinder):
    """Waits for ``pyspark.conf``, once."""

    def __init__(self, master: str) -> None:
        self.master = master

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "pyspark.conf":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            _replace(module.SparkConf, self.master)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _the_one_behind() -> None:
    """Run the sitecustomize that this one hides."""
    here = os.path.dirname(os.path.abspath(__file__))
    behind = [entry for entry in sys.path if os.path.abspath(entry) != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", behind)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if os.environ.get(_VARIABLE):
    sys.meta_path.insert(0, _AtImport(os.environ[_VARIABLE]))
_the_one_behind()
