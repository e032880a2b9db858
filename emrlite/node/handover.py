"""Gives a program to a JVM that was started ahead (`emrlite.node.spare`), and stands for it until it ends.

It is used only where nobody can tell the difference: same flags, class path and limits, and the same of all that a
process reads as it starts.  Everything else starts a JVM of its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import socket
import stat
import struct
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

#: Process of a JVM that a node started ahead, and of those before it: ``spare-driver-1``, ``spare-executor-2``, …
PREFIX = "spare-"
#: Seconds within which a spare answers, and its end is written down.
SECONDS = 10.0
#: The main class of an executor.
EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"

#: What a JVM or the C library reads from the environment as it starts.
_READ_AT_START = ("LD_LIBRARY_PATH", "LD_PRELOAD", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "LANGUAGE", "JAVA_TOOL_OPTIONS",
                  "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "MALLOC_ARENA_MAX", "TMPDIR", "JAVA_HOME", "HADOOP_USER_NAME",
                  "HADOOP_CONF_DIR", "SPARK_CONF_DIR", "SPARK_HOME", "SPARK_LOCAL_IP", "SPARK_LOCAL_HOSTNAME")
#: A spare may have more of these than was asked for: Spark opens fewer packages to executors than a node does to all
#: its JVMs, and no program knows how large its heap was at first.
_HARMLESS = ("--add-opens=", "-Xms")


def describe(java: Sequence[str], env: Mapping[str, str]) -> dict[str, object]:
    """What a JVM that is started with the words *java* and *env* is known by."""
    return {"java": list(java), "environ": {name: env[name] for name in _READ_AT_START if name in env},
            "limits": _limits()}


def take(processes: Path, kind: str, main: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
    """Become the JVM that *argv* with *env* would be, if a spare of this *kind* on this node is the same; else return.

    *main* is its main class, *processes* is where the node's processes are recorded.  Does not return once a spare was
    taken.
    """
    at = list(argv).index(main)
    if not all(map(_can_be_opened, (1, 2))):
        return
    # Spark reads these when it needs them, so a JVM that runs can still be given them.
    properties = [word for word in argv[:at] if word.startswith("-Dspark.") and "=" in word]
    wanted = describe([word for word in argv[:at] if word not in properties], env)
    for directory in sorted(processes.glob(f"{PREFIX}{kind}-*/")):
        started = directory / "started.json"
        if not started.exists() or not _serves(json.loads(started.read_text()), wanted) or not _waits(directory):
            continue
        try:
            (directory / "port").rename(directory / "taken")
        except FileNotFoundError:
            continue  # another was faster
        pairs = [text for word in properties for text in word.removeprefix("-D").split("=", 1)]
        outlets, relays = _outlets(directory)
        port, jvm = map(int, (directory / "taken").read_text().split())
        if connection := _hand_over(port, (directory / "secret").read_text(), outlets, pairs, main, argv[at + 1:], env):
            _accompany(processes / directory.name, jvm, connection, relays)
        for relay in relays:
            relay.end()


def _waits(directory: Path) -> bool:
    """Whether it can be asked; one that is on its way is ready sooner than another that begins now."""
    deadline, pause = time.monotonic() + SECONDS, threading.Event()
    ended = directory.with_name(f"{directory.name}.exit")
    while not any(path.exists() for path in (directory / "port", directory / "taken", directory / "retired", ended)):
        if time.monotonic() > deadline:
            return False
        pause.wait(0.005)
    return (directory / "port").exists() and not ended.exists()


def _serves(started: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether a JVM that was *started* so is as good as the one that is *wanted*."""
    more = set(started["java"]) - set(wanted["java"])
    less = set(wanted["java"]) - set(started["java"])
    rest = ("environ", "limits")
    return (not less and all(word.startswith(_HARMLESS) for word in more)
            and all(started[name] == wanted[name] for name in rest))


def _limits() -> list[object]:
    """What a process inherits that no environment tells."""
    kinds = (resource.RLIMIT_NOFILE, resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_CORE,
             resource.RLIMIT_STACK, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)
    return [_umask(), os.getuid(), *(list(resource.getrlimit(kind)) for kind in kinds)]


