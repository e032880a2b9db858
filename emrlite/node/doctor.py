"""Looks at everything a cluster needs and says what is there, in which version, and what cures what is not."""

from __future__ import annotations

import contextlib
import platform
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import psutil

from emrlite.errors import EmrliteError, SetupError
from emrlite.node import addresses, aws_cli, class_data, engines, isolation, jars, java, overlay
from emrlite.node.lockfile import MB, Jar, Locked, locked
from emrlite.node.parts import missing_parts, s3proxy_path
from emrlite.settings import Settings

_SETUP = "emrlite setup"
#: Resident memory of a small cluster (one master, two core nodes, one task node) with a driver and an executor.
_MEMORY = 2_000
#: What one cluster with logs and shuffle files may want.
_DISK = 1_000
_MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    version: str = ""
    detail: str = ""
    cure: str = ""  #: what to do when it is not ok, or could be better
    needed: bool = True  #: without it no cluster starts


def doctor(settings: Settings) -> list[Finding]:
    """Everything, in the order in which it is needed.  Takes a second: files are compared with the lock."""
    try:
        lock = locked(settings.spark)
    except SetupError as error:
        return [_python(), Finding(what="engine", ok=False, detail=str(error), cure="choose another `spark`")]
    return [
        _python(),
        _java(settings.home),
        _pyspark(settings.home, lock),
        *_archives(settings.home, lock),
        _engine(settings.home, lock),
        _class_data(settings.home, lock),
        _aws(settings.home),
        _addresses(settings),
        _namespace(settings),
        _memory(),
        _disk(settings.home, lock),
        _port(settings),
    ]


def can_start(findings: list[Finding]) -> bool:
    """Whether a cluster could start."""
    return all(finding.ok for finding in findings if finding.needed)


def _python() -> Finding:
    return Finding(
        what="Python", ok=sys.version_info >= (3, 11), version=platform.python_version(), detail=sys.executable,
        cure="install Python 3.11 or later",
    )  # fmt: skip


def _java(home: Path) -> Finding:
    found = list(java.candidates(home))
    passed = "; ".join(f"passed over: {java.describe(other)}" for other in found if not other.fits)
    for one in found:
        if one.fits:
            where = f"{one.home} ({one.source})" + (f"; {passed}" if passed else "")
            return Finding(what="Java", ok=True, version=one.version, detail=where)
    cure = _SETUP if java.can_bring() else f"install a Java {java.OLDEST} to {java.NEWEST} or set JAVA_HOME"
    return Finding(what="Java", ok=False, detail=passed or "there is none", cure=cure)


def _pyspark(home: Path, lock: Locked) -> Finding:
    path = overlay.find_pyspark(home, lock.spark)
    if path is None:
        return Finding(what="pyspark", ok=False, detail=f"version {lock.spark} is not installed", cure=_SETUP)
    return Finding(what="pyspark", ok=True, version=lock.spark, detail=str(path))


def _archives(home: Path, lock: Locked) -> list[Finding]:
    """Each group of archives where it is used, compared with the lock to the last byte."""
    folder = overlay.engine_root(home, lock.spark) / "home" / "jars"
    findings = []
    for group, members in groupby(lock.jars, key=lambda jar: jar.group):
        these = list(members)
        wrong = [trouble for jar in these if (trouble := _trouble(folder / jar.name, jar))]
        findings.append(_group(f"archives {group}", these[0], wrong, f"{len(these)} as locked"))
    path = s3proxy_path(home, lock)
    trouble = _trouble(path, lock.s3proxy)
    return [*findings, _group("S3 server", lock.s3proxy, [trouble] if trouble else [], str(path))]


def _group(what: str, first: Jar, wrong: list[str], detail: str) -> Finding:
    version = first.coordinates.split(":")[2]
    if not wrong:
        return Finding(what=what, ok=True, version=version, detail=detail)
    # Set-up looks at sizes only, so what is wrong in content has to go first.
    cure = f"emrlite clean && {_SETUP}" if any("SHA-256" in trouble for trouble in wrong) else _SETUP
    return Finding(what=what, ok=False, version=version, detail="; ".join(wrong[:3]), cure=cure)


def _trouble(path: Path, jar: Jar) -> str | None:
    try:
        jars.check(path, jar)
    except FileNotFoundError:
        return f"{jar.name} is missing"
    except SetupError as error:
        return str(error)
    return None


