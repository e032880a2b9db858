"""Installs Python packages into environments of their own under the home.

Each environment belongs to one or more lock files of ``conf`` (hashes for every file), and
bears a stamp with their digest, written last: without it the environment is made anew.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

from emrlite.errors import SetupError, Unreachable
from emrlite.node.lockfile import MB, conf

_STAMP = "emrlite.stamp"
#: Variables of pip and Python that would lead an installation elsewhere; indexes and proxies stay.
_LEADING_ASTRAY = ("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "PIP_PYTHON",
                   "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")  # fmt: skip


def site(environment: Path) -> Path:
    """Where the packages of *environment* lie; it may have been made by another Python than this one."""
    return next((environment / "lib").glob("python3*")) / "site-packages"


def python(environment: Path) -> Path:
    """Its interpreter."""
    return environment / "bin" / "python"


def stamp(environment: Path) -> Path:
    """The file that holds the digest of its locks once *environment* is whole."""
    return environment / _STAMP


def ready(environment: Path, locks: Sequence[str]) -> bool:
    """Whether *environment* holds what *locks* say, and its Python is still there."""
    try:
        return stamp(environment).read_text(encoding="utf-8") == digest(locks) and python(environment).exists()
    except FileNotFoundError:
        return False


def ensure(environment: Path, locks: Sequence[str], what: str, say: Callable[[str], None]) -> Path:
    """Make *environment* hold what *locks* say, one after the other; *what* names it in the progress."""
    if ready(environment, locks):
        return environment
    stamp(environment).unlink(missing_ok=True)
    shutil.rmtree(environment, ignore_errors=True)
    venv.create(environment, symlinks=True, with_pip=False)
    for lock in locks:
        _install(environment, conf(lock), what, say)
    stamp(environment).write_text(digest(locks), encoding="utf-8")
    return environment


def digest(locks: Sequence[str]) -> str:
    """What the stamp of an environment holds that has all of *locks*."""
    content = b"".join(conf(lock).read_bytes() for lock in locks)
    return hashlib.sha256(content).hexdigest()


def _install(environment: Path, lock: Path, what: str, say: Callable[[str], None]) -> None:
    """One lock file, by the ordinary pip of the running Python, so that its configuration holds."""
    command = [
        sys.executable, "-m", "pip", "--python", str(python(environment)), "--disable-pip-version-check", "install",
        "--no-deps", "--require-hashes", "--no-build-isolation", "--no-input", "--progress-bar", "raw",
        "--requirement", str(lock),
    ]  # fmt: skip
    env = {name: value for name, value in os.environ.items() if name not in _LEADING_ASTRAY}
    lines: list[str] = []
    told = 0
    with subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            if progress := re.match(r"Progress (\d+) of (\d+)", line):
                told = _tell(what, int(progress[1]), int(progress[2]), told, say)
                continue
            lines.append(line.rstrip())
            if line.lstrip().startswith("Downloading"):
                told = 0
            if _TOLD.match(line):
                say(f"{what}: {line.strip()[:90]}")
    if pip.returncode != 0:
        raise _error(what, lock, lines)


def _tell(what: str, number: int, total: int, told: int, say: Callable[[str], None]) -> int:
    """Say how far a large file is, at each tenth; returns the last tenth told."""
    tenth = 10 * number // total if total > _LARGE else 0
    if tenth <= told:
        return told
    say(f"{what}: {number / MB:.0f} of {total / MB:.0f} MB")
    return tenth


#: Lines of pip that a waiting person wants: large files, and what takes long.
_TOLD = re.compile(r" *Downloading .*MB\)|Building wheel|Installing")

#: Below this, a file is there before one asks.
_LARGE = 50 * MB

#: What pip writes when it cannot reach an index, or the connection breaks half-way.
_NETWORK = (
    "NewConnectionError", "NameResolutionError", "ConnectTimeout", "ReadTimeout", "ProxyError",
    "Network is unreachable", "Failed to establish", "Connection broken", "IncompleteRead", "Could not fetch URL",
    "incomplete-download", "Read timed out", "Connection aborted", "Connection reset",
    "No matching distribution found",  # what pip says when an index did not answer
)  # fmt: skip


def _error(what: str, lock: Path, lines: Sequence[str]) -> SetupError:
    text = "\n".join(lines)
    last = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "no message")
    if "DO NOT MATCH THE HASHES" in text:
        named = next((line.strip() for line in lines if "==" in line and "from" in line), lock.name)
        return SetupError(f"{what}: a package differs from the lock {lock.name} and was not installed: {named}")
    if any(mark in text for mark in _NETWORK):
        return Unreachable(
            f"{what}: its packages could not be fetched: {last[:300]}. Check the network (and `https_proxy`, or your "
            "pip configuration), then run `emrlite setup` again: it goes on where it stopped"
        )
    return SetupError(f"{what}: pip ended with an error: {last[:300]}")
