"""Real processes behind the shim: how they end, what they leave behind, and who finds them again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from emrlite.errors import NodeError
from emrlite.node import process as module
from emrlite.node import shim
from emrlite.node.process import MARK_VARIABLE, Process, Seen, Tether, kill_all, orphans, processes, reap

ENV = {"PATH": "/usr/bin:/bin"}


def wait(look: Callable[[], object], seconds: float = 30.0) -> object:
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come about in time"
        pause.wait(0.01)
    return found


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Node:
    """A directory in which processes are started; all of them end with the test."""

    def __init__(self, root: Path) -> None:
        self.root, self.started = root, []

    def start(self, name: str, *argv: str, tether: Tether | None = None, env: dict[str, str] | None = None) -> Process:
        process = Process(self.root / "processes", name)
        process.start(argv, env={**ENV, MARK_VARIABLE: f"{self.root}#{name}", **(env or {})}, cwd=self.root / "work",
                      stdout=self.out(name), stderr=self.root / f"{name}.err", tether=tether)
        self.started.append(process)
        return process

    def python(self, name: str, code: str, **how: object) -> Process:
        return self.start(name, sys.executable, "-c", code, **how)

    def out(self, name: str) -> Path:
        return self.root / f"{name}.out"

    def pid(self, name: str) -> int:
        """The pid that the process *name* has printed."""
        def read() -> int | None:
            text = self.out(name).read_text()
            return int(text.split()[0]) if text.endswith("\n") else None

        return int(wait(read))

    def shim_pid(self, name: str) -> int:
        path = self.root / "processes" / f"{name}.pid"
        wait(path.exists)
        return int(path.read_text().split()[0])


def ended(process: Process, seconds: float = 30.0) -> Seen:
    wait(lambda: (seen := process.see()) and seen.ended is not None, seconds)
    seen = process.see()
    assert seen is not None
    return seen


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path / "a node")
    yield node
    kill_all(node.started)
    reap([each for name in node.started for each in orphans(MARK_VARIABLE, f"{node.root}#{name.name}")])


# How a process ends


@pytest.mark.parametrize("code", [0, 1, 3, 127, 255])
def test_an_exit_code_is_the_programs_own(node, code):
    before = time.time()
    seen = ended(node.start("p", "sh", "-c", f"exit {code}"))
    assert (seen.exit_code, seen.stopped, seen.rebooted) == (code, False, False)
    assert before - 1 <= seen.started <= seen.ended <= time.time() + 1


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV", "HUP", "INT"])
def test_a_signal_is_minus_its_number(node, name):
    seen = ended(node.start("p", "sh", "-c", f"kill -{name} $$"))
    assert (seen.exit_code, seen.stopped) == (-getattr(signal, f"SIG{name}"), False)


def test_a_program_that_is_not_there_fails_in_javas_words(node):
    seen = ended(node.start("p", "no such program"))
    assert seen.exit_code == 127
    words = 'Cannot run program "no such program": error=2, No such file or directory\n'
    assert (node.root / "p.err").read_text() == words


def test_a_program_that_may_not_be_run_fails_too(node):
    (node.root / "work").mkdir(parents=True)
    (node.root / "work" / "x").write_text("#!/bin/sh\n")
    assert ended(node.start("p", "./x")).exit_code == 127
    assert "Permission denied" in (node.root / "p.err").read_text()


def test_arguments_too_long_for_the_machine_fail_at_once_and_are_not_awaited(node):
    before = time.monotonic()
    seen = ended(node.start("p", "echo", "x" * 3_000_000))
    assert (seen.exit_code, seen.stopped) == (127, False)
    assert time.monotonic() - before < 5
    assert "Argument list too long" in (node.root / "p.err").read_text()


def test_streams_directory_environment_and_input_are_as_asked(node):
    code = """
import os, sys
print(os.getcwd(), os.environ['A'], sorted(os.environ), repr(sys.stdin.read()))
print('e', file=sys.stderr)
"""
    assert ended(node.python("p", code, env={"A": "two words"})).exit_code == 0
    told = node.out("p").read_text()
    assert str(node.root / "work") in told
    assert "two words" in told
    assert "EMRLITE_HOME" not in told
    assert told.endswith("''\n")
    assert (node.root / "p.err").read_text() == "e\n"


@pytest.fixture
def in_the_background():
    """Ignore what a shell lets its background programs ignore."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("in_the_background")
