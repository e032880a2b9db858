"""The aws CLI of a home, in an environment of its own, and the program by which nodes and shells find it.

A first `emrlite run` leaves it to the set-up that goes on behind it.  Who calls the program before that has come to it
waits, and then it does not wait for an idle cluster any more.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from emrlite.node import packages

_LOCKS = ["aws.lock"]
_LOOK_SECONDS = 0.2
#: How many looks a caller has patience for: a quarter of an hour.
_LOOKS = 4500
#: What the program runs to wait.  Its Python takes nothing from a step's environment, so it is told where modules are.
_WAIT = "import sys; sys.path[:] = {path!r}; from emrlite.node import aws_cli; aws_cli.main({home!r})"


def programs(home: Path) -> Path:
    """The directory that holds ``aws``, for a ``PATH``."""
    return home / "tools" / "bin"


def ready(home: Path) -> bool:
    """Whether it is installed."""
    return os.access(programs(home) / "aws", os.X_OK) and packages.ready(_environment(home), _LOCKS)


def is_wanted(home: Path) -> bool:
    """Whether somebody waits for it."""
    return _wish(home).exists()


def forget_wishes(home: Path) -> None:
    """Whoever waited for an earlier set-up waits no more."""
    _wish(home).unlink(missing_ok=True)


def make(home: Path, say: Callable[[str], None]) -> None:
    """Install it.  Raises `SetupError`."""
    packages.ensure(_environment(home), _LOCKS, "aws CLI", say)
    lay_out(home)
    forget_wishes(home)


def lay_out(home: Path) -> None:
    """Write the program, which waits as long as set-up is at work and has not installed the CLI."""
    python, stamp = packages.python(_environment(home)), packages.stamp(_environment(home))
    code = _WAIT.format(path=[path for path in sys.path if os.path.isabs(path)], home=str(home))
    wait = shlex.join([sys.executable, "-I", "-c", code])
    installed = (f'[ -x {shlex.quote(str(python))} ] && '
                 f'[ "$(cat {shlex.quote(str(stamp))} 2>/dev/null)" = {packages.digest(_LOCKS)} ]')
    # Not pip's own script: it fails when the path of its Python holds a space.  -I: a step's PYTHONPATH stays out.
    run = shlex.join([str(python), "-I", "-m", "awscli"])
    programs(home).mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=home / "tools", prefix="aws-", delete=False) as unfinished:
        unfinished.write(f'#!/bin/sh\n{installed} || {wait} || exit\nexec {run} "$@"\n')
    Path(unfinished.name).chmod(0o755)
    Path(unfinished.name).replace(programs(home) / "aws")


def main(home: str) -> None:
    """Wait until it is installed; raises ``SystemExit`` when nobody installs it."""
    try:
        _wait(Path(home))
    except OSError as error:  # a node that shares the engine of another home does not see all of that
        sys.exit(f"emrlite: the aws CLI is not installed, and cannot be waited for here: {error}; run `emrlite setup`")
    except KeyboardInterrupt:
        sys.exit(130)


def _wait(home: Path) -> None:
    from emrlite.node import engines

    pause = threading.Event()
    for look in range(_LOOKS):
        at_work = engines.set_up_at_work(home)  # first, for it may end between the two
        if ready(home):
            return
        if not at_work:
            break
        if look == 0:
            print("emrlite: the aws CLI is being installed; waiting for it", file=sys.stderr)
            _wish(home).touch()
        pause.wait(_LOOK_SECONDS)
    sys.exit(f"emrlite: the aws CLI is not installed in {home}; {home / 'setup.log'} may say why. Run `emrlite setup`")


def _environment(home: Path) -> Path:
    return home / "tools" / "aws"


def _wish(home: Path) -> Path:
    return home / "tools" / "aws.wanted"
