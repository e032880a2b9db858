"""The aws CLI of a home, in an environment of its own, and the program by which nodes and shells find it.

A first `emrlite run` leaves it to the set-up that goes on behind it.  Who calls the program before that has come to it
waits, and then it does not wait for an idle cluster any more.
"""

from __future__ import annotations

import os
import shlex
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from emrlite.node import packages

_LOCKS = ["aws.lock"]
_LOOK_SECONDS = 0.2


def programs(home: Path) -> Path:
    """The directory that holds ``aws``, for a ``PATH``."""
    return home / "tools" / "bin"


def ready(home: Path) -> bool:
    """Whether it is installed."""
    return os.access(programs(home) / "aws", os.X_OK) and packages.ready(_environment(home), _LOCKS)


def is_wanted(home: Path) -> bool:
    """Whether somebody waits for it."""
    return _wish(home).exists()


def make(home: Path, say: Callable[[str], None]) -> None:
    """Install it.  Raises `SetupError`."""
    packages.ensure(_environment(home), _LOCKS, "aws CLI", say)
    lay_out(home)
    _wish(home).unlink(missing_ok=True)


def lay_out(home: Path) -> None:
    """Write the program, which waits as long as set-up is at work and has not installed the CLI."""
    environment = _environment(home)
    wait = shlex.join([sys.executable, "-I", "-m", "emrlite.node.aws_cli", str(home)])
    # Not pip's own script: it fails when the path of its Python holds a space.  -I: a step's PYTHONPATH stays out.
    run = shlex.join([str(packages.python(environment)), "-I", "-m", "awscli"])
    programs(home).mkdir(parents=True, exist_ok=True)
    unfinished = programs(home) / "aws.new"
    unfinished.write_text(f"#!/bin/sh\n[ -e {shlex.quote(str(packages.stamp(environment)))} ] || {wait} || exit\n"
                          f'exec {run} "$@"\n')
    unfinished.chmod(0o755)
    unfinished.replace(programs(home) / "aws")


def wait(home: Path) -> None:
    """Wait until it is installed; raises ``SystemExit`` when nobody installs it."""
    from emrlite.node import engines

    print("emrlite: the aws CLI is being installed; waiting for it", file=sys.stderr)
    _wish(home).touch()
    pause = threading.Event()
    while not ready(home):
        if not engines.set_up_at_work(home) and not ready(home):
            sys.exit(f"emrlite: the aws CLI is not installed in {home}, and no set-up is at work there; "
                     "run `emrlite setup`")
        pause.wait(_LOOK_SECONDS)


def _environment(home: Path) -> Path:
    return home / "tools" / "aws"


def _wish(home: Path) -> Path:
    return home / "tools" / "aws.wanted"


if __name__ == "__main__":
    wait(Path(sys.argv[1]))
