"""``emrlite run`` while an emulator is up, against ``emrlite run`` that has to start one for itself."""

from __future__ import annotations

from benchmarks import run_vs_local
from benchmarks.emulator import running
from benchmarks.figures import Row, ratio
from benchmarks.options import Options, scratch_home
from benchmarks.run_vs_local import Outcome, run_emrlite


def measure(options: Options) -> dict[str, Row]:
    """Return the row ``second_run``.  The emulator has had one run before, as a user's would."""
    source = run_vs_local.write_input(options.folder / "in", options.rows)
    alone, shared = scratch_home(options.folder / "alone"), scratch_home(options.folder / "shared")
    first: list[Outcome] = []
    second: list[Outcome] = []
    if not options.small:  # the first cluster of a home formats HDFS
        run_emrlite(options, source, alone)
    with running(shared, ahead="all") as emulator:
        if not options.small:
            run_emrlite(options, source, shared)
        for _ in options.each_pair("second_run"):
            emulator.quiet()
            first.append(run_emrlite(options, source, alone))
            if not options.small:
                emulator.standing_by()
            used = emulator.processor_time()
            outcome = run_emrlite(options, source, shared)
            if not options.small:
                emulator.standing_by()  # what it costs to have the next one stand by is its cost too
            # Its processes are the emulator's: `measure.py` sees the command alone.
            second.append(Outcome(wall=outcome.wall, cpu=emulator.processor_time() - used, phases=outcome.phases))
    return {"second_run": row(first, second)}


def row(first: list[Outcome], second: list[Outcome]) -> Row:
    return Row(
        what="`emrlite run` of the small job while an emulator is up", against="`emrlite run` with none up",
        measures=[
            ratio("wall", [run.wall for run in second], [run.wall for run in first], "s", at_most=0.5),
            ratio("CPU", [run.cpu for run in second], [run.cpu for run in first], "s")],
        raw=[{"first": run_vs_local.summary(a), "second": run_vs_local.summary(b)}
             for a, b in zip(first, second, strict=True)])
