"""Every notebook of notebooks/ is executed, in a kernel of its own, beside one emulator that they share.

What a notebook claims stands in it as `assert`; here its outputs are looked at.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import Emulator, new_home

ROOT = Path(__file__).parents[2]
#: A checkout may have been installed before it had a plugin.
INSTALLED = [e for e in importlib.metadata.entry_points(group="pytest11") if e.value == "emrlite.pytest_plugin"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

EXECUTE = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
try:
    nbclient.NotebookClient(notebook, timeout=540, kernel_name="python3").execute()
finally:
    nbformat.write(notebook, sys.argv[2])
"""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    emulator = Emulator(new_home(tmp_path_factory.mktemp("notebooks") / "home"))
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_says_what_is_so_and_shows_it(path: Path, emulator: Emulator, tmp_path: Path):
    out = tmp_path / path.name
    environ = {**os.environ, "EMRLITE_HOME": str(emulator.home), "IPYTHONDIR": str(tmp_path / "ipython"),
               "MPLCONFIGDIR": str(tmp_path / "matplotlib"), "TMPDIR": str(tmp_path)}
    environ.pop("MPLBACKEND", None)
    if not INSTALLED:
        environ["PYTEST_ADDOPTS"] = "-p emrlite.pytest_plugin"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", EXECUTE, str(path), str(out)], cwd=tmp_path,
                          env=environ, capture_output=True, text=True, timeout=560, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    shown = [data for cell in json.loads(out.read_text())["cells"] for output in cell.get("outputs", ())
             for data in [output.get("data", {})]]
    assert any("image/png" in data for data in shown), "no plot"
    assert emulator.emr.list_clusters(ClusterStates=["STARTING", "WAITING", "RUNNING"])["Clusters"] == []
    if "cluster" in path.stem:
        assert any("instance-hours" in "".join(data.get("text/html", "")) for data in shown), "no card"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path):
    cells: list[dict[str, Any]] = json.loads(path.read_text())["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []
