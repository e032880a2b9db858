"""Builds an engine's ``SPARK_HOME``: one class path for driver, executors and daemons.

It links to what is in the package pyspark; its ``jars/`` holds links to pyspark's archives (copies of two that are
signed) and our own beside them, what we have made ourselves lies in ``own/``.  Own archives are hard links to (or
copies of) verified files of the cache, so that an emptied cache breaks no cluster.
"""

from __future__ import annotations

import compileall
import contextlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from emrlite.errors import SetupError
from emrlite.node import jars, packages
from emrlite.node.java_options import OWN
from emrlite.node.lockfile import Jar, Locked

#: Changes with what `build` makes, so that an older home is made anew.
_FORM = 7

#: The compiler of the code that Spark generates: pyspark's archives of it are signed.  No class of a signed archive
#: gets into class data, and a JVM checks the signature of each: drivers and executors load 380 of these.
JANINO = ("janino-", "commons-compiler-")
#: The archive of emrlite's own classes (`own_classes`).
OWN_ARCHIVE = "emrlite.jar"
_SIGNATURE = re.compile(r"META-INF/[^/]+\.(SF|RSA|DSA|EC)", re.IGNORECASE)

#: In pyspark's ``version.py``, which names its version in single quotes; others are as good.
_VERSION = re.compile(r"""^__version__\b[^=\n]*= *['"]([^'"]+)""", re.MULTILINE)


def engine_root(home: Path, spark: str) -> Path:
    """Everything that belongs to one version of Spark."""
    return home / "engines" / f"spark-{spark}"


def installed_pyspark(spark: str) -> Path | None:
    """The package pyspark of the running Python, when it is Spark *spark*."""
    try:
        found = distribution("pyspark")
    except PackageNotFoundError:
        return None
    path = Path(str(found.locate_file("pyspark")))
    return path if found.version == spark and (path / "jars").is_dir() else None


def own_pyspark(home: Path, spark: str) -> Path:
    """The environment that set-up makes where the running Python has another pyspark, or none."""
    return engine_root(home, spark) / "python-packages"


def pyspark_locks(spark: str) -> list[str]:
    """pyspark comes as source: its build tools first."""
    return ["build.lock", f"pyspark-{spark}.lock"]


def find_pyspark(home: Path, spark: str) -> Path | None:
    """The package pyspark in version *spark*: the running Python's, else the home's own."""
    if path := installed_pyspark(spark):
        return path
    environment = own_pyspark(home, spark)
    return packages.site(environment) / "pyspark" if packages.ready(environment, pyspark_locks(spark)) else None


