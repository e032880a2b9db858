"""What a cluster's processes are started with: Spark, its class path, Java, Python, tools.

`find` is cheap and only looks; `ensure` sets up what is missing.  An engine belongs to a
version of Spark and lives in ``<home>/engines/spark-<version>``.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from emrlite.errors import EngineMissing, SetupError
from emrlite.node import aws_cli, class_data, java, overlay, own_classes, s3_class_data
from emrlite.node.java_options import MODULE_OPTIONS, class_path
from emrlite.node.lockfile import MB, Locked, locked
from emrlite.node.parts import Part, is_there, missing_parts, s3proxy_path
from emrlite.settings import Settings

__all__ = ["MODULE_OPTIONS", "Engine", "ensure", "find"]

#: Files of a home: held by whoever sets it up, and by a process that goes on behind a first run.
_LOCK, _BEHIND = "setup.lock", "setup-behind.lock"


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One Spark with everything around it."""

    spark: str  #: "4.1.1"
    scala: str  #: "2.13"
    hadoop: str  #: "3.4.2"
    home: Path  #: ``SPARK_HOME``: links to the package pyspark; ``own/`` and ``jars/`` are the one class path
    java_home: Path  #: its ``bin/java`` is Java 17 to 21
    python: Path  #: what drivers and executors run
    tools: Path  #: directory that holds a working ``aws``
    s3proxy: Path  #: not on the class path
    s3proxy_archive: Path | None = None  #: of class data, for that server
    archive: Path | None = None  #: of class data, for every JVM with that class path

    @property
    def environment(self) -> dict[str, str]:
        """What Spark's classes need to know when they are started directly."""
        return {
            "SPARK_HOME": str(self.home),
            "SPARK_SCALA_VERSION": self.scala,
            "JAVA_HOME": str(self.java_home),
        }

    @property
    def pages(self) -> Path:
        """The web pages of Hadoop's daemons."""
        return own_classes.pages(self.home)

    @property
    def classpath(self) -> str:
        """The same string for every process, so that the class-data archive fits.  Conf directories go behind it."""
        return class_path(str(self.home))


def find(settings: Settings) -> Engine:
    """The engine of ``settings.spark``; raises `EngineMissing` with what is wrong and what cures it."""
    lock = locked(settings.spark)
    if reason := _incomplete(settings.home, lock):
        raise EngineMissing(f"Spark {lock.spark} is not set up in {settings.home}: {reason}; run `emrlite setup`")
    at = overlay.engine_root(settings.home, lock.spark) / "home"
    runtime = java.find(settings.home)
    return Engine(
        spark=lock.spark,
        scala=lock.scala,
        hadoop=lock.hadoop,
        home=at,
        java_home=runtime.home,
        python=Path(sys.executable),
        tools=aws_cli.programs(settings.home),
        s3proxy=s3proxy_path(settings.home, lock),
        s3proxy_archive=existing(s3_class_data.path(s3proxy_path(settings.home, lock), runtime)),
        archive=class_data.find(at, runtime, lock.spark),
    )


def existing(path: Path) -> Path | None:
    """*path*, if there is such a file."""
    return path if path.is_file() else None


def _incomplete(home: Path, lock: Locked) -> str | None:
    """Why the engine cannot be used, but for Java."""
    if reason := overlay.wrong(home, lock):
        return reason
    if reason := own_classes.wrong(overlay.engine_root(home, lock.spark) / "home"):
        return reason
    if not is_there(home, lock.s3proxy):
        return f"the S3 server ({lock.s3proxy.name}) is missing or of the wrong size"
    return None


