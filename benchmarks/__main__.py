"""``python -m benchmarks``: every row of the table of goals, each side by side with a peer."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks import (
    cluster,
    control_plane,
    figures,
    growth,
    look,
    processes,
    run_vs_local,
    s3_bytes,
    second_run,
    setting_up,
    steps,
    tpch,
)
from benchmarks.figures import Row
from benchmarks.measure import become_reaper
from benchmarks.options import Options, java

#: Row -> what measures it (some measure two), in the order of the table.
ROWS: dict[str, Callable[[Options], dict[str, Row]]] = {
    "run_vs_local": run_vs_local.measure,
    "cluster_up": cluster.measure,
    "warm_step": steps.measure,
    "bash_step": steps.measure,
    "make_run": setting_up.measure,
    "second_run": second_run.measure,
    "idle_memory": cluster.measure,
    "control_plane": control_plane.measure,
    "s3_bytes": s3_bytes.measure,
    "tpch": tpch.measure,
    "growth": growth.measure,
    "profile": processes.measure,
}


def main(arguments: Sequence[str] | None = None) -> int:
    asked = parser().parse_args(arguments)
    wanted = asked.names or list(ROWS)
    if unknown := [name for name in wanted if name not in ROWS]:
        raise SystemExit(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(ROWS)}")
    machine = figures.machine(java())
    found: dict[str, Row] = {}
    with scratch(asked.keep) as folder, everything_ends():
        options = Options(folder=folder, pairs=asked.pairs, rows=asked.rows, scale=asked.scale,
                          wanted=frozenset(wanted), small=asked.small, data=asked.data, picture=asked.picture)
        for name in wanted:
            if name not in found:
                found |= ROWS[name](options)
                if asked.json:
                    asked.json.write_text(json.dumps(figures.as_json(found, machine), indent=1))
    text = figures.report([found[name] for name in ROWS if name in found], machine)
    if asked.small:
        text = f"**The smallest sizes, to see that everything works: these figures say nothing.**\n\n{text}"
    print(text)
    if asked.markdown:
        asked.markdown.write_text(text + "\n")
    return 0


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    found.add_argument("names", nargs="*", metavar="NAME", help=f"rows to measure (all): {', '.join(ROWS)}")
    found.add_argument("--pairs", type=int, default=5, help="how often each side runs (5)")
    found.add_argument("--rows", type=int, default=200_000, help="rows of the small job's input (200,000)")
    found.add_argument("--scale", type=float, default=1.0, help="scale of TPC-H (1)")
    found.add_argument("--small", action="store_true", help="smallest sizes, which say nothing: for tests")
    found.add_argument("--data", type=Path, help="folder in which generated tables stay for the next call")
    found.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw the profile of a run there")
    found.add_argument("--keep", type=Path, metavar="DIR", help="work in this new folder and leave it, logs and all")
    found.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, after each row")
    found.add_argument("--markdown", type=Path, metavar="FILE", help="write what is printed there too")
    return found


@contextmanager
def scratch(keep: Path | None) -> Iterator[Path]:
    """A folder for everything that is made: *keep*, which stays, or one that goes."""
    if keep is not None:
        keep.mkdir(parents=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="emrlite-benchmark-") as name:
        yield Path(name)


@contextmanager
def everything_ends() -> Iterator[None]:
    """Whatever was started ends with the block, also by Ctrl-C or SIGTERM, and orphans too (Linux)."""
    become_reaper()
    before = {number: signal.signal(number, _stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        left = [psutil.Process(one.pid) for one in look.processes(os.getpid()) if not one.ended]
        for process in left:
            print(f"ending process {process.pid}, which was left: {' '.join(look.words(process.pid))[:100]}",
                  file=sys.stderr)
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(left, timeout=10)


def _stop(number: int, _: Any) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
