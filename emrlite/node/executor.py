"""Start of an executor: what Spark's worker takes for ``java`` (`emrlite.node.programs`) when one was started ahead."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from emrlite.node import handover
from emrlite.node.layout import NODE_VARIABLE, Layout


def main(words: Sequence[str]) -> NoReturn:
    """Become the JVM that *words* ask for: a spare, or a new one."""
    argv = [os.path.join(os.environ["JAVA_HOME"], "bin", "java"), *words]
    if handover.EXECUTOR in argv:
        processes = Layout(Path(os.environ[NODE_VARIABLE])).processes
        handover.take(processes, "executor", handover.EXECUTOR, argv, os.environ)
    os.execv(argv[0], argv)
