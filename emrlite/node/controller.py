"""The controller log of a step or bootstrap action: what was run, with what, and how it ended."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_SECRET = re.compile(r"SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL|PRIVATE|ACCESS_KEY", re.IGNORECASE)
_IN_URL = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_END = "INFO waitProcessCompleted"
_ENDED = re.compile(rf"^[\d-]+T[\d:.]+Z {_END} ", re.MULTILINE)


def begin(
    path: Path, *, what: str, argv: Sequence[str], env: Mapping[str, str], cwd: Path, notes: Sequence[str]
) -> None:
    """Write the first part: command line, environment without secrets, places."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = "\n".join(f"  {name}={_hide(name, value)}" for name, value in sorted(env.items()))
    lines = [
        f"INFO {what}",
        f"INFO startExec '{shlex.join(argv)}'",
        f"INFO Environment:\n{shown}",
        f"INFO redirectOutput to {path.parent / 'stdout'}",
        f"INFO redirectError to {path.parent / 'stderr'}",
        f"INFO Working dir {cwd}",
        *(f"INFO {note}" for note in notes),
    ]
    _append(path, lines)


def refused(path: Path, reason: str) -> None:
    """Note that nothing was started, and why."""
    _append(path, [f"ERROR {reason}"])


def end(path: Path, *, what: str, exit_code: int | None, started: float, ended: float, stopped: bool) -> None:
    """Write the last part, once."""
    if is_ended(path):
        return
    code = "an unknown exit code" if exit_code is None else f"exit code {exit_code}"
    how = "was stopped" if stopped else "succeeded" if exit_code == 0 else "failed"
    _append(path, [
        f"{_END} ended with {code}",
        f"INFO total process run time: {ended - started:.3f} seconds",
        f"INFO {what} {how} with {code} and took {ended - started:.3f} seconds",
    ])


def is_ended(path: Path) -> bool:
    """Tell whether the last part is there."""
    try:
        return _ENDED.search(path.read_text()) is not None
    except FileNotFoundError:
        return False


def _hide(name: str, value: str) -> str:
    return "(hidden)" if _SECRET.search(name) else _IN_URL.sub("(hidden)", value)


def _append(path: Path, lines: Sequence[str]) -> None:
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    with path.open("a") as file:
        file.writelines(f"{stamp} {line}\n" for line in lines)
