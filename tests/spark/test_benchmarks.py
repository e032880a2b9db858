"""Every benchmark that starts clusters runs to its end, on sizes too small to say anything."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Others are made of the same parts and are tested without clusters.
NAMES = ("run_vs_local", "cluster_up", "idle_memory", "bash_step", "s3_bytes", "tpch")


def test_both_sides_run_and_are_compared(tmp_path: Path, link_engines: Callable[[Path], Path]):
    home, figures = link_engines(tmp_path / "home"), tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", *NAMES, "--small", "--pairs", "1", "--rows", "500"]
    done = subprocess.run(
        [*command, "--json", str(figures), "--keep", str(tmp_path / "work")], cwd=ROOT,
        env={**os.environ, "EMRLITE_HOME": str(home)}, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stderr
    rows = json.loads(figures.read_text())["rows"]
    assert set(rows) == set(NAMES)
    for name, row in rows.items():
        assert row["what"] in done.stdout
        assert all(value > 0 for measure in row["measures"] for value in measure["values"]), name
    assert [len(answers["queries"]) for answers in rows["tpch"]["raw"]["ours"]] == [2]
    assert "ending process" not in done.stderr, "something did not end by itself"
    shutil.rmtree(tmp_path / "work")
    shutil.rmtree(home)