def ensure(
    settings: Settings, say: Callable[[str], None], *, whole: bool = False, later: Callable[[], None] | None = None
) -> Engine:
    """Find the engine, or set up what is missing of it; progress goes to *say*, a line at a time.

    With *whole*, also what clusters can do without.  With *later*, that is left out when something is set up, and
    *later* is called to have it made.
    """
    if engine := _there(settings, whole=whole):
        return _completed(engine, settings, later)
    if ":" in str(settings.home):
        raise SetupError(f"{settings.home} holds a colon, which divides class paths; choose another home")
    lock = locked(settings.spark)
    with _alone(settings.home, say):
        if engine := _there(settings, whole=whole):
            return _completed(engine, settings, later)  # another set-up has made it meanwhile
        missing = missing_parts(settings.home, lock, settings.maven)
        parts = [part for part in missing if not (later and part.optional)]
        fetch, disk = sum(part.fetch for part in parts), sum(part.disk for part in parts)
        free = shutil.disk_usage(settings.home).free
        names = ", ".join(part.name for part in parts)
        say(f"Setting up Spark {lock.spark} in {settings.home}; missing: {names}.")
        say(f"{fetch / MB:.0f} MB to fetch, {disk / MB:.0f} MB of disk ({free / MB:.0f} MB are free).")
        if free < disk:
            raise SetupError(
                f"{settings.home} has {free / MB:.0f} MB of free disk, set-up needs {disk / MB:.0f} MB; "
                "make room or choose another home (EMRLITE_HOME)"
            )
        _make(parts, say)
        engine = find(settings)
        say(f"Spark {lock.spark} is ready.")
    if later and len(parts) < len(missing):
        later()
    return engine


def _completed(engine: Engine, settings: Settings, later: Callable[[], None] | None) -> Engine:
    """Have made what an earlier set-up was to make *later*, and has not."""
    if later and not aws_cli.ready(settings.home):
        later()
    return engine


def complete_in_background(settings: Settings, say: Callable[[str], None]) -> None:
    """Have a process of the lowest priority make what a set-up has left out.  It outlives this one.

    It begins when no cluster is busy: even at that priority it would slow a first run down, which has no core to spare.
    """
    log = settings.home / "setup.log"
    command = [sys.executable, "-m", "emrlite", "--home", str(settings.home), "setup", "--spark", settings.spark,
               "--when-idle"]
    with (settings.home / _BEHIND).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # one of another first run is at it
        if not aws_cli.ready(settings.home):
            aws_cli.lay_out(settings.home)
            aws_cli.forget_wishes(settings.home)
        log.write_text("")  # whoever is told of it may look at once
        # By way of a shell that ends at once: nobody here has to wait for it, or is asked why not.  It inherits the
        # lock, so that there is no moment in which nobody holds it.
        subprocess.run(["sh", "-c", 'nice -n 19 "$@" > "$0" 2>&1 < /dev/null &', str(log), *command],
                       start_new_session=True, check=True, cwd=settings.home, pass_fds=[file.fileno()])
    say("set-up goes on in the background for a minute or two, when no cluster is busy, with what is missing of the "
        f"aws CLI and of class data, with which clusters start in half the time (see {log})")


def bring_java(settings: Settings, say: Callable[[str], None]) -> java.Java:
    """Put a Java into the home, whether the machine has one or not.  Raises `SetupError`."""
    with _alone(settings.home, say):
        return java.in_home(settings.home) or java.bring(settings.home, say)


def _there(settings: Settings, *, whole: bool) -> Engine | None:
    try:
        engine = find(settings)
    except EngineMissing:
        return None
    return None if whole and missing_parts(settings.home, locked(settings.spark)) else engine


def _make(parts: Sequence[Part], say: Callable[[str], None]) -> None:
    """Make *parts* in their order, some beside those that follow."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="set-up") as beside:
        waiting, me = list[Future[None]](), psutil.Process()
        before = set(me.children(recursive=True))
        try:
            for part in parts:
                if part.beside:
                    waiting.append(beside.submit(part.make, say))
                else:
                    part.make(say)
            for made in waiting:
                made.result()
        except BaseException as error:
            beside.shutdown(wait=False, cancel_futures=True)  # what has not begun shall not
            if isinstance(error, SystemExit):  # by SIGTERM, which unlike Ctrl-C was sent to this process alone
                for process in set(me.children(recursive=True)) - before:
                    with contextlib.suppress(psutil.Error):
                        process.kill()  # not waited for: who has started it is to see that it was killed
            raise


def set_up_at_work(home: Path) -> bool:
    """Whether a set-up of *home* is at work now, or about to be."""
    return any(_held(home / name) for name in (_LOCK, _BEHIND))


def _held(lock: Path) -> bool:
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # who looks is in nobody's way who looks
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextlib.contextmanager
def _alone(home: Path, say: Callable[[str], None]) -> Iterator[None]:
    """One set-up of a home at a time; the second waits, and finds everything done."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another set-up of {home} is at work; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