def _umask() -> str:
    """The mask of new files, looked up: asking for it means setting it, for all threads."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return ""
    return next((line.split()[1] for line in status.splitlines() if line.startswith("Umask:")), "")


def _can_be_opened(descriptor: int) -> bool:
    """Whether what a descriptor of ours is about can be written to by another process, at its end."""
    kind = os.fstat(descriptor).st_mode
    appends = bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND)
    return sys.platform == "linux" and (stat.S_ISFIFO(kind) or (stat.S_ISREG(kind) and appends))


class _Relay(threading.Thread):
    """Takes what a spare writes to the named pipe *fifo* to our *descriptor*."""

    def __init__(self, fifo: Path, descriptor: int) -> None:
        super().__init__(daemon=True)
        self.fifo, self._descriptor = fifo, descriptor
        os.mkfifo(fifo, 0o600)

    def run(self) -> None:
        with self.fifo.open("rb", buffering=0) as file, suppress(OSError):  # nobody may read ours any more
            self.fifo.unlink()  # both ends are open
            while part := file.read(65536):
                os.write(self._descriptor, part)

    def end(self) -> None:
        """Wait until all is passed on.  Where nobody ever came to write, there is nothing."""
        with suppress(OSError):
            os.close(os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK))
        self.join(SECONDS)


def _outlets(directory: Path) -> tuple[list[str], list[_Relay]]:
    """Where a spare is to write for our standard output and error: their files, or named pipes from which we take it.

    Not ``/proc/<pid>/fd``: a process in a user namespace of its own, as those of an ordinary user are, may not open it.
    """
    outlets, relays = [], []
    for descriptor in (1, 2):
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            outlets.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        else:
            relays.append(_Relay(directory / f"fifo-{descriptor}", descriptor))
            relays[-1].start()
            outlets.append(str(relays[-1].fifo))
    return outlets, relays


def _hand_over(
    port: int, secret: str, outlets: Sequence[str], properties: Sequence[str], main: str, words: Sequence[str],
    env: Mapping[str, str]
) -> socket.socket | None:
    """Give the spare its task; ``None`` if it is not there any more."""

    def packed(*texts: str) -> bytes:
        encoded = [text.encode(errors="surrogateescape") for text in texts]
        return b"".join(struct.pack(">i", len(each)) + each for each in encoded)

    def listed(texts: Sequence[str]) -> bytes:
        return struct.pack(">i", len(texts)) + packed(*texts)

    message = packed(secret, *outlets, os.getcwd())
    message += listed([text for pair in env.items() for text in pair]) + listed(properties)
    message += packed(main) + listed(words)
    try:
        connection = socket.create_connection(("127.0.0.1", port), SECONDS)
        connection.sendall(message)
        if connection.recv(1) == b"\1":
            connection.sendall(b"\1")  # it begins only now: nobody else was started in its place
            return connection
    except OSError as error:
        print(f"emrlite: note: a JVM that was started ahead does not answer ({error}); starting one", file=sys.stderr)
    return None


def _accompany(stem: Path, jvm: int, connection: socket.socket, relays: Sequence[_Relay]) -> NoReturn:
    """Stand for the spare until it ends: pass signals on to its process *jvm*, end as it did."""
    shim = int(stem.with_name(f"{stem.name}.pid").read_text().split()[0])
    received: set[int] = set()

    def pass_on(number: int, _: FrameType | None) -> None:
        received.add(number)
        with suppress(ProcessLookupError):
            # Its shim ends the whole tree, with a grace, as that of a step does.
            os.kill(shim if number == signal.SIGTERM else jvm, number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as by `nohup`, which a JVM respects too
            signal.signal(number, pass_on)
    connection.settimeout(None)
    with suppress(OSError):
        connection.recv(1)  # nothing ever comes; the connection ends with the JVM
    if received & {signal.SIGINT, signal.SIGHUP}:  # which a group gets: the JVM's Python would have it too
        pass_on(signal.SIGTERM, None)
    deadline, pause = time.monotonic() + SECONDS, threading.Event()
    record = stem.with_name(f"{stem.name}.exit")
    while not record.exists() and time.monotonic() < deadline:
        pause.wait(0.005)
    for relay in relays:
        relay.end()
    sys.stderr.write((stem / "log").read_text(errors="replace"))  # what the JVM itself had to say
    sys.stderr.flush()
    code = int(record.read_text().split()[0]) if record.exists() else -signal.SIGKILL
    if code < 0:  # by a signal: so do we
        with suppress(OSError):  # SIGKILL needs no handler, and takes none
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)
