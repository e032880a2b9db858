"""What the daemons of a node died of, out of what their JVM printed and they logged.

A daemon's log is full of exceptions that did no harm.  Those count that Java ends a program with, and those that Hadoop
and Spark log as an error on their way out: ``ERROR NameNode: Failed to start namenode.`` with the exception below it.
"""

from __future__ import annotations

import re
from pathlib import Path

from emrlite.node import daemons
from emrlite.node.failures import JAVA_FATAL, JAVA_NAME, bounded
from emrlite.storage import logs

_TAIL, _LONGEST = 65536, 500
_LOGGED = re.compile(rf"^[\d/]+ [\d:]+ (?:ERROR|FATAL) .*\n{JAVA_NAME}", re.MULTILINE)
#: What Java says of itself where it never came to run anything.
_JVM = re.compile(
    r"^(?:Error occurred during initialization of VM\n)?"
    r"(?P<text>(?<=VM\n).*|(?:Error: |Invalid |Unrecognized |Cannot run ).*)$", re.MULTILINE)


def died_of(folder: Path) -> str | None:
    """Return in one line what the daemons died of whose logs are in *folder*; ``None`` if none of them says so."""
    printed = folder / f"{daemons.PROCESS}.log"
    logged = sorted((path for path in folder.glob("*.log") if path != printed), key=_written, reverse=True)
    said = [(printed, JAVA_FATAL), *((path, _LOGGED) for path in logged), (printed, _LOGGED), (printed, _JVM)]
    for path, kind in said:
        if found := list(kind.finditer(logs.tail(path, _TAIL))):
            telling = found[0 if kind is _JVM else -1]  # Java goes on with what follows from its first line
            return bounded(telling["text"].strip(), _LONGEST)
    return None


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
