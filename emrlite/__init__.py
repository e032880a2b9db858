"""emrlite: Amazon EMR on one machine, with real Spark, real HDFS and real S3 semantics."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

#: What notebooks use (docs/jupyter.md); brought in by their first use, so that `import emrlite` costs nothing.
_OF_NOTEBOOKS = ("card", "spark", "start")


def __getattr__(name: str) -> Any:
    if name in _OF_NOTEBOOKS:
        return getattr(import_module("emrlite.jupyter"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted((*globals(), *_OF_NOTEBOOKS))
