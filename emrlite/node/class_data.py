"""The class-data archive of an engine: what its JVMs would read, parse and verify anew, mapped ready-made.

One static archive serves every process of a cluster, for all have one class path (`emrlite.node.overlay`).
Set-up makes it from a list of names that `emrlite.node.train` has written, which also says what is linked ahead for
it (`emrlite.node.linked_ahead`).  It fits one Java, and lies in the engine's home, so that it goes when the archives of
the class path change.  With it goes a list of what those hold, which spares JVMs to open them all
(``java_classes/ClassPath.java``).  Without both everything runs, slower.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import tempfile
from pathlib import Path

from emrlite.errors import SetupError
from emrlite.node import linked_ahead
from emrlite.node.java import Java
from emrlite.node.java_options import OPEN_CLASS_PATH, OWN, QUICK, class_path, contents, sharing
from emrlite.node.lockfile import conf

#: The archive of Spark 4.1.1 with that of what is linked ahead, in bytes, and the seconds that it may take to make.
SIZE, SECONDS = 370_000_000, 1800
#: Changes with what `make` makes.
_FORM = 5
#: A small program that is in the archive.
_PROBE = "org.apache.hadoop.util.VersionInfo"


def path(engine_home: Path) -> Path:
    """Where the archive of the engine is, or would be."""
    return engine_home / "classes.jsa"


def list_name(spark: str) -> str:
    """The file of ``conf`` that names the classes."""
    return f"classes-{spark}.list.gz"


def find(engine_home: Path, java: Java, spark: str) -> Path | None:
    """The archive, if it is there and was made by *java*."""
    return None if wrong(engine_home, java, spark) else path(engine_home)


def wrong(engine_home: Path, java: Java, spark: str) -> str | None:
    """Why there is no archive for *java*, or ``None``.  Cheap: looks at files' times and sizes only."""
    archive = path(engine_home)
    try:
        record = json.loads(_record(engine_home).read_text(encoding="utf-8"))
        size = archive.stat().st_size
        now = _made_from(engine_home, java, spark)
    except (FileNotFoundError, ValueError):
        return "it was not made yet"
    if now is None:
        return f"there is no list of classes for Spark {spark}"
    if record.get("form") != _FORM:
        return "it was made by another version of emrlite"
    if record.get("java") != now["java"]:
        return f"it was made by another Java than {java.home}"
    if record.get("home") != now["home"]:
        return f"it was made for the path {record.get('home')}, which a JVM looks for"
    if record != {**now, "size": size}:
        return "it was made from another list of classes or of other archives, or is damaged"
    return None


def possible(spark: str) -> bool:
    """Whether an archive can be made for Spark *spark*."""
    return _list(spark) is not None


def make(engine_home: Path, java: Java, spark: str) -> None:
    """Make the archive: a minute of one core.  Raises `SetupError`, and then there is none."""
    names = _list(spark)
    if names is None:
        raise SetupError(f"emrlite has no {list_name(spark)}")
    archive, fresh = path(engine_home), engine_home / "classes.jsa.new"
    forget(engine_home)
    # The archive holds the paths of its class path, and a node may see no other than the real one.
    real = engine_home.resolve()
    with tempfile.NamedTemporaryFile("wb", suffix=".list") as plain:
        plain.write(gzip.decompress(names))
        plain.flush()
        linked_ahead.make(real, java, Path(plain.name))
        _run(java, "-Xshare:dump", *QUICK, OPEN_CLASS_PATH, "-Xmx1g", f"-XX:SharedClassListFile={plain.name}",
             f"-XX:SharedArchiveFile={fresh}", "-Xlog:cds*=off", "-cp", class_path(str(real)))
    fresh.replace(archive)
    list_contents(real, java)
    made = {**(_made_from(engine_home, java, spark) or {}), "size": archive.stat().st_size}
    _record(engine_home).write_text(json.dumps(made, indent=1), encoding="utf-8")
    prove(engine_home, java)


def list_contents(engine_home: Path, java: Java) -> None:
    """Write down what the archives of the class path hold, and see that *java* finds by it.  Raises `SetupError`."""
    home = engine_home.resolve()
    to = _contents(home)
    _run(java, *QUICK, OPEN_CLASS_PATH, "-cp", class_path(str(home)), "emrlite.ClassPath", f"{to}.new")
    to.with_name(f"{to.name}.new").replace(to)


def forget(engine_home: Path) -> None:
    """The class path is another one: what was made for the old one does not count.

    JVMs that have it go on: they have mapped the archive and the list, which hold all that is linked ahead.
    """
    for made in (_record(engine_home), _contents(engine_home), linked_ahead.archive(engine_home)):
        made.unlink(missing_ok=True)


def prove(engine_home: Path, java: Java) -> None:
    """Start a JVM and see that a class of ours comes from the archive.  Raises `SetupError`.

    A JVM that maps the archive may take none but Java's own classes from it.
    """
    said = _run(java, *sharing(str(path(engine_home))), "-Xlog:class+load", "-cp", class_path(str(engine_home)), _PROBE)
    if f"{_PROBE} source: shared objects file" not in said:
        raise SetupError("the class-data archive: JVMs start with it, but take no class of Hadoop or Spark from it")


def _run(java: Java, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [java.home / "bin" / "java", *arguments], capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"the class-data archive: {error}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-400:] or f"Java ended with exit code {done.returncode}"
        raise SetupError(f"the class-data archive: {said}")
    return done.stdout


def _contents(engine_home: Path) -> Path:
    return Path(contents(str(path(engine_home))))


def _record(engine_home: Path) -> Path:
    return path(engine_home).with_suffix(".json")


def _made_from(engine_home: Path, java: Java, spark: str) -> dict[str, object] | None:
    """What an archive depends on."""
    names = _list(spark)
    if names is None:
        return None
    home = engine_home.resolve()
    return {"form": _FORM, "home": str(home), "java": identity(java), "list": hashlib.sha256(names).hexdigest(),
            "archives": _archives(home)}


def _archives(home: Path) -> str:
    """Tells the archives of a class path from others of these names: a JVM too looks at their sizes and seconds."""
    there = list[tuple[str, os.stat_result]]()
    for folder in (OWN, "jars"):
        with os.scandir(home / folder) as entries:
            there += [(entry.name, entry.stat()) for entry in entries if entry.is_file()]
    found = sorted((name, of.st_size, int(of.st_mtime)) for name, of in there)
    return hashlib.sha256(repr(found).encode()).hexdigest()


def _list(spark: str) -> bytes | None:
    try:
        return conf(list_name(spark)).read_bytes()
    except SetupError:
        return None  # a version of Spark that nobody has trained


def identity(java: Java) -> list[object]:
    """What tells one JVM from another: an archive fits the build that made it only.  Times in seconds, as in images."""
    for name in ("libjvm.so", "libjvm.dylib"):
        library = (java.home / "lib" / "server" / name).resolve()
        if library.is_file():
            found = library.stat()
            return [java.version, str(library), found.st_size, int(found.st_mtime)]
    return [java.version, str(java.home)]
