"""``python -m emrlite.node.train``: write anew what of ``conf`` an engine itself has to make.

For maintainers, after a change of archives.  ``classes-<spark>.list.gz``: a training job runs through ``emrlite run``,
with a Java that lists what each of its processes loads; the union, names only, is what set-up makes the class-data
archive from.  ``fresh-hdfs-<hadoop>.zip``: a NameNode's directory is formatted, see `emrlite.node.fresh_hdfs`.
"""

from __future__ import annotations

import gzip
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from emrlite.node import class_data, engines, fresh_hdfs, java, linked_ahead, own_classes
from emrlite.node.engines import Engine
from emrlite.node.lockfile import conf
from emrlite.settings import Settings

JOB = Path(__file__).with_name("training_job.py")

#: Made while a JVM runs, so of no use to another.
_GENERATED = re.compile(
    r"\$\$Lambda(?!\$of)|\$Proxy\d|^jdk/internal/reflect/Generated|^org/apache/spark/sql/catalyst/expressions/Generated"
    r"|^jdk/jfr/internal/handlers/EventHandler\d"
    r"|^java/lang/invoke/(LambdaForm|BoundMethodHandle)\$(MH|DMH|Species_)|/GeneratedC|\$Lambda\$(?!of)|0x"
)


#: The S3 server has a class path of its own (``-jar``), so the archive is not for it.
_WRAPPER = """\
#!/bin/sh
case " $* " in
    *" -jar "*) exec {java} "$@" ;;
esac
exec {java} {flags} "$@"
"""


def main() -> None:
    settings = Settings.load()
    write_fresh_hdfs(engines.ensure(settings, print))
    write_classes(settings)


def write_fresh_hdfs(engine: Engine) -> None:
    """Have a directory formatted, and kept in ``conf``."""
    target = conf("engines.lock").with_name(fresh_hdfs.file_name(engine.hadoop))
    with tempfile.TemporaryDirectory(prefix="emrlite-train-") as name:
        format_hdfs(engine, Path(name, "formatted"))
        fresh_hdfs.pack(Path(name, "formatted"), target)
    print(f"{target}: {target.stat().st_size} bytes")


def format_hdfs(engine: Engine, to: Path) -> None:
    """Have Hadoop format the directory *to* of a NameNode, and make what EMR has in a fresh HDFS.

    Raises `SetupError`.
    """
    jars = sorted((engine.home / "jars").glob("*.jar"))
    own_classes.run(engine.java_home, jars, "emrlite.FreshHdfs", to.as_uri(), *fresh_hdfs.DIRECTORIES)


def write_classes(settings: Settings) -> None:
    """Watch a cluster at work, and write down which classes it loads.

    Twice: the second time all that can be is linked ahead, for the list is to say which of it is used.
    """
    real = java.find(settings.home)
    with tempfile.TemporaryDirectory(prefix="emrlite-train-") as name:
        lists, home = Path(name, "lists"), Path(name, "java")
        lists.mkdir()
        watching_java(real.home, home, ["-Xshare:off", f"-XX:DumpLoadedClassList={lists}/%p.list"])
        command = [sys.executable, "-m", "emrlite", "run", str(JOB)]
        # The lists lie where a node with a view of its own would not see them.
        environ = {**os.environ, "JAVA_HOME": str(home), "EMRLITE_NAMESPACE": "off"}
        subprocess.run(command, check=True, env=environ)
        engine_home = engines.find(settings).home
        # No JVM that does without class data has a class path that knows what it holds.
        class_data.list_contents(engine_home, replace(real, home=home))
        names = Path(name, "names")
        names.write_text(_text(_found(lists)), encoding="utf-8")
        class_data.forget(engine_home)
        linked_ahead.make(engine_home, real, names, every=True)
        subprocess.run(command, check=True, env=environ)
        found = _found(lists)
    target = conf("engines.lock").with_name(class_data.list_name(settings.spark))
    target.write_bytes(gzip.compress(_text(found).encode(), 9, mtime=0))
    print(f"{target}: {len(found)} lines, {target.stat().st_size // 1024} KiB")


def _found(lists: Path) -> list[str]:
    return union(path.read_text(encoding="utf-8") for path in lists.iterdir())


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def watching_java(real: Path, home: Path, flags: Iterable[str]) -> None:
    """Make *home* a Java that is *real*, but adds *flags* to every command line."""
    (home / "bin").mkdir(parents=True)
    for entry in real.iterdir():
        if entry.name != "bin":
            (home / entry.name).symlink_to(entry)
    program = home / "bin" / "java"
    java = shlex.quote(str(real / "bin" / "java"))
    program.write_text(_WRAPPER.format(java=java, flags=shlex.join(flags)), encoding="utf-8")
    program.chmod(0o755)


#: A class that Java makes where its own image has none.  Made for an archive it would have no class file, and a JVM
#: whose classes are looked at (by a Java agent, by its flight recorder) crashes where it finds none.
_SPECIES = re.compile(r"@lambda-form-invoker \[SPECIES_RESOLVE\] (\S+)")


def union(texts: Iterable[str]) -> list[str]:
    """One sorted list of all classes, then of all lambdas, from what ``-XX:DumpLoadedClassList`` wrote."""
    classes, lambdas = set(), set()
    for text in texts:
        for line in text.splitlines(keepends=True):
            if not line.endswith("\n") or line.startswith("#") or " source: " in line:
                continue  # cut short by a kill; a comment; of a class loader that no archive serves
            if species := _SPECIES.fullmatch(line.strip()):
                classes.add(species[1].replace(".", "/"))
            elif line.startswith("@"):
                if not _GENERATED.search(line.split()[1]):
                    lambdas.add(line.strip())
            elif not _GENERATED.search(name := line.split()[0]):
                classes.add(name)
    return [*sorted(classes), *sorted(lambdas)]


if __name__ == "__main__":
    main()
