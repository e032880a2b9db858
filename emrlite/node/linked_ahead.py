"""Classes that Java would make anew in each JVM while a program runs, made in set-up.

For each lambda of Scala, and for strings put together, Java makes classes when a program gets there, and keeps none
of these in class data.  ``java_classes/LinkedAhead.java`` writes the classes in which that happens once more, with
calls of classes that are made already.  Their archive is first on the class path; ADR 26 says what that changes.
"""

from __future__ import annotations

from pathlib import Path

from emrlite.node import own_classes
from emrlite.node.java import Java
from emrlite.node.java_options import OWN

_MAIN = "emrlite.LinkedAhead"


def archive(engine_home: Path) -> Path:
    """Where these classes are."""
    return engine_home / OWN / "linked.jar"


def make(engine_home: Path, java: Java, names: Path, *, every: bool = False) -> None:
    """Link what the list of classes *names* has of it, or *every* lambda of all its classes: seconds of one core.

    Raises `SetupError`, and then there is what was before.  What is made here is never linked again.
    """
    jars = sorted((engine_home / "jars").glob("*.jar"))
    fresh = archive(engine_home).with_suffix(".new")
    words = [str(names), str(fresh), *(["all"] if every else [])]
    own_classes.run(java.home, jars, _MAIN, *words)
    fresh.replace(archive(engine_home))
