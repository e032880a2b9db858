"""Where the time of one run goes, process by process: a table, and a picture.

    python -m benchmarks.processes [--side bare|emrlite] [--rows N] [--picture FILE.svg]
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import picture, run_vs_local
from benchmarks.figures import Row
from benchmarks.options import Options, scratch_home
from benchmarks.run_vs_local import Outcome

#: What a main class is called here; every other one by its own name.
_CALLED = {
    "SparkSubmit": "driver", "CoarseGrainedExecutorBackend": "executor", "NameNode": "NameNode", "DataNode": "DataNode",
    "Master": "Spark master", "Worker": "Spark worker",
}
#: A path of a node, with the node's name.
_OF_A_NODE = re.compile(r"/clusters/j-[A-Z0-9]+/([a-z]+(?:-\d+)?)/")
_TAKES_A_VALUE = {"-cp", "-classpath", "--class-path", "--add-modules", "-p", "--module-path"}
#: Processes that used less than this are one line.
SMALL = 0.1
BARE, EMRLITE = "spark-submit --master local[2]", "emrlite run, 4 nodes"


def measure(options: Options) -> dict[str, Row]:
    """Return the row ``profile``: one run of each side."""
    found = runs(options, warm=not options.small)
    if options.picture is not None:
        options.picture.write_text(draw(found))
    details = "\n\n".join(f"{headline(title, run)}\n\n```\n{table(run)}\n```" for title, run in found.items())
    return {"profile": Row(what="where the time of one run goes", against="-", measures=[], details=details,
                           raw={title: outcome.processes for title, outcome in found.items()})}


def runs(options: Options, side: str = "both", *, warm: bool = False) -> dict[str, Outcome]:
    """Run one or both sides, and with *warm* once before, for the caches of files."""
    source = run_vs_local.write_input(options.folder / "in", options.rows)
    home = scratch_home(options.folder / "profile-home")
    sides: dict[str, tuple[str, Callable[[], Outcome]]] = {
        "bare": (BARE, lambda: run_vs_local.run_bare(options, source)),
        "emrlite": (EMRLITE, lambda: run_vs_local.run_emrlite(options, source, home))}
    wanted = [pair for name, pair in sides.items() if side in {"both", name}]
    if warm:
        for _, run in wanted:
            run()
    return {title: run() for title, run in wanted}


def called(argv: Sequence[str]) -> str:
    """Call a process by what it runs."""
    if not argv:
        return "(gone)"
    program = Path(argv[0]).name
    if program == "java":
        return _java(argv)
    if program.startswith("python") and len(argv) > 1:
        rest = list(argv[1:])
        while len(rest) > 1 and rest[0].startswith("-") and rest[0] not in {"-m", "-c"}:
            rest.pop(0)
        if rest[0] == "-m":
            words = [word for word in rest[1:] if not word.startswith(("-", "/"))]
            return " ".join(["python -m", *words[:2]])[:40]
        return f"python {Path(rest[0]).name}"[:40] if rest[0] != "-c" else "python -c"
    return " ".join([program, *(Path(word).name for word in argv[1:3])])[:40]


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
    if simple in _CALLED:
        return _CALLED[simple]
    node = next((found[1] for word in argv if (found := _OF_A_NODE.search(word))), "")
    return f"java {simple} of {node}" if node else f"java {simple}"


def headline(title: str, outcome: Outcome) -> str:
    return f"{title}: {outcome.wall:.1f} s, CPU {outcome.cpu:.1f} s, peak {outcome.memory / 1e6:.0f} MB"


def table(outcome: Outcome) -> str:
    """Render the processes of one run in the order of their start; what no look saw is a line of its own."""
    lines = [f"{'process':<41}{'pid':>8}{'user s':>8}{'sys s':>7}{'start':>7}{'last':>7}{'CPU %':>6}{'peak MB':>8}"]
    small = [one for one in outcome.processes if one["user"] + one["system"] < SMALL]
    for one in sorted(outcome.processes, key=lambda one: float(one["start"])):
        if one in small:
            continue
        used, lived = one["user"] + one["system"], max(0.01, one["last"] - one["start"])
        lines.append(
            f"{called(one['argv']):<41}{one['pid']:>8}{one['user']:>8.2f}{one['system']:>7.2f}{one['start']:>7.2f}"
            f"{one['last']:>7.2f}{100 * used / lived:>6.0f}{one['peak'] / 1e6:>8.0f}{_counted(one)}")
    seen = sum(one["user"] + one["system"] for one in outcome.processes)
    lines.append(f"{f'{len(small)} processes below {SMALL} s':<49}"
                 f"{sum(one['user'] for one in small):>8.2f}{sum(one['system'] for one in small):>7.2f}")
    lines.append(f"{'ended between two looks':<49}{outcome.cpu - seen:>8.2f}")
    lines.append(f"{'all':<49}{outcome.cpu:>8.2f}{'':>7}{0:>7.2f}{outcome.wall:>7.2f}"
                 f"{100 * outcome.cpu / outcome.wall:>6.0f}{outcome.memory / 1e6:>8.0f}")
    lines += [f"  {name:<47}{seconds:>8.2f}" for name, seconds in outcome.phases.items()]
    return "\n".join(lines)


def _counted(one: Mapping[str, Any]) -> str:
    """What a JVM counted itself, where it was let."""
    found = one["counters"]
    return (f"  class loading {found['class loading']:.1f} s ({found['classes']:.0f} classes, "
            f"{found['shared classes']:.0f} shared), compiling {found['compiling']:.1f} s, "
            f"garbage {found['garbage']:.1f} s") if found.get("classes") else ""


def draw(found: Mapping[str, Outcome]) -> str:
    """Draw the runs below one another on one scale of time."""
    return picture.svg([
        picture.Run(title=headline(title, outcome), wall=outcome.wall, marks=outcome.marks, bars=[
            picture.Bar(name=called(one["argv"]), start=max(0.0, one["start"]), end=one["last"],
                        cpu=one["user"] + one["system"], memory=one["peak"], series=one["series"])
            for one in sorted(outcome.processes, key=lambda one: float(one["start"]))
            if one["user"] + one["system"] >= SMALL])
        for title, outcome in found.items()])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.processes", description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="rows of the input (200,000)")
    parser.add_argument("--side", choices=("both", "bare", "emrlite"), default="both", help="what to run (both)")
    parser.add_argument("--warm", action="store_true", help="run once before, uncounted")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw it there")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="emrlite-benchmark-") as name:
        found = runs(Options(folder=Path(name), rows=asked.rows), asked.side, warm=asked.warm)
    for title, outcome in found.items():
        print(f"\n{headline(title, outcome)}\n{table(outcome)}")
    if asked.picture:
        asked.picture.write_text(draw(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
