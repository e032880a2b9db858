"""What the benchmarks measure with loses nothing and leaves nothing; those that need no JVM run to their end."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks import control_plane, growth, look, setting_up
from benchmarks.options import Options

ROOT = Path(__file__).parents[2]
BURN = "import time\nwhile time.process_time() < 0.4: pass"
MEMORY = "import time\ndata = b'x' * 80_000_000\nwhile time.process_time() < 1.2: pass"

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")


def measure(tmp_path: Path, *command: str) -> dict[str, Any]:
    outcome = tmp_path / "outcome.json"
    subprocess.run([sys.executable, ROOT / "benchmarks/measure.py", outcome, *command], check=True, timeout=60)
    found: dict[str, Any] = json.loads(outcome.read_text())
    return found


def test_wall_time_processor_time_and_exit_code_are_the_commands(tmp_path: Path):
    found = measure(tmp_path, sys.executable, "-c", BURN + "\nraise SystemExit(3)")
    assert found["code"] == 3
    assert 0.4 <= found["cpu"] < 5
    assert found["wall"] >= 0.4


@linux
def test_time_in_a_session_of_its_own_counts_after_its_parent_is_gone(tmp_path: Path):
    escape = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {BURN!r}], start_new_session=True)"
    found = measure(tmp_path, sys.executable, "-c", escape)
    assert found["cpu"] >= 0.4


@linux
def test_the_wall_ends_with_the_command_not_with_what_it_left(tmp_path: Path):
    left = "import subprocess\nsubprocess.Popen(['sleep', '8'], start_new_session=True)"
    assert measure(tmp_path, sys.executable, "-c", left)["wall"] < 6


def test_each_process_of_a_command_is_seen_with_its_time_and_memory(tmp_path: Path):
    child = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', sys.argv[1]])"
    found = measure(tmp_path, sys.executable, "-c", child, MEMORY)
    [parent, burning] = sorted(found["processes"], key=lambda one: one["start"])
    assert burning["parent"] == parent["pid"]
    assert burning["argv"][-1] == MEMORY
    assert burning["user"] + burning["system"] > 0.8
    assert burning["series"][-1][1] == pytest.approx(burning["user"] + burning["system"])
    assert found["memory"] >= burning["peak"] > 60_000_000
    assert -0.1 < parent["start"] <= burning["start"] < burning["last"] <= found["wall"] + 0.2


def test_both_ways_of_looking_see_the_same_processes():
    with subprocess.Popen([sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '30'])"]) as child:
        try:
            deadline = time.monotonic() + 20
            while len(look.processes(child.pid)) == 0 and time.monotonic() < deadline:
                time.sleep(0.02)
            [by_hand] = look.processes(child.pid)
            [by_psutil] = look._all_by_psutil(child.pid)
            assert (by_hand.pid, by_hand.parent) == (by_psutil.pid, by_psutil.parent) == (by_hand.pid, child.pid)
            assert by_hand.start == pytest.approx(by_psutil.start, abs=1.0)
            assert look.memory_of(child.pid) > look.memory(by_hand.pid) > 0
        finally:
            psutil.Process(child.pid).children()[0].kill()


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_a_benchmark_started_ends_with_it_however_it_ends(tmp_path: Path, number: signal.Signals):
    program = tmp_path / "interrupted.py"
    program.write_text(
        "import signal, subprocess, time\nfrom benchmarks.__main__ import everything_ends\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # this may run in a shell's background
        "with everything_ends():\n"
        "    subprocess.run(['sh', '-c', 'setsid sleep 77 & echo $!'], check=True)\n"
        "    time.sleep(60)\n")
    with subprocess.Popen([sys.executable, program], env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        orphan = int(process.stdout.readline())
        assert psutil.pid_exists(orphan)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "ending process" in errors
    deadline = time.monotonic() + 10
    while psutil.pid_exists(orphan) and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    assert not psutil.pid_exists(orphan)


def test_what_a_command_says_is_noted_with_its_time(tmp_path: Path):
    program = "import time; print('begin', flush=True); time.sleep(0.3); print('end')"
    [(first, _), (last, said)] = setting_up.follow([sys.executable, "-c", program], tmp_path)
    assert said == "end"
    assert last - first >= 0.25


def test_a_set_up_that_fails_ends_the_benchmark_with_its_words(tmp_path: Path):
    with pytest.raises(SystemExit, match="no network"):
        setting_up.follow([sys.executable, "-c", "raise SystemExit('no network')"], tmp_path)


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(folder=tmp_path, pairs=1, small=True, timing="instant", say=lambda _: None)


def test_the_control_plane_is_measured_beside_motos(options: Options):
    row = control_plane.measure(options)["control_plane"]
    assert [measure.name for measure in row.measures] == ["requests per second", "99th percentile"]
    assert all(measure.values[0] > 0 for measure in row.measures)
    for operation in ("AddJobFlowSteps", "DescribeCluster", "DescribeStep", "ListClusters", "ListSteps"):
        assert f"| {operation} |" in row.details


def test_growth_is_measured_with_nodes_steps_and_clusters(options: Options):
    lines = growth.measure(options)["growth"].details.splitlines()[2:]
    assert [line.split(" | ")[:2] for line in lines] == [
        ["| task nodes, RunJobFlow → WAITING", "1"], ["| steps, first submitted → last COMPLETED", "1"],
        ["| steps, first submitted → last COMPLETED", "2"], ["| clusters at once, all WAITING", "2"]]