def build(home: Path, locked: Locked, pyspark: Path, cache: Path, say: Callable[[str], None]) -> None:
    """Make the overlay beside the old one and put it in its place."""
    root = engine_root(home, locked.spark)
    fresh = root / "home.new"
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "jars").mkdir(parents=True)
    (fresh / OWN).mkdir()
    (fresh / "jars" / OWN_ARCHIVE).symlink_to(Path("..", OWN, OWN_ARCHIVE))  # for class paths that others make
    for entry in sorted(pyspark.iterdir()):
        if entry.name not in ("jars", "python", "__pycache__"):
            (fresh / entry.name).symlink_to(entry)
    _lay_out_python(fresh / "python", pyspark)
    for jar in sorted((pyspark / "jars").glob("*.jar")):
        if jar.name.startswith(JANINO):
            _copy_unsigned(jar, fresh / "jars" / jar.name)
        else:
            (fresh / "jars" / _link_name(jar)).symlink_to(jar)
    for locked_jar in locked.jars:
        if (fresh / "jars" / locked_jar.name).exists():
            raise SetupError(f"{locked_jar.name} is in pyspark {locked.spark} already: the lock should not list it")
        place(cache, locked_jar, fresh / "jars")
    record = _record(locked, pyspark)
    if record["stamp"] is None:
        raise SetupError(f"{pyspark} does not say in its version.py that it is pyspark {locked.spark}; install it anew")
    (fresh / "engine.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    with contextlib.suppress(OSError):  # JVMs that run read settings from it; set-up makes it anew
        os.link((root / "home" / "jars" / OWN_ARCHIVE).resolve(), fresh / OWN / OWN_ARCHIVE)
    before = root / "home.old"
    shutil.rmtree(before, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        (root / "home").rename(before)
    fresh.rename(root / "home")
    shutil.rmtree(before, ignore_errors=True)
    say(f"engine: {len(list((root / 'home' / 'jars').iterdir()))} archives on one class path in {root / 'home'}")


def _link_name(jar: Path) -> str:
    """The name of pyspark's archive *jar* in ``jars/``.

    Spark's worker looks for ``slf4j-api-*.jar`` and puts it before ``jars/*`` for executors only.  Under this name it
    finds none, so that the class path of executors, as a class-data archive wants it, is that of all others.
    """
    return "slf4j-api.jar" if jar.name.startswith("slf4j-api-") else jar.name


def _copy_unsigned(jar: Path, to: Path) -> None:
    """Copy the archive *jar*, all but its signature."""
    with zipfile.ZipFile(jar) as signed, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as plain:
        for entry in signed.infolist():
            if not _SIGNATURE.fullmatch(entry.filename):
                plain.writestr(entry, signed.read(entry))


def _lay_out_python(python: Path, pyspark: Path) -> None:
    """What Spark names on the ``PYTHONPATH`` of drivers and executors.

    Directories stand in the places of the archives ``pyspark.zip`` and ``py4j-*.zip``: they serve compiled modules,
    where from the archives every driver and executor compiles PySpark anew (0.6 to 1 CPU second each), and Py4J (0.05).
    """
    modules = python / "lib" / "pyspark.zip"
    modules.mkdir(parents=True)
    (modules / "pyspark").symlink_to(pyspark)
    for library in (pyspark / "python" / "lib").glob("py4j-*.zip"):
        with zipfile.ZipFile(library) as archive:
            archive.extractall(python / "lib" / library.name)
        compileall.compile_dir(python / "lib" / library.name, quiet=2)
    if (pyspark / "python" / "pyspark").is_dir():
        (python / "pyspark").symlink_to(pyspark / "python" / "pyspark")


def place(cache: Path, jar: Jar, folder: Path) -> None:
    """Put a cached archive into *folder*, after a last look at it."""
    jars.check(cache / jar.name, jar)
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{jar.name}.new"
    fresh.unlink(missing_ok=True)
    try:
        os.link(cache / jar.name, fresh)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(cache / jar.name, fresh)
    fresh.replace(folder / jar.name)


def wrong(home: Path, locked: Locked) -> str | None:
    """What keeps the overlay from being used, or ``None``.  Looks at sizes only, so that it is cheap."""
    overlay = engine_root(home, locked.spark) / "home"
    try:
        record = json.loads((overlay / "engine.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return "its engine home is not built"
    if record.get("form") != _FORM:
        return "its engine home was built by another version of emrlite"
    pyspark = Path(record.get("pyspark", ""))
    now = _record(locked, pyspark)
    if now["stamp"] is None or record.get("stamp") != now["stamp"]:
        return f"the package pyspark that it was built from ({pyspark}) is gone or changed"
    if record != now:
        return "its engine home was built from another list of archives"
    for jar in jars.missing(locked.jars, overlay / "jars"):
        return f"{overlay / 'jars' / jar.name} is missing or of the wrong size"
    return None


def _record(locked: Locked, pyspark: Path) -> dict[str, object]:
    """What an overlay was built from; a changed record asks for a new one."""
    return {
        "form": _FORM,
        "spark": locked.spark,
        "pyspark": str(pyspark),
        "stamp": stamp(pyspark, locked.spark),
        "jars": {jar.name: jar.sha256 for jar in locked.jars},
    }


def stamp(pyspark: Path, spark: str) -> int | None:
    """Tells one installation of pyspark from the next at the same place; ``None``: none of this version is there.

    In whole seconds: images of containers and caches of CI keep no more of a time.
    """
    try:
        version = _VERSION.search((pyspark / "version.py").read_text(encoding="utf-8"))
        if version is None or version[1] != spark:
            return None
        return int((pyspark / "jars").stat().st_mtime)
    except FileNotFoundError:
        return None