def test_a_program_is_born_with_its_signals_as_they_were(node):
    code = """
from signal import *
numbers = (SIGTERM, SIGHUP, SIGUSR1, SIGCHLD, SIGQUIT)
print(pthread_sigmask(SIG_BLOCK, []), [getsignal(each) == SIG_DFL for each in numbers])
"""
    assert ended(node.python("p", code)).exit_code == 0
    assert node.out("p").read_text() == "set() [True, True, True, True, True]\n"
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_a_process_is_started_once_however_often_it_is_asked_for(node):
    for _ in range(3):
        node.start("p", "sh", "-c", "echo x; exit 4")
    assert ended(node.started[-1]).exit_code == 4
    assert node.out("p").read_text() == "x\n"


def test_an_ended_process_can_be_forgotten_and_started_anew(node):
    process = node.start("p", "sh", "-c", "exit 1")
    assert ended(process).exit_code == 1
    process.forget()
    assert (process.known, process.see()) == (False, None)
    assert ended(node.start("p", "sh", "-c", "exit 2")).exit_code == 2


# Stopping


def test_that_a_program_has_ended_is_news_until_it_was_seen(node):
    process = node.python("p", "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.01)")
    assert not process.news
    wait(process.see)
    assert not process.news
    (node.root / "work" / "go").touch()
    wait(lambda: process.news)
    ended(process)
    assert not process.news


def test_stop_is_a_term_and_its_end_is_marked(node):
    process = node.start("p", "sleep", "60")
    node.shim_pid("p")
    process.stop()
    seen = ended(process)
    assert (seen.exit_code, seen.stopped) == (-15, True)


def test_a_program_may_end_in_order_when_it_is_stopped(node):
    code = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit(0)))
