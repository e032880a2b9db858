"""Servers beside the clusters: started when wanted, started again when they die, found again after a crash."""

import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from emrlite.errors import StorageError
from emrlite.node import service as module
from emrlite.node.process import Tether
from emrlite.node.service import Service, connects

#: Answers every connection with its pid, and has a child.
SERVER = """
import os, socket, subprocess, sys
child = subprocess.Popen(["sleep", "61"])
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(50)
while True:
    with listener.accept()[0] as to:
        to.sendall(f"{os.getpid()} {child.pid}".encode())
"""


def pids(url):
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as to:
        return tuple(map(int, to.recv(100).split()))


def wait(look, seconds=30.0):
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not look():
        assert time.monotonic() < deadline, "it did not come about in time"
        pause.wait(0.02)


@pytest.fixture
def make(tmp_path):
    made = []

    def make(code=SERVER, tether=None):
        made.append(Service(
            "server", tmp_path / "services dir", argv=lambda port: [sys.executable, "-c", code, str(port)],
            env={"PATH": "/usr/bin:/bin"}, tether=tether, answers=connects))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def test_a_server_starts_when_it_is_first_wanted_and_only_once(make):
    server = make()
    assert not server.wanted
    url = server.ensure()
    assert server.wanted
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: server.ensure(), range(40))) == {url}
    assert len({pids(url) for _ in range(3)}) == 1
    assert len(list((server.log_file.parent).glob("*.pid"))) == 1


def test_many_who_want_it_at_once_get_one(make):
    server = make()
    with ThreadPoolExecutor(8) as pool:
        urls = set(pool.map(lambda _: server.ensure(), range(8)))
    assert len(urls) == 1
    me = psutil.Process()
    shims = [child for child in me.children() if "shim.py" in " ".join(child.cmdline())]
    assert len(shims) == 1


def test_a_killed_server_is_back_on_its_port_and_nothing_of_the_old_one_is_left(make):
    server = make()
    url = server.ensure()
    pid, child = pids(url)
    os.kill(pid, signal.SIGKILL)
    wait(lambda: not server._running())
    assert psutil.pid_exists(child)
    server.keep()
    assert server.ensure() == url
    assert pids(url)[0] != pid
    assert not psutil.pid_exists(child)


def test_a_server_whose_shim_was_killed_is_back_too(make):
    server = make()
    url = server.ensure()
    pid, child = pids(url)
    os.kill(psutil.Process(pid).ppid(), signal.SIGKILL)
    wait(lambda: not server._running() and not psutil.pid_exists(pid))
    assert server.ensure() == url
    assert pids(url)[0] != pid
    psutil.Process(child).kill()


def test_nobody_is_kept_who_was_not_wanted(make):
    server = make()
    server.keep()
    assert not server.log_file.exists()


def test_a_port_that_was_taken_meanwhile_is_given_up(make):
    server = make()
    url = server.ensure()
    server.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", server.port))
        other.listen(1)
        assert server.ensure() != url


def test_the_port_is_kept_over_an_orderly_stop(make):
    server = make()
    url = server.ensure()
    server.stop()
    assert not connects(url)
    assert server.ensure() == url


def test_the_next_emulator_finds_the_server_running(make):
    first = make()
    url = first.ensure()
    second = make()
    assert second.wanted
    assert second.ensure() == url
    assert pids(url) == pids(first.url)
    second.stop()
    assert not connects(url)
    assert not first._running()


def test_a_server_that_ends_at_once_is_said_with_its_log(make):
    server = make(code="print('no such option'); raise SystemExit(3)")
    with pytest.raises(StorageError, match=r"server does not answer at http://127\.0\.0\.1:\d+; see .*server\.log"):
        server.ensure()
    assert "no such option" in server.log_file.read_text()


def test_a_server_that_never_answers_is_given_up(make, monkeypatch):
    monkeypatch.setattr(module, "START_SECONDS", 0.5)
    with pytest.raises(StorageError, match="does not answer"):
        make(code="import time; time.sleep(61)").ensure()


def test_a_tethered_server_ends_with_its_tether(make):
    tether = Tether()
    server = make(tether=tether)
    url = server.ensure()
    pid, child = pids(url)
    tether.close()
    wait(lambda: not psutil.pid_exists(pid) and not psutil.pid_exists(child))
    assert not connects(url)
