"""Emulators of one home, and commands that look at it, share the store: processes, not threads."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from simulation import ID, spec

import emrlite
from emrlite.cluster.model import ClusterStatus
from emrlite.cluster.store import Store

WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from emrlite.cluster.store import Store
store = Store(Path(sys.argv[1]))
print("on", flush=True)
sys.stdin.readline()
number = 0
while number < int(sys.argv[3]):
    tags = {f"{sys.argv[2]}-{number}": "x"}
    store.change_spec("j-1ABCDEFGHIJKL", lambda record: replace(record.spec, tags={**record.spec.tags, **tags}))
    number += 1
    print(number, flush=True)
"""


#: The first that this process reads, in several threads that change places as often as can be.
READERS = """
import sys, threading
from pathlib import Path
sys.setswitchinterval(1e-6)
from emrlite.cluster.store import Store
store, at_once = Store(Path(sys.argv[1])), threading.Barrier(6)
def read():
    at_once.wait()
    store.record("j-1ABCDEFGHIJKL")
readers = [threading.Thread(target=read) for _ in range(6)]
for reader in readers:
    reader.start()
for reader in readers:
    reader.join()
"""


def writer(path: Path, name: str, turns: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", WRITER, str(path), name, str(turns)]
    return subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(emrlite.__file__).parents[1])


def test_processes_lose_nothing_to_each_other(tmp_path):
    store = Store(tmp_path / "emrlite.db")
    store.create(spec(), ClusterStatus())
    writers = [writer(store.path, f"w{number}", 50) for number in range(3)]
    for each in writers:
        assert each.stdout.readline() == "on\n"
    for each in writers:
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in writers:
        each.communicate(timeout=60)
        assert each.returncode == 0
    record = store.record(ID)
    assert set(record.spec.tags) == {f"w{number}-{turn}" for number in range(3) for turn in range(50)}
    assert record.generation == 151


def test_a_writer_that_is_killed_leaves_whole_records_and_no_lock(tmp_path):
    store = Store(tmp_path / "emrlite.db")
    store.create(spec(), ClusterStatus())
    with writer(store.path, "w", 100_000) as process:
        process.stdout.readline()
        process.stdin.write("go\n")
        process.stdin.flush()
        done = 0
        while done < 20:
            done = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)
    record = Store(store.path).record(ID)
    assert len(record.spec.tags) == record.generation - 1 >= done
    changed = store.change_spec(ID, lambda at: replace(at.spec, name="after"))
    assert changed.generation == record.generation + 1


def test_threads_that_read_the_first_records_of_a_process_at_once_do_not_end_it(tmp_path):
    """They did in two of five such processes (SIGSEGV), and now and then in an emulator."""
    store = Store(tmp_path / "emrlite.db")
    store.create(spec(), ClusterStatus())
    words = [sys.executable, "-c", READERS, str(store.path)]
    for _ in range(20):
        done = subprocess.run(words, cwd=Path(emrlite.__file__).parents[1], timeout=60, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
