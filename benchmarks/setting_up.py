"""What `make run` on a fresh machine takes that is emrlite's own: all but the download and the job.

A copy of the checkout and an empty home, with the caches of Java archives and of pip as they
are: `.venv` by make, then ``emrlite run`` of the small job, which sets up what it needs, less the time of its
step.  What pip takes to unpack packages from its cache is said beside it, and what the set-up that goes on in the
background says of the class data that nobody waits for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import run_vs_local
from benchmarks.figures import Measure, Row
from benchmarks.options import Options, scratch_home, timed
from emrlite.settings import Settings

ROOT = Path(__file__).parents[1]
SECONDS = 3600.0

#: Seconds after the begin of a command, and what it said then.
Said = tuple[float, str]


def measure(options: Options) -> dict[str, Row]:
    """Return the row ``make_run``; once, for it takes minutes."""
    source = run_vs_local.write_input(options.folder / "in", options.rows)
    if options.small:  # neither a network nor minutes for a home of its own
        home, packages, python = scratch_home(options.folder / "fresh-home"), None, sys.executable
    else:
        home, checkout = fresh_home(options.folder / "fresh-home"), copy_checkout(options.folder / "checkout")
        with timed() as packages:
            follow(["make", ".venv/installed"], checkout)
        python = str(checkout / ".venv/bin/python")
        options.say(f"make_run: .venv is there after {packages():.0f} s")
    run = run_vs_local.run_emrlite(options, source, home, python)
    options.say(f"make_run: the first run took {run.wall:.0f} s")
    log = home / "setup.log"
    return {"make_run": row(run, log.read_text() if log.exists() else "", packages() if packages else None)}


def fresh_home(path: Path) -> Path:
    """A home with nothing in it but the user's cache of archives."""
    path.mkdir()
    cache = Settings.load().home / "cache"
    if cache.exists():
        (path / "cache").symlink_to(cache.resolve())
    return path


def copy_checkout(path: Path) -> Path:
    """Copy what belongs to the checkout, without what was made in it."""
    made = (".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", "build", "dist")
    shutil.copytree(ROOT, path, ignore=shutil.ignore_patterns(*made))
    return path


def follow(command: Sequence[str], folder: Path) -> list[Said]:
    """Run *command* in *folder*; return what it said, and when."""
    environ = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    begin, said = time.monotonic(), list[Said]()
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env=environ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append((time.monotonic() - begin, line.rstrip()))
        code = process.wait(SECONDS)
    if code != 0:
        raise SystemExit("\n".join([*(line for _, line in said), f"{' '.join(command)}\nended with exit code {code}"]))
    return said


def row(run: run_vs_local.Outcome, behind: str, packages: float | None) -> Row:
    """Take the step from the run; what is left is emrlite's own."""
    ours = run.wall - run.phases["step"]
    measures = [Measure(name="", values=[ours], unit="s", at_most=15.0,
                        sides=f"set-up and run {run.wall:.1f} s, its step {run.phases['step']:.1f} s")]
    if packages is not None:
        measures.append(Measure(name="besides, `.venv` by pip from its cache", values=[packages], unit="s"))
    return Row(
        what="`make run` on a fresh machine, packages in the local caches: set-up and run without the job's step",
        against="-", measures=measures, details=f"```\n{behind}```" if behind else "",
        raw={"run": run_vs_local.summary(run), "behind": behind, "packages": packages})
