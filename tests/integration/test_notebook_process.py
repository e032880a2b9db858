"""The emulator of a notebook: found again by the next cell, gone with the notebook's process however that ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from emrlite.cluster.store import Store

NOTEBOOK = """
import json, sys, emrlite
emr = emrlite.start()
assert emrlite.start() is emr
cluster = emr.cluster("one")
print(json.dumps({"emulator": emr._own.pid, "cluster": cluster.id, "state": cluster.state, "card": repr(cluster)}))
sys.stdout.flush()
what = sys.stdin.readline().strip()
if what == "stop":
    emr.stop()
    print(cluster.state)
    assert emrlite.start() is not emr
"""


def begin(home: Path) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    environ = {**os.environ, "EMRLITE_HOME": str(home), "EMRLITE_TIMING": "instant", "TMPDIR": str(home.parent)}
    notebook = subprocess.Popen([sys.executable, "-c", NOTEBOOK], env=environ, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
    assert notebook.stdout is not None
    return notebook, json.loads(notebook.stdout.readline())


def gone(pid: int, seconds: float = 30.0) -> bool:
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while psutil.pid_exists(pid):
        if time.monotonic() > deadline:
            return False
        pause.wait(0.05)
    return True


def test_a_killed_notebook_takes_its_emulator_along_and_its_clusters_have_ended(tmp_path: Path):
    notebook, told = begin(tmp_path / "home")
    assert told["state"] == "WAITING"
    assert "one: WAITING" in told["card"]
    notebook.kill()
    notebook.communicate(timeout=30)
    assert gone(told["emulator"])
    assert Store(tmp_path / "home" / "emrlite.db").record(told["cluster"]).status.state == "TERMINATED"


def test_stop_ends_the_clusters_and_the_next_start_is_another_emulator(tmp_path: Path):
    notebook, told = begin(tmp_path / "home")
    printed, _ = notebook.communicate("stop\n", timeout=60)
    assert printed.split() == ["TERMINATED"]
    assert notebook.returncode == 0
    assert gone(told["emulator"])
    assert [path.name for path in tmp_path.iterdir()] == ["home"], "its room is taken away"