print(1, flush=True)
time.sleep(60)
"""
    process = node.python("p", code)
    node.pid("p")
    process.stop()
    seen = ended(process)
    assert (seen.exit_code, seen.stopped) == (0, True)
    assert node.out("p").read_text() == "1\nbye\n"


def test_who_ignores_term_is_killed_after_a_grace(node):
    code = "import os,signal,time; signal.signal(15, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(60)"
    process = node.python("p", code)
    pid, before = node.pid("p"), time.monotonic()
    process.stop()
    seen = ended(process)
    assert (seen.exit_code, seen.stopped) == (-9, True)
    assert shim.GRACE_SECONDS - 0.5 < time.monotonic() - before < shim.GRACE_SECONDS + 10
    assert not alive(pid)


def test_kill_waits_for_nobody(node):
    code = "import os,signal,time; signal.signal(15, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(60)"
    process = node.python("p", code)
    node.pid("p")
    before = time.monotonic()
    process.stop(kill=True)
    assert ended(process).exit_code == -9
    assert time.monotonic() - before < shim.GRACE_SECONDS


@pytest.mark.parametrize("kill", [False, True])
def test_a_stop_right_after_the_start_is_heard(node, kill):
    """Before the shim has a pid file, before it listens: it is never lost, and never an unknown end."""
    for turn in range(8):
        process = node.start(f"p{turn}", "sleep", "60")
        pause = threading.Event()
        pause.wait(turn * 0.008)
        process.stop(kill=kill)
    for process in node.started:
        seen = ended(process)
        assert seen.stopped
        assert seen.exit_code in (-15, -9)


GRANDCHILDREN = {
    "of its own session": "subprocess.Popen(['sleep', '61'], start_new_session=True)",
    "forked twice": "os.fork() or (os.setsid(), os.fork() or os.execvp('sleep', ['sleep', '61']), os._exit(0))",
    "that ignores TERM": "subprocess.Popen(['sh', '-c', 'trap \"\" TERM; while :; do sleep 0.1; done'])",
    "without environment": "subprocess.Popen(['sleep', '61'], env={}, start_new_session=True)",
}


@pytest.mark.parametrize("kind", GRANDCHILDREN)
@pytest.mark.parametrize("kill", [False, True])
def test_no_grandchild_outlives_a_stop(node, kind, kill):
    start = f"import os, subprocess, time; {GRANDCHILDREN[kind]}"
    process = node.python("p", f"{start}; print(os.getpid(), flush=True); time.sleep(60)")
    node.pid("p")
    family = psutil.Process(node.shim_pid("p")).children(recursive=True)
    assert len(family) >= 2
    process.stop(kill=kill)
    assert process.wait_gone(time.monotonic() + 30)
    assert ended(process).stopped
    assert [child for child in family if alive(child.pid)] == []


def test_what_a_program_leaves_in_the_background_outlives_it_and_dies_with_the_node(node):
    process = node.start("p", "sh", "-c", "setsid sleep 61 & echo $!; exit 3")
    seen = ended(process)
    pid = node.pid("p")
    assert (seen.exit_code, seen.stopped) == (3, False)
    assert alive(pid)
    assert process.lingers
    kill_all([process])
    assert not alive(pid)
    assert (process.lingers, process.see()) == (False, seen)


def test_a_tree_that_was_stopped_can_be_killed(node):
    process = node.python("p", "import os,time; print(os.getpid(), flush=True); time.sleep(60)")
    pid = node.pid("p")
    for each in (pid, node.shim_pid("p")):
        os.kill(each, signal.SIGSTOP)
    kill_all([process], timeout=10)
    assert not alive(pid)


def test_what_cannot_be_killed_is_named(node, monkeypatch):
    process = node.start("stubborn", "sleep", "60")
    with monkeypatch.context() as patch, pytest.raises(NodeError, match="could not kill stubborn"):
        patch.setattr(Process, "stop", lambda self, kill=False: None)
        kill_all([process], timeout=0.1)


# Found again


def test_another_emulator_sees_the_same(node):
    waits = "while not os.path.exists('go on'): time.sleep(0.02)"
    first = node.python("p", f"import os, sys, time\nprint(os.getpid(), flush=True)\n{waits}\nsys.exit(5)")
    node.pid("p")
    (again,) = processes(node.root / "processes")
    assert again.name == "p"
    assert again.see() == first.see()
    assert again.see().ended is None
    (node.root / "work" / "go on").touch()
    assert ended(again).exit_code == 5
    assert ended(first) == ended(again)
    assert Process(node.root / "processes", "p").see() == ended(first)


def test_another_emulator_can_stop_it(node):
    node.start("p", "sleep", "60")
    again = Process(node.root / "processes", "p")
    wait(again.stop)  # it does not know the pid at first
    assert (ended(again).exit_code, ended(again).stopped) == (-15, True)


def test_a_process_that_was_only_just_recorded_is_waited_for_a_while_and_then_given_up(node, monkeypatch):
    """The emulator was killed between writing that it starts and starting."""
    folder = node.root / "processes"
    folder.mkdir(parents=True)
    (folder / "p.start").write_text(f"{time.time()}\n")
    assert Process(folder, "p").see().ended is None
    monkeypatch.setattr(module, "START_SECONDS", 0.0)
    seen = Process(folder, "p").see()
    assert (seen.ended is not None, seen.exit_code, seen.rebooted) == (True, None, False)


def test_a_pid_of_another_life_is_nobody(node):
    """After a restart of the machine the pid is somebody else's; so it is when pids have come round."""
    folder = node.root / "processes"
    folder.mkdir(parents=True)
    me, boot = os.getpid(), shim.boot_id()
    records = {"reboot": f"{me} {shim.start_mark(me)} another-boot 1.0", "round": f"{me} 17 {boot} 1.0"}
    for name, words in records.items():
        (folder / f"{name}.start").write_text("1.0\n")
        (folder / f"{name}.pid").write_text(words + "\n")
        process = Process(folder, name)
        seen = process.see()
        assert (seen.ended is not None, seen.exit_code, seen.rebooted) == (True, None, name == "reboot")
        process.stop(kill=True)  # and is not killed for it