def _engine(home: Path, lock: Locked) -> Finding:
    reason = overlay.wrong(home, lock)
    path = overlay.engine_root(home, lock.spark) / "home"
    return Finding(what="engine", ok=reason is None, version=lock.spark, detail=reason or str(path), cure=_SETUP)


def _class_data(home: Path, lock: Locked) -> Finding:
    """Also starts a JVM that must use it: a JVM that silently does not is just slow."""
    what, engine_home = "class data", overlay.engine_root(home, lock.spark) / "home"
    if not class_data.possible(lock.spark):
        detail = f"none for Spark {lock.spark}; clusters start slower"
        return Finding(what=what, ok=True, version="none", detail=detail, needed=False)
    try:
        runtime = java.find(home)
        trouble = class_data.wrong(engine_home, runtime, lock.spark)
        if trouble is None:
            class_data.prove(engine_home, runtime)
    except EmrliteError as error:
        trouble = str(error)
    archive = class_data.path(engine_home)
    if trouble:
        detail = f"clusters start slower: {trouble}{', set-up is at work' if engines.set_up_at_work(home) else ''}"
        return Finding(what=what, ok=False, detail=detail, cure=_SETUP, needed=False)
    version = f"{archive.stat().st_size // MB} MB"
    return Finding(what=what, ok=True, version=version, detail=str(archive), needed=False)


def _aws(home: Path) -> Finding:
    program = aws_cli.programs(home) / "aws"
    if not aws_cli.ready(home):
        at_work = engines.set_up_at_work(home)
        detail = "set-up is at work on it: a step that calls it waits" if at_work else f"{program} is not installed"
        return Finding(what="aws CLI", ok=False, detail=detail, cure=_SETUP, needed=False)
    try:
        answer = subprocess.run([program, "--version"], check=True, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        detail = f"{program} does not run: {error}"
        return Finding(what="aws CLI", ok=False, detail=detail, cure=f"emrlite clean && {_SETUP}")
    version = answer.stdout.partition("/")[2].partition(" ")[0]
    return Finding(what="aws CLI", ok=True, version=version, detail=str(program))


def _addresses(settings: Settings) -> Finding:
    many = addresses.has_many()
    if settings.addresses == "many" and not many:
        return Finding(what="addresses", ok=False, detail="`addresses` is `many`, but only 127.0.0.1 can be bound",
                       cure="set `addresses` to `auto` or `single`")  # fmt: skip
    use = settings.addresses if settings.addresses != "auto" else "many" if many else "single"
    detail = "each node its own 127.x.y.z" if use == "many" else "all nodes on 127.0.0.1, with ports of their own"
    return Finding(what="addresses", ok=True, version=use, detail=detail)


def _namespace(settings: Settings) -> Finding:
    found = isolation.find(settings.home, settings.namespace)
    return Finding(what="namespace", ok=True, version=found.level, detail=isolation.describe(found), needed=False)


def _memory() -> Finding:
    free = psutil.virtual_memory().available // _MIB
    return Finding(
        what="memory", ok=free >= _MEMORY, version=f"{free} MiB", needed=False,
        detail=f"free now; a small cluster with one job takes about {_MEMORY} MiB", cure="end other programs",
    )  # fmt: skip


def _disk(home: Path, lock: Locked) -> Finding:
    there = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(there).free // _MIB
    wanted = _DISK + sum(part.disk for part in missing_parts(home, lock)) // _MIB
    return Finding(
        what="disk", ok=free >= wanted, version=f"{free} MiB",
        detail=f"free at {home}; set-up and one cluster take about {wanted} MiB",
        cure="make room, or choose another home (EMRLITE_HOME)",
    )  # fmt: skip


def _port(settings: Settings) -> Finding:
    """Only `emrlite start` wants this port; a cluster of `emrlite run` takes any."""
    what = f"port {settings.port}"
    with contextlib.suppress(OSError), socket.create_connection((settings.host, settings.port), 1):
        return Finding(
            what=what, ok=False, needed=False, detail=f"taken by {_listener(settings.port)}",
            cure="emrlite stop, emrlite start --port N, or end that program",
        )  # fmt: skip
    return Finding(what=what, ok=True, detail="free", needed=False)


def _listener(port: int) -> str:
    """Who listens there, as far as this user may know."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
            if listens and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return "a program of another user"
