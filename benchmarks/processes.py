"""Where the time of one run goes, process by process: the table.

    python -m benchmarks.processes [--bare] [--rows N]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import run_vs_local
from benchmarks.options import scratch_home
from benchmarks.run_vs_local import Outcome

#: What a main class is called here; every other one by its own name.
_CALLED = {
    "SparkSubmit": "driver", "CoarseGrainedExecutorBackend": "executor", "NameNode": "NameNode", "DataNode": "DataNode",
    "Master": "Spark master", "Worker": "Spark worker",
}
_TAKES_A_VALUE = {"-cp", "-classpath", "--class-path", "--add-modules", "-p", "--module-path"}
#: Processes that used less than this are one line.
_SMALL = 0.1


def called(argv: Sequence[str]) -> str:
    """Call a process by what it runs."""
    if not argv:
        return "(gone)"
    program = Path(argv[0]).name
    if program == "java":
        return _java(argv)
    if program.startswith("python") and len(argv) > 1:
        rest = list(argv[1:])
        while rest and rest[0].startswith("-") and rest[0] not in {"-m", "-c"}:
            rest.pop(0)
        if rest[:1] == ["-m"]:
            return " ".join(["python -m", *rest[1:3]])[:60]
        return f"python {Path(rest[0]).name}" if rest and rest[0] != "-c" else "python -c"
    return " ".join([program, *(Path(word).name for word in argv[1:3])])[:60]


def _java(argv: Sequence[str]) -> str:
    rest = list(argv[1:])
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "-jar" and rest:
            return f"java {Path(rest[0]).name.partition('-')[0]}"
        if option in _TAKES_A_VALUE and rest:
            rest.pop(0)
    if not rest:
        return "java"
    simple = rest[0].rpartition(".")[2]
    return _CALLED.get(simple, f"java {simple}")


def table(processes: Sequence[Mapping[str, Any]], wall: float, cpu: float) -> str:
    """Render the processes of one run in the order of their start; what no look saw is a line of its own."""
    lines = [f"{'process':<44}{'pid':>8}{'user s':>8}{'sys s':>8}{'start':>8}{'last':>8}{'CPU %':>7}{'peak MB':>9}"]
    small = [one for one in processes if one["user"] + one["system"] < _SMALL]
    for one in sorted(processes, key=lambda one: one["start"]):
        if one in small:
            continue
        used, lived = one["user"] + one["system"], max(0.01, one["last"] - one["start"])
        lines.append(
            f"{called(one['argv']):<44}{one['pid']:>8}{one['user']:>8.2f}{one['system']:>8.2f}{one['start']:>8.2f}"
            f"{one['last']:>8.2f}{100 * used / lived:>7.0f}{one['peak'] / 1e6:>9.0f}")
    seen = sum(one["user"] + one["system"] for one in processes)
    lines.append(f"{f'{len(small)} processes below {_SMALL} s':<52}"
                 f"{sum(one['user'] for one in small):>8.2f}{sum(one['system'] for one in small):>8.2f}")
    lines.append(f"{'ended between two looks':<52}{cpu - seen:>8.2f}")
    lines.append(f"{'all':<52}{cpu:>8.2f}{'':>8}{0:>8.2f}{wall:>8.2f}{100 * cpu / wall:>7.0f}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.processes", description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="rows of the input (200,000)")
    parser.add_argument("--side", choices=("both", "bare", "emrlite"), default="both", help="what to run (both)")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="emrlite-benchmark-") as name:
        folder = Path(name)
        source = run_vs_local.write_input(folder / "in", asked.rows)
        home = scratch_home(folder / "home")
        sides: dict[str, tuple[str, Callable[[], Outcome]]] = {
            "bare": ("spark-submit --master local[2]", lambda: run_vs_local.run_bare(folder, source)),
            "emrlite": ("emrlite run, 4 nodes", lambda: run_vs_local.run_emrlite(folder, source, home))}
        for side, (title, run) in sides.items():
            if asked.side in {"both", side}:
                outcome = run()
                print(f"\n{title}: {outcome.wall:.1f} s, CPU {outcome.cpu:.1f} s, peak {outcome.memory / 1e6:.0f} MB")
                for phase, seconds in outcome.phases.items():
                    print(f"  {phase:<30}{seconds:6.1f}")
                print(table(outcome.processes, outcome.wall, outcome.cpu))
    return 0


if __name__ == "__main__":
    sys.exit(main())
