"""What benchmarks say, from runs that did not happen."""

import pytest

from benchmarks import figures
from benchmarks.figures import Measure, Row, ratio
from benchmarks.run_vs_local import Outcome, phases, row

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
    found = phases(EVENTS, "s-1", 13.0)
    assert sum(found.values()) == pytest.approx(13.0)
    assert found["step"] == pytest.approx(7.0)
    assert found["emrlite itself, S3, upload"] == pytest.approx(2.5)


def test_ratios_are_taken_within_pairs():
    found = phases(EVENTS, "s-1", 13.0)
    pairs = [
        (Outcome(wall=10.0, cpu=10.0, memory=1e9), Outcome(wall=15.0, cpu=20.0, memory=2e9, phases=found)),
        (Outcome(wall=20.0, cpu=10.0, memory=1e9), Outcome(wall=22.0, cpu=30.0, memory=2e9, phases=found)),
        (Outcome(wall=10.0, cpu=10.0, memory=1e9), Outcome(wall=12.0, cpu=25.0, memory=2e9, phases=found)),
    ]
    wall, cpu, memory = row(pairs).measures
    assert wall.values == pytest.approx([1.5, 1.1, 1.2])
    assert cpu.values == pytest.approx([2.0, 3.0, 2.5])
    assert memory.sides == "2,000 (2,000 to 2,000) against 1,000 (1,000 to 1,000) MB"


def test_the_median_is_held_against_the_goal():
    assert Measure(name="", values=[0.9, 1.0, 7.0], at_most=1.0).met == "yes"
    assert Measure(name="", values=[0.9, 1.01, 1.02], at_most=1.0).met == "**no**"
    assert Measure(name="", values=[0.4, 0.6, 0.5], at_least=0.5).met == "yes"
    assert Measure(name="", values=[0.4], at_least=0.5).met == "**no**"
    assert Measure(name="", values=[0.4]).met == "-"


def test_the_table_has_a_line_for_each_measure_and_names_the_row_once():
    rows = [
        Row(what="a thing", against="its peer", measures=[
            ratio("wall", [1.0, 3.0], [2.0, 2.0], "s", at_most=1.2), ratio("CPU", [3.0], [2.0], "s")]),
        Row(what="another", against="-", measures=[Measure(name="", values=[250.0], unit="ms", at_most=300)]),
    ]
    assert figures.table(rows).splitlines()[2:] == [
        ("| a thing | its peer | wall: ≤ 1.2 | 1.00 (0.50 to 1.50), 2 times "
         "| 2.00 (1.00 to 3.00) against 2.00 (2.00 to 2.00) s | yes |"),
        "|  |  | CPU: - | 1.50, once | 3.00 against 2.00 s | - |",
        "| another | - | ≤ 300 ms | 250 ms, once |  | yes |",
    ]


def test_what_is_below_the_table_is_said_under_its_row():
    rows = [Row(what="growth", against="-", measures=[], details="| a | b |")]
    assert figures.report(rows, "2 cores").endswith("**growth**\n\n| a | b |")
