"""A driver's JVM that was started ahead: `start` has the command line, `take` gives it a spark-submit.

JVM start and class loading are a third of what a short PySpark step waits for.  A spare JVM has done that, and has
seen nothing of anybody's; it serves one step and ends (``java_classes/Spare.java``).  It is used only where nobody
can tell the difference: same flags, class path and limits, a Python application in client mode.  Everything else
starts a JVM of its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import secrets
import signal
import socket
import stat
import struct
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from emrlite.node import submit
from emrlite.node.layout import NodeInfo
from emrlite.node.submit_arguments import Arguments, parse

MAIN = "emrlite.Spare"
#: Process of a node's spare driver, and of those before it: ``spare-1``, ``spare-2``, …
PREFIX = "spare-"
#: Seconds within which a spare answers, and its end is written down.
SECONDS = 10.0

_PYTHON_VARIABLE, _WORK_VARIABLE = "EMRLITE_DRIVER_PYTHON", "EMRLITE_WORK"
#: A JVM cannot change its working directory for its children: they do it themselves.
_PYTHON = f"""#!/bin/sh
cd "${_WORK_VARIABLE}" || exit 1
PYSPARK_DRIVER_PYTHON=${_PYTHON_VARIABLE}
export PYSPARK_DRIVER_PYTHON
unset {_PYTHON_VARIABLE} {_WORK_VARIABLE}
exec "$PYSPARK_DRIVER_PYTHON" "$@"
"""

#: What a JVM or the C library reads from the environment as it starts.
_READ_AT_START = ("LD_LIBRARY_PATH", "LD_PRELOAD", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "LANGUAGE", "JAVA_TOOL_OPTIONS",
                  "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "MALLOC_ARENA_MAX", "TMPDIR", "JAVA_HOME", "HADOOP_USER_NAME",
                  "HADOOP_CONF_DIR", "SPARK_CONF_DIR", "SPARK_HOME", "SPARK_LOCAL_IP")


def prepare(directory: Path, info: NodeInfo, environ: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Make the *directory* of a spare and return how it is started: as a Python driver without options would be.

    *environ* is that of a step.  Raises `Refused` where no step can run so either.
    """
    defaults = submit.node_defaults(info)
    usual = submit.translate(parse(["spare.py"]), info, defaults, environ, submit.machine_memory())
    java, env = list(usual.argv[:usual.argv.index(submit.MAIN)]), {**environ, **usual.env}
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "secret").write_text(secrets.token_hex(16))
    (directory / "python").write_text(_PYTHON)
    (directory / "python").chmod(0o755)
    (directory / "started.json").write_text(json.dumps({
        "java": java, "environ": _at_start(env), "limits": _limits()}))
    return [*java, MAIN, str(directory)], env


def waits(directory: Path) -> bool:
    """Whether nobody has taken the spare yet."""
    return not (directory / "taken").exists()


def suits(arguments: Arguments) -> bool:
    """Whether a driver may be one that was started ahead: Python's, for JVM code may ask for its working directory."""
    of_conf = any(key.startswith("spark.pyspark.") for key in arguments.conf)
    return (arguments.application or "").endswith(".py") and "--remote" not in arguments.options and not of_conf


def take(processes: Path, argv: Sequence[str], env: Mapping[str, str]) -> None:
    """Become the driver that *argv* with *env* would be, if a spare of this node is the same; else return.

    *processes* is where the node's processes are recorded.  Does not return once a spare was taken.
    """
    at = list(argv).index(submit.MAIN)
    if not all(map(_can_be_opened, (1, 2))):
        return
    wanted = {"java": list(argv[:at]), "environ": _at_start(env), "limits": _limits()}
    for directory in _waiting(processes):
        if json.loads((directory / "started.json").read_text()) != wanted:
            continue
        try:
            (directory / "port").rename(directory / "taken")
        except FileNotFoundError:
            continue  # another step was faster
        if (connection := _hand_over(directory, argv[at + 1:], env)) is not None:
            _accompany(processes / directory.name, connection)


def _waiting(processes: Path) -> Iterator[Path]:
    for directory in sorted(processes.glob(f"{PREFIX}*/")):
        if (directory / "port").exists() and not (processes / f"{directory.name}.exit").exists():
            yield directory


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: env[name] for name in _READ_AT_START if name in env}


def _limits() -> list[object]:
    """What a process inherits that no environment tells."""
    mask = os.umask(0)
    os.umask(mask)
    kinds = (resource.RLIMIT_NOFILE, resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_CORE,
             resource.RLIMIT_STACK, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)
    return [mask, os.getuid(), *(list(resource.getrlimit(kind)) for kind in kinds)]


def _can_be_opened(descriptor: int) -> bool:
    """Whether what a descriptor of ours is about can be opened once more, to be added to."""
    kind = os.fstat(descriptor).st_mode
    appends = bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND)
    return sys.platform == "linux" and (stat.S_ISFIFO(kind) or (stat.S_ISREG(kind) and appends))


def _hand_over(directory: Path, words: Sequence[str], env: Mapping[str, str]) -> socket.socket | None:
    """Give the spare its task; ``None`` if it is not there any more."""

    def packed(*texts: str) -> bytes:
        encoded = [text.encode(errors="surrogateescape") for text in texts]
        return b"".join(struct.pack(">i", len(each)) + each for each in encoded)

    own = {"PYSPARK_DRIVER_PYTHON": str(directory / "python"), _PYTHON_VARIABLE: env["PYSPARK_DRIVER_PYTHON"],
           _WORK_VARIABLE: os.getcwd()}
    pairs = [text for pair in {**env, **own}.items() for text in pair]
    out, err = (f"/proc/{os.getpid()}/fd/{descriptor}" for descriptor in (1, 2))
    message = packed((directory / "secret").read_text(), out, err, os.getcwd())
    message += struct.pack(">i", len(pairs)) + packed(*pairs) + struct.pack(">i", len(words)) + packed(*words)
    try:
        connection = socket.create_connection(("127.0.0.1", int((directory / "taken").read_text())), SECONDS)
        connection.sendall(message)
        if connection.recv(1) == b"\1":
            return connection
    except OSError as error:
        print(f"emrlite: note: a JVM that was started ahead does not answer ({error}); starting one", file=sys.stderr)
    return None


def _accompany(stem: Path, connection: socket.socket) -> NoReturn:
    """Stand for the driver until it ends: pass signals on, end as it did."""
    shim = int(stem.with_name(f"{stem.name}.pid").read_text().split()[0])

    def pass_on(_: int, __: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(shim, signal.SIGTERM)  # it ends the whole tree, with a grace

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, pass_on)
    connection.settimeout(None)
    with suppress(OSError):
        connection.recv(1)  # nothing ever comes; the connection ends with the JVM
    deadline, pause = time.monotonic() + SECONDS, threading.Event()
    record = stem.with_name(f"{stem.name}.exit")
    while not record.exists() and time.monotonic() < deadline:
        pause.wait(0.005)
    sys.stderr.write((stem / "log").read_text(errors="replace"))  # what the JVM itself had to say
    sys.stderr.flush()
    code = int(record.read_text().split()[0]) if record.exists() else -signal.SIGKILL
    if code < 0:  # by a signal: so do we
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)
