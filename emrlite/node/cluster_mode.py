"""Cluster deploy mode: the driver runs on a core node, and the submitter watches it as a YARN client does.

Spark's standalone master has a cluster mode of its own, which reports success for drivers that
failed and leaves them running when the submitter is killed.  So the driver is our own child, and
our exit code is 0 only if its was.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from emrlite.errors import StorageError
from emrlite.node import namespace, submit
from emrlite.node.failures import DIAGNOSTICS, last_exception
from emrlite.node.layout import NODE_VARIABLE, NodeInfo, Peer
from emrlite.node.localize import localize
from emrlite.node.resources import Refused
from emrlite.node.shim import CANNOT_RUN
from emrlite.node.submit_arguments import Arguments, UsageError

_CONNECTED = re.compile(rb"Connected to Spark cluster with app ID (application_\d+_\d+)")
_PERIOD = 0.2
_TAIL = 64 * 1024


def main(arguments: Arguments, defaults: Mapping[str, str], notes: Sequence[str], info: NodeInfo) -> NoReturn:
    """Run the driver of *arguments* on a core node of *info*'s cluster, to its end."""
    if not info.core:
        raise UsageError("Error: cluster deploy mode needs a core node, and this cluster has none")
    from emrlite.node.spark_programs import check_table_formats

    node = NodeInfo.read(Path(_choose(info.core, info).root))
    submission = submit.translate(arguments, node, defaults, os.environ, submit.this_machine())
    check_table_formats(submission, node)
    for note in (*notes, *submission.notes):
        print(f"emrlite: note: {note}", file=sys.stderr)
    container = Container(node)
    try:
        argv = localize(submission, arguments, container.work, node)
    except StorageError as error:
        raise Refused(f"java.io.FileNotFoundException: {error}") from error
    sys.exit(_run(argv, submission.env, container, node))


def _choose(core: Sequence[Peer], info: NodeInfo) -> Peer:
    """Core nodes take turns, by the number of drivers that each has had."""

    def drivers(peer: Peer) -> int:
        logs = replace(info, root=peer.root).layout.container_logs
        return len(list(logs.glob("application_*"))) if logs.is_dir() else 0

    return min(core, key=drivers)


class Container:
    """Directories of one driver, under YARN's names.

    Spark's master gives an application its id when its context starts.  Until then, and for a driver that
    never makes one, the id is made from the time of submission, which is never that of the cluster's creation.
    """

    def __init__(self, node: NodeInfo) -> None:
        self.node = node
        stamp = int(time.time() * 1000)
        while True:
            self.application = f"application_{stamp}_0000"
            try:
                self.logs.mkdir(parents=True)
                break
            except FileExistsError:
                stamp += 1
        self.work = node.layout.root / "mnt/yarn" / self.application / self.logs.name
        self.work.mkdir(parents=True)

    @property
    def logs(self) -> Path:
        stamp, number = self.application.split("_")[1:]
        return self.node.layout.container_logs / self.application / f"container_{stamp}_{number}_01_000001"

    def rename(self, application: str) -> None:
        """Move the logs, which stay open, to the id that Spark's master gave."""
        before = self.logs
        self.application = application
        self.logs.parent.mkdir(parents=True, exist_ok=True)
        before.rename(self.logs)
        before.parent.rmdir()


def _run(argv: Sequence[str], changes: Mapping[str, str], container: Container, node: NodeInfo) -> int:
    env = {**os.environ, **changes, NODE_VARIABLE: node.root, "PATH": f"{node.layout.bin}:{os.environ.get('PATH', '')}"}
    started = int(time.time() * 1000)
    with (container.logs / "stdout").open("wb") as stdout, (container.logs / "stderr").open("wb") as stderr:
        driver = subprocess.Popen(
            argv, cwd=container.work, env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
            preexec_fn=(lambda: _enter(node)) if node.view != "none" else None,  # noqa: PLW1509  there is one thread
        )
        _pass_on_signals(driver)
    _say(f"Submitted application {container.application}; its driver runs on {node.name} ({node.instance_id})")
    _report(container, "ACCEPTED", "UNDEFINED", node, started)
    _watch(driver, container, node, started)
    code = driver.returncode
    status = (
        "SUCCEEDED"
        if code == 0
        else "KILLED"
        if code in (-signal.SIGTERM, 128 + signal.SIGTERM, -signal.SIGKILL)
        else "FAILED"
    )
    _report(container, "FINISHED", status, node, started)
    if code == 0:
        return 0
    message = last_exception(_tail(container.logs / "stdout"), _tail(container.logs / "stderr"))
    ended = f"was killed by signal {-code}" if code < 0 else f"exited with status {code}"
    said = f"User class threw exception: {' '.join(message.splitlines())}" if message else f"User application {ended}"
    print(f"\t {DIAGNOSTICS}{said}", file=sys.stderr)
    print(f"\t the driver {ended}; its logs are in {container.logs}", file=sys.stderr)
    print(
        'Exception in thread "main" org.apache.spark.SparkException: '
        f"Application {container.application} finished with "
        f"{status.lower()} status",
        file=sys.stderr,
    )
    return 1


def _enter(node: NodeInfo) -> None:
    """Between fork and exec: the driver is on *node*, and sees what is there."""
    try:
        namespace.enter(str(node.layout.view))
    except OSError as error:
        os.write(2, f"emrlite: the view of {node.name} cannot be made: {error.strerror}\n".encode())
        os._exit(CANNOT_RUN)


def _watch(driver: subprocess.Popen[bytes], container: Container, node: NodeInfo, started: int) -> None:
    """Wait for the driver's end; meanwhile learn from its log which application it is."""
    known = b""
    with (container.logs / "stderr").open("rb") as log:
        ended = False
        while not ended:
            try:
                driver.wait(_PERIOD)
                ended = True
            except subprocess.TimeoutExpired:
                pass
            known = known[-200:] + log.read()
            if match := _CONNECTED.search(known):
                container.rename(match[1].decode())
                _say(f"The Spark master knows it as {container.application}")
                _report(container, "RUNNING", "UNDEFINED", node, started)
                break
    driver.wait()


def _pass_on_signals(driver: subprocess.Popen[bytes]) -> None:
    """What ends the submitter ends its driver."""

    def forward(number: int, _frame: FrameType | None) -> None:
        driver.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, forward)


def _say(text: str) -> None:
    print(f"{time.strftime('%y/%m/%d %H:%M:%S')} INFO Client: {text}", file=sys.stderr, flush=True)


def _report(container: Container, state: str, final: str, node: NodeInfo, started: int) -> None:
    """An application report in the form that YARN's client gives it."""
    _say(f"Application report for {container.application} (state: {state})")
    if state != "ACCEPTED":
        rows = {"ApplicationMaster host": node.address, "start time": started, "final status": final, "user": "hadoop"}
        print(*(f"\t {name}: {value}" for name, value in rows.items()), sep="\n", file=sys.stderr, flush=True)


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TAIL, 0))
        return file.read().decode(errors="replace")
