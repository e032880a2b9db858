"""emrlite's own few classes of Java.  Set-up compiles them: the package holds their source.

The compiler is Janino, which Spark brings for its generated code: a Java without `javac` is enough.
The classes lie in an archive of the engine's one class path, with Hadoop's default settings in a short form; beside it
lie the web pages of Hadoop's daemons.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from emrlite.errors import SetupError
from emrlite.node import default_settings
from emrlite.node.java import Java
from emrlite.node.java_options import MODULE_OPTIONS, OWN, QUICK
from emrlite.node.overlay import JANINO, OWN_ARCHIVE

SOURCES = Path(__file__).with_name("java_classes")
#: Runs a node's daemons: see ``java_classes/Node.java``.
NODE = "emrlite.Node"

#: Changes with what `make` makes.
_FORM = "6"
_COMPILER = "org.codehaus.commons.compiler.samples.CompilerDemo"
_SECONDS = 300


def archive(engine_home: Path) -> Path:
    """Where the compiled classes are."""
    return engine_home / OWN / OWN_ARCHIVE


def pages(engine_home: Path) -> Path:
    """Where the web pages of Hadoop's daemons are, unpacked."""
    return engine_home / "webapps"


def wrong(engine_home: Path) -> str | None:
    """What keeps the classes from being used, or ``None``."""
    try:
        made_from = (engine_home / "classes.sha256").read_text(encoding="utf-8")
    except FileNotFoundError:
        return "emrlite's own Java classes are not compiled yet"
    there = archive(engine_home).is_file()
    return None if there and made_from == _hash() else "emrlite's own Java classes are of another version"


def make(engine_home: Path, java: Java) -> None:
    """Compile the classes: some seconds.  Raises `SetupError`, and then they do not count."""
    stamp = engine_home / "classes.sha256"
    stamp.unlink(missing_ok=True)
    # Without our own, of another version; it stays until there is the new one, for JVMs that run read settings from it.
    jars = sorted(jar for jar in (engine_home / "jars").glob("*.jar") if jar.name != OWN_ARCHIVE)
    with tempfile.TemporaryDirectory(prefix="emrlite-classes-") as name, ThreadPoolExecutor(1) as beside:
        classes, unpacked = Path(name), beside.submit(_unpack_pages, jars, pages(engine_home))
        settings = beside.submit(default_settings.found, jars)
        compile_java(java.home, jars, sorted(SOURCES.glob("*.java")), classes)
        try:
            unpacked.result()
            _pack(classes, settings.result(), archive(engine_home))
        except (OSError, zipfile.BadZipFile, zlib.error, SyntaxError) as error:  # the last is that of XML
            raise SetupError(f"settings and web pages of Hadoop's archives cannot be read: {error}") from error
    unfinished = stamp.with_name(f"{stamp.name}.new")
    unfinished.write_text(_hash(), encoding="utf-8")
    unfinished.replace(stamp)


def link_pages(template: Path, root: Path) -> None:
    """Give the daemons in the directory *root* their web pages.

    Otherwise each of them reads through 40 MB of archive for two megabytes of pages: half a second of processor time.
    Hadoop looks at this place in its working directory first (``HttpServer2.getWebAppsPath``).
    """
    to = root / "src" / "main" / "webapps"
    if not to.is_dir():
        unfinished = to.with_name("webapps.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(template, unfinished, copy_function=_link)
        unfinished.rename(to)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, target)


def _unpack_pages(jars: list[Path], to: Path) -> None:
    shutil.rmtree(to, ignore_errors=True)
    for jar in jars:
        if not jar.name.startswith("hadoop-"):
            continue  # to read the lists of contents of all takes most of a second
        with zipfile.ZipFile(jar) as file:
            names = [name for name in file.namelist() if name.startswith("webapps/")]
            file.extractall(to.parent, [name for name in names if not name.endswith("/")])


def compile_java(java_home: Path, jars: list[Path], sources: list[Path], to: Path) -> None:
    """Compile *sources* into the directory *to*, with what is in *jars*.  Raises `SetupError`."""
    compiler = [jar for jar in jars if jar.name.startswith(JANINO)]
    run(java_home, compiler, _COMPILER, "-d", str(to), "-classpath", ":".join(map(str, jars)), *map(str, sources))


def run(java_home: Path, jars: list[Path], main: str, *arguments: str) -> None:
    """Run *main* to its end.  Raises `SetupError` with what it said."""
    command = [str(java_home / "bin" / "java"), *QUICK, *MODULE_OPTIONS, "-cp", ":".join(map(str, jars)), main]
    try:
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=_SECONDS, check=False,
                              env={"HADOOP_USER_NAME": "hadoop", "LC_ALL": "C.UTF-8"})
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"{main}: {error}") from error
    # Janino's own program prints what it could not compile, and ends with 0 all the same.
    if done.returncode or "CompileException" in done.stderr:
        said = (done.stderr or done.stdout).strip()[-800:] or f"Java ended with exit code {done.returncode}"
        raise SetupError(f"{main}: {said}")


def _pack(classes: Path, texts: Mapping[str, bytes], to: Path) -> None:
    unfinished = to.with_name(f"{to.name}.new")
    with zipfile.ZipFile(unfinished, "w") as file:
        for path in sorted(classes.rglob("*.class")):
            file.write(path, path.relative_to(classes))
        for name, text in texts.items():
            file.writestr(name, text)
    unfinished.replace(to)


def _hash() -> str:
    text = b"".join(path.read_bytes() for path in sorted(SOURCES.glob("*.java")))
    return hashlib.sha256(text + _FORM.encode()).hexdigest()