def test_a_killed_shim_leaves_an_unknown_end_and_nothing_else(node):
    process = node.start("p", "sh", "-c", "setsid sleep 61 & echo $!; exec sleep 61")
    stray = node.pid("p")
    family = psutil.Process(node.shim_pid("p")).children(recursive=True)
    os.kill(node.shim_pid("p"), signal.SIGKILL)
    seen = ended(process)
    assert (seen.exit_code, seen.stopped) == (None, False)
    assert process.see() == seen
    (main,) = [child for child in family if child.pid != stray]
    wait(lambda: not alive(main.pid))  # it does not outlive its shim
    assert stray in reap(orphans(MARK_VARIABLE, f"{node.root}#p"))
    assert not alive(stray)


def test_a_process_that_becomes_another_program_is_found_all_the_same(node):
    """Linux shows no environment of it in that moment; this one does nothing else."""
    node.start("p", "sh", "-c", 'echo $$; exec sh -c "$0" "$0"', 'exec sh -c "$0" "$0"')
    pid = node.pid("p")
    for _ in range(100):
        assert pid in [process.pid for process in orphans(MARK_VARIABLE, f"{node.root}#p")]


def test_what_stands_still_for_seconds_is_not_taken_for_dead(node):
    """A laptop sleeps: everything stops, and goes on."""
    process = node.python("p", "import os,time; print(os.getpid(), flush=True); time.sleep(60)")
    both = [node.shim_pid("p"), node.pid("p")]
    again = Process(node.root / "processes", "p")
    for pid in both:
        os.kill(pid, signal.SIGSTOP)
    until, pause = time.monotonic() + 3, threading.Event()
    while time.monotonic() < until:
        assert process.see().ended is None
        assert again.see().ended is None
        pause.wait(0.05)
    for pid in both:
        os.kill(pid, signal.SIGCONT)
    process.stop()
    assert (ended(process).exit_code, ended(process).stopped) == (-15, True)


# Tethered


OWNER = """
import sys, time
from pathlib import Path
from emrlite.node.process import Process, Tether
tether, root = Tether(), Path(sys.argv[1])
tree = "setsid sleep 61 & echo $!; trap '' TERM; sleep 61"
for name, words in {"plain": ["sleep", "61"], "tree": ["sh", "-c", tree]}.items():
    Process(root / "processes", name).start(
        words, env={"PATH": "/usr/bin:/bin"}, cwd=root, stdout=root / f"{name}.out", tether=tether)
print("on", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_tethered_processes_end_with_their_owner_however_it_ends(node, how):
    node.root.mkdir(parents=True)
    root = str(Path(module.__file__).parents[2])
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(node.root)], stdout=subprocess.PIPE, cwd=root)
    with owner:
        assert owner.stdout.readline() == b"on\n"
        stray = node.pid("tree")
        shims = [node.shim_pid(name) for name in ("plain", "tree")]
        family = [child.pid for pid in shims for child in psutil.Process(pid).children(recursive=True)]
        assert stray in family
        owner.send_signal(how)
        owner.wait(timeout=10)
    wait(lambda: not any(alive(pid) for pid in (*shims, *family)), 10)
    for name in ("plain", "tree"):
        assert ended(Process(node.root / "processes", name)).stopped


def test_what_is_not_tethered_outlives_its_owner(node):
    node.root.mkdir(parents=True)
    code = OWNER.replace("tether=tether", "tether=None").replace("time.sleep(60)", "")
    root = str(Path(module.__file__).parents[2])
    subprocess.run([sys.executable, "-c", code, str(node.root)], check=True, timeout=30, cwd=root)
    found = list(processes(node.root / "processes"))
    node.started += found
    assert [process.name for process in found] == ["plain", "tree"]
    assert all(process.see().ended is None for process in found)


def test_a_tether_is_let_go_once_and_starts_nothing_any_more(node):
    tether = Tether()
    process = node.start("p", "sleep", "60", tether=tether)
    node.shim_pid("p")
    tether.close()
    assert (ended(process).exit_code, ended(process).stopped) == (-9, True)
    ends = os.pipe()  # most likely the numbers that the tether had
    tether.close()
    for end in ends:
        os.close(end)
    with pytest.raises(NodeError, match="emrlite is ending"):
        node.start("late", "sleep", "60", tether=tether)
    assert not Process(node.root / "processes", "late").known
