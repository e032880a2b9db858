"""Start of an executor: what Spark's worker takes for ``java`` (`emrlite.node.programs`) when one was started ahead."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from emrlite.node import handover


def main(args: Sequence[str]) -> NoReturn:
    """Become a JVM, a spare or a new one: *args* are where the node's processes are recorded, then its words."""
    processes, *words = args
    argv = [os.path.join(os.environ["JAVA_HOME"], "bin", "java"), *words]
    if handover.EXECUTOR in argv:
        handover.take(Path(processes), "executor", handover.EXECUTOR, argv, os.environ)
    os.execv(argv[0], argv)
