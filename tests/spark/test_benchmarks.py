"""The benchmark runs to its end, on an input too small to say anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_both_sides_run_and_are_compared(tmp_path: Path, link_engines: Callable[[Path], Path]):
    home = link_engines(tmp_path / "a home")
    command = [sys.executable, "-m", "benchmarks", "--pairs", "1", "--rows", "500"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "EMRLITE_HOME": str(home)}, capture_output=True, text=True, timeout=540)
    shutil.rmtree(home)
    assert done.returncode == 0, done.stderr
    for line in ("spark-submit local[2]", "emrlite run, 4 nodes", "ratio in a pair", "  step  "):
        assert f"\n{line}" in done.stdout, done.stdout
