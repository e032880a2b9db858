"""What the benchmarks measure with: nothing of a command's processor time is lost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BURN = "import time\nwhile time.process_time() < 0.4: pass"

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")


def measure(tmp_path: Path, *command: str) -> dict[str, float]:
    outcome = tmp_path / "outcome.json"
    subprocess.run([sys.executable, ROOT / "benchmarks/measure.py", outcome, *command], check=True, timeout=60)
    found: dict[str, float] = json.loads(outcome.read_text())
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
    left = "import subprocess\nsubprocess.Popen(['sleep', '2'], start_new_session=True)"
    assert measure(tmp_path, sys.executable, "-c", left)["wall"] < 1.9
