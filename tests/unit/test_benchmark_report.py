"""The report of a benchmark, from runs that did not happen."""

import importlib.util
import sys
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("run_vs_local", Path(__file__).parents[2] / "benchmarks/run_vs_local.py")
assert spec is not None
assert spec.loader is not None
benchmark = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = benchmark  # dataclasses look there
spec.loader.exec_module(benchmark)

EVENTS = [
    {"time": 100.0, "subject": "cluster", "state": "STARTING"},
    {"time": 102.0, "subject": "master", "state": "RUNNING"},
    {"time": 103.0, "subject": "cluster", "state": "RUNNING"},
    {"time": 103.5, "subject": "s-1", "state": "RUNNING"},
    {"time": 110.5, "subject": "s-1", "state": "COMPLETED"},
    {"time": 110.6, "subject": "cluster", "state": "TERMINATING"},
    {"time": 111.0, "subject": "cluster", "state": "TERMINATED"},
]


def test_the_phases_of_a_run_make_up_its_wall_time():
    phases = benchmark.phases(EVENTS, "s-1", 13.0)
    assert sum(phases.values()) == pytest.approx(13.0)
    assert phases["step"] == pytest.approx(7.0)
    assert phases["emrlite itself, S3, upload"] == pytest.approx(2.5)


def test_ratios_are_taken_within_pairs():
    phases = benchmark.phases(EVENTS, "s-1", 13.0)
    pairs = [
        (benchmark.Outcome(wall=10.0, cpu=10.0), benchmark.Outcome(wall=15.0, cpu=20.0, phases=phases)),
        (benchmark.Outcome(wall=20.0, cpu=10.0), benchmark.Outcome(wall=22.0, cpu=30.0, phases=phases)),
        (benchmark.Outcome(wall=10.0, cpu=10.0), benchmark.Outcome(wall=12.0, cpu=25.0, phases=phases)),
    ]
    ratios = next(line for line in benchmark.report(pairs, 5).splitlines() if line.startswith("ratio"))
    assert ratios.split()[4:] == ["1.20", "(1.10", "to", "1.50)", "2.50", "(2.00", "to", "3.00)"]
