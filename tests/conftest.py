"""The tiers by their directories, a home to work in, and the check that no test leaves anything behind."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from emrlite.node import engines
from emrlite.node.engines import Engine
from emrlite.node.process import MARK_VARIABLE, OWNER_VARIABLE
from emrlite.settings import Settings

TIERS = {
    "unit": "no process is started",
    "integration": "real processes, but no JVM",
    "spark": "JVMs: Spark, HDFS, S3",
}

#: The user's own home, whose engines the Spark tier takes; no test writes anything else there.
USERS_HOME = Settings.load().home

#: What a home holds besides engines.
_OF_A_RUN = ("clusters", "services", "emulators", "emrlite.db", "s3")


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in TIERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        tier = item.path.relative_to(here).parts[0] if item.path.is_relative_to(here) else ""
        if tier in TIERS:
            item.add_marker(tier)


# A home


@pytest.fixture
def no_users_home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Let what forgets to say its home work in one that the test must not have made."""
    forgotten = tmp_path / "a home that nobody named"
    monkeypatch.setenv("EMRLITE_HOME", str(forgotten))
    yield
    assert not forgotten.exists(), "the test wrote to the default home; give it one of its own"


@pytest.fixture(autouse=True)
def _home_is_named(request: pytest.FixtureRequest) -> None:
    if not request.node.get_closest_marker("spark"):
        request.getfixturevalue("no_users_home")


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine of the user's home; `make setup` has made it."""
    return engines.find(Settings(home=USERS_HOME))


@pytest.fixture(scope="session")
def link_engines(engine: Engine) -> Callable[[Path], Path]:
    """Give a new home the engines of the user's; clusters, store and buckets are its own."""

    def link(home: Path) -> Path:
        home.mkdir(parents=True, exist_ok=True)
        for name in ("engines", "tools", "java", "cache"):
            if (USERS_HOME / name).exists():
                (home / name).symlink_to(USERS_HOME / name)
        return home

    return link


@pytest.fixture
def home(tmp_path: Path, link_engines: Callable[[Path], Path]) -> Path:
    """A home of the test's own, with engines; a space in its path is fine."""
    return link_engines(tmp_path / "a home")


# What a test leaves behind


@dataclass(frozen=True)
class Things:
    """What can be left behind: processes, threads, listening sockets and pipes of this process."""

    processes: frozenset[tuple[int, str]]
    threads: frozenset[threading.Thread]
    files: frozenset[str]

    def __sub__(self, other: Things) -> list[str]:
        found = [f"process {pid}: {words}" for pid, words in sorted(self.processes - other.processes)]
        found += [f"thread {thread.name}" for thread in self.threads - other.threads]
        return found + sorted(self.files - other.files)


def look(ours: str | None) -> Things:
    """See what there is.  *ours* is this run's temporary directory, which marks and command lines name.

    Without it only children of this process are seen, which costs next to nothing.
    """
    found = psutil.Process().children(recursive=ours is not None)
    if ours is not None:
        found += [process for process in psutil.process_iter() if _names(process, ours)]
    processes = frozenset((process.pid, _words(process)) for process in found if _lives(process))
    threads = (thread for thread in threading.enumerate() if not thread.name.startswith("pytest_timeout"))
    return Things(processes, frozenset(threads), frozenset(_files(ours)))


def _names(process: psutil.Process, ours: str) -> bool:
    if process.pid == os.getpid():
        return False
    try:
        environ = process.environ()
        marks = environ.get(OWNER_VARIABLE, ""), environ.get(MARK_VARIABLE, "")
        return any(ours in word for word in (*process.cmdline(), *marks))
    except psutil.Error:
        return False


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:300]
    except psutil.Error:
        return "(gone)"


def _files(ours: str | None) -> Iterator[str]:
    """Listening sockets and pipes of this process, and links to nodes."""
    for at in psutil.Process().net_connections("tcp"):
        if at.status == psutil.CONN_LISTEN:
            yield f"listening socket {at.laddr}"
    for link in Path(tempfile.gettempdir()).glob("emrlite-*"):  # of nodes whose home has a space in its name
        if link.is_symlink() and ours and ours in str(link.readlink()):
            yield f"link {link}"
    folder = Path("/proc/self/fd")
    for name in os.listdir(folder) if folder.exists() else ():
        try:
            target = os.readlink(folder / name)
        except FileNotFoundError:
            continue
        if target.startswith("pipe:"):
            yield f"{target} at descriptor {name}"


def left_behind(before: Things, ours: str | None, seconds: float = 5.0) -> list[str]:
    """What is there that was not before, after some time to go."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while left := look(ours) - before:
        if time.monotonic() > deadline:
            return left
        gc.collect()
        pause.wait(0.05)
    return []


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"{tmp_path_factory.getbasetemp()}/"


@pytest.fixture(scope="session", autouse=True)
def _no_leak_of_the_run(ours: str) -> Iterator[None]:
    """Emulators that many tests share end with the run."""
    before, home = look(ours), _of_a_run(USERS_HOME)
    yield
    assert left_behind(before, ours, 20.0) == []
    assert _of_a_run(USERS_HOME) == home, f"the tests wrote to {USERS_HOME}"


@pytest.fixture(autouse=True)
def _no_leak(request: pytest.FixtureRequest, ours: str) -> Iterator[None]:
    """A test of the cheap tiers leaves nothing at all, however it ends."""
    if request.node.get_closest_marker("spark"):
        yield
        return
    where = ours if request.node.get_closest_marker("integration") else None
    before = look(where)
    yield
    assert left_behind(before, where) == []


def _of_a_run(home: Path) -> list[str]:
    return [name for name in _OF_A_RUN if (home / name).exists()]
