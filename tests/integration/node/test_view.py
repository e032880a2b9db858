"""What the processes of a node see: by privilege, in a user namespace, as a user without any, and not at all."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from emrlite.node import isolation, namespace, places, programs, safety, shim, view
from emrlite.node.namespace import MOUNT, USER
from emrlite.node.process import MARK_VARIABLE, Process, Tether, kill_all, orphans, reap
from emrlite.node.view import Found, Kept

NOBODY = 65534


def allowed(kind: str) -> bool:
    """Whether this machine allows a full view in a namespace of *kind*; seen without our own code."""
    words = {MOUNT: "-m", USER: "-Urm"}[kind]
    script = "mount -t tmpfs none /mnt && mkdir /mnt/a /mnt/b && mount -t overlay o -o lowerdir=/mnt/a:/mnt/b /srv"
    done = subprocess.run(["unshare", words, "sh", "-c", script], capture_output=True, timeout=20, check=False)
    return done.returncode == 0


@pytest.fixture(params=[MOUNT, USER])
def kind(request: pytest.FixtureRequest) -> str:
    if not sys.platform.startswith("linux") or not shutil.which("unshare") or not allowed(request.param):
        pytest.skip(f"this machine has no {request.param} namespaces")
    return str(request.param)


@pytest.fixture
def viewed(node, kind: str, tmp_path: Path):
    """The node, with a full view; everything of the test stays where it is."""
    lay_out(node, Found(kind, "full"), tmp_path)
    return node


def lay_out(node, found: Found, *visible: Path) -> None:
    kept = Kept(writable=tuple(map(str, visible)), others=tuple(isolation._of_python()))
    for info in (node.info, replace(node.info, name="core-1", role="CORE", root=node.info.core[0].root)):
        own = replace(info, view=found.level)
        programs.write(own)
        (own.layout.conf / "spark-defaults.conf").write_text(f"node {own.name}\n")
        view.lay_out(own.layout.root, programs.scripts(own), safety.shims(), found, kept)
        own.write()
    node.info = replace(node.info, view=found.level)


def inside(node, *argv: str, root: str = "") -> subprocess.CompletedProcess[str]:
    """Run *argv* in the node's view, with its environment."""
    plan = Path(root or node.info.root, "view", "plan")
    command = [sys.executable, "-I", "-S", namespace.__file__, str(plan), *argv]
    return subprocess.run(command, env=node.environ(), cwd=node.info.layout.home, capture_output=True, text=True,
                          timeout=60, check=False)  # fmt: skip


def machine() -> tuple[list[str], list[str], str]:
    mounts = Path("/proc/self/mountinfo").read_text()
    return sorted(os.listdir("/mnt")), sorted(os.listdir("/home")), mounts


def test_mnt_home_and_tmp_are_the_nodes_and_those_of_the_machine_stay_untouched(viewed):
    before = machine()
    name = f"made-by-{viewed.info.instance_id}-{os.getpid()}"

    done = inside(viewed, "bash", "-c", f"for at in /mnt /home/hadoop /tmp; do echo x > $at/{name}; done; ls -d /mnt/*")

    assert done.returncode == 0, done.stderr
    root = Path(viewed.info.root)
    for at in ("mnt", "home/hadoop", "tmp"):
        assert (root / at / name).read_text() == "x\n"
        assert not Path("/", at, name).exists()
    assert done.stdout == f"/mnt/{name}\n"
    assert machine() == before


def test_programs_by_their_absolute_names_are_the_nodes(viewed):
    done = inside(viewed, "bash", "-c", "/usr/bin/spark-submit --name one app.py; /usr/lib/spark/bin/spark-submit x.py")
    assert "<one>" in done.stdout, done.stderr
    assert "<x.py>" in done.stdout
    assert "<org.apache.hadoop.fs.FsShell>" in inside(viewed, "/usr/bin/hadoop", "fs", "-ls").stdout
    assert inside(viewed, "cat", "/etc/spark/conf/spark-defaults.conf").stdout == "node master\n"
    assert inside(viewed, "ls", "/etc/hadoop/conf").stdout == "spark-defaults.conf\n"


@pytest.mark.parametrize("name", [
    "/usr/bin/yum", "/usr/bin/apt-get", "/sbin/shutdown", "/usr/sbin/reboot", "/usr/bin/sudo /sbin/halt",
])  # fmt: skip
def test_what_a_machine_of_ones_own_must_not_have_done_is_not_carried_out(name, viewed):
    done = inside(viewed, "bash", "-c", f"{name} -x; echo ended with $?")

    assert f"emrlite: {name.rpartition('/')[2]} -x was not carried out" in done.stderr
    assert done.stdout == "ended with 1\n"


def test_a_script_may_name_them_because_they_do_no_harm(viewed, tmp_path):
    (tmp_path / "x.sh").write_text("#!/bin/bash\n/usr/bin/yum install -y jq\necho went on as $0\n")
    script = str(viewed.info.layout.bin / "script-runner")

    done = inside(viewed, script, f"{tmp_path}/x.sh")

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"went on as {tmp_path}/x.sh\n"
    assert "yum install -y jq was not carried out" in done.stderr


def test_usr_bin_python_is_the_clusters_and_sees_what_pip_installed(viewed, tmp_path):
    packages = Path(places.python_packages(viewed.info))
    (packages / "installed_here.py").write_text("")
    code = "import sys, installed_here; print(sys.prefix)"
    versioned = f"/usr/bin/python3.{sys.version_info.minor}"
    (tmp_path / "x.py").write_text(f"#!/usr/bin/python3\n{code}\n")
    (tmp_path / "x.py").chmod(0o755)

    in_bash = ["bash", "-c", f"/usr/bin/python3 -c '{code}'"]
    for argv in (["/usr/bin/python3", "-c", code], [versioned, "-c", code], in_bash, [f"{tmp_path}/x.py"]):
        done = inside(viewed, *argv)
        assert done.stdout == f"{sys.prefix}\n", (argv, done.stderr)


@pytest.fixture
def machines_python() -> str:
    if not os.access("/usr/bin/python3", os.X_OK):
        pytest.skip("this machine has no /usr/bin/python3")
    return "/usr/bin/python3"


def test_an_environment_made_with_the_machines_python_stays_what_it_is(viewed, machines_python, tmp_path):
    """As the cluster's own Python often is one."""
    programs_of_it = tmp_path / "environment" / "bin"
    programs_of_it.mkdir(parents=True)
    (programs_of_it / "python").symlink_to(machines_python)
    (tmp_path / "environment" / "pyvenv.cfg").write_text("home = /usr/bin\n")

    code = "import sys, json; print(sys.prefix, sys.base_prefix)"
    done = inside(viewed, f"{programs_of_it}/python", "-c", code)

    assert done.stdout == f"{tmp_path}/environment /usr\n", done.stderr


def test_a_cluster_whose_python_is_the_machines_own_has_it_under_all_names(node, kind, machines_python, tmp_path):
    node.info = replace(node.info, python=machines_python)
    lay_out(node, Found(kind, "full"), tmp_path)
    for name in (machines_python, "/usr/bin/python", "python3"):
        done = inside(node, name, "-c", "import sys; print(sys.executable, sys.prefix)")
        assert done.stdout == f"{machines_python} /usr\n", (name, done.stderr)


def test_a_version_that_the_node_does_not_have_is_not_found(viewed):
    other = next((name for name in os.listdir("/usr/bin") if name.startswith("python3.") and name[8:].isdigit()
                  and int(name[8:]) != sys.version_info.minor), "python3.1")  # fmt: skip
    done = inside(viewed, "sh", "-c", f"/usr/bin/{other} -c 1")
    assert done.returncode in (126, 127)


def test_the_machines_own_usr_and_etc_cannot_be_written_even_by_root(viewed):
    for place in ("/usr/bin/x", "/usr/local/lib/x", "/etc/x"):
        done = inside(viewed, "sh", "-c", f"echo > {place}")
        assert done.returncode != 0
        assert not Path(place).exists()
        if os.geteuid() == 0:
            assert "Read-only file system" in done.stderr


def test_names_are_resolved_as_on_the_machine(viewed):
    """What is replaced while a daemon runs is read where it really is."""
    for name in ("/etc/hosts", "/etc/resolv.conf", "/etc/passwd"):
        if Path(name).is_file():
            assert inside(viewed, "cat", name).stdout == Path(name).read_text()


def test_the_working_directory_and_the_home_stay_where_they_are(viewed, tmp_path):
    done = inside(viewed, "sh", "-c", f"pwd; cd /; cd '{tmp_path}' && echo x > outside")
    assert done.stdout == f"{viewed.info.layout.home}\n"
    assert (tmp_path / "outside").read_text() == "x\n"


def test_a_driver_on_a_core_node_sees_that_node(viewed):
    """From within the master's view, as the submitter of a cluster-mode driver is."""
    core = viewed.info.core[0].root
    viewed.does.write_text(
        "echo x > /mnt/driver; cat /etc/spark/conf/spark-defaults.conf; ls -d /usr/lib/spark/bin/hdfs")

    done = inside(viewed, "/usr/bin/spark-submit", "--deploy-mode", "cluster", "app.py")

    assert done.returncode == 0, done.stderr
    said = next(Path(core, "mnt/var/log/containers").glob("*/*/stdout")).read_text()
    assert said.endswith("node core-1\n/usr/lib/spark/bin/hdfs\n")
    assert Path(core, "mnt/driver").exists()
    assert not Path(viewed.info.root, "mnt/driver").exists()


def test_where_only_folders_are_allowed_the_rest_is_the_machines(node, kind, tmp_path):
    lay_out(node, Found(kind, "folders"), tmp_path)

    assert inside(node, "sh", "-c", "ls /home; ls /usr/lib/spark").stdout == "hadoop\n"
    (tmp_path / "x.sh").write_text("/usr/bin/yum update\n")
    done = inside(node, str(node.info.layout.bin / "script-runner"), f"{tmp_path}/x.sh")
    assert "was not run: line 1 calls /usr/bin/yum" in done.stderr


# Behind the shim


@pytest.fixture
def start(viewed) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []
    layout = viewed.info.layout

    def call(*argv: str, tether: Tether | None = None) -> Process:
        process = Process(layout.processes, "p", layout.view)
        mark = {MARK_VARIABLE: f"{layout.root}#p"}
        process.start(argv, env=viewed.environ() | mark, cwd=layout.home, stdout=layout.root / "out", tether=tether)
        started.append(process)
        return process

    yield call
    kill_all(started)


def wait(look: Callable[[], object], seconds: float = 30.0) -> object:
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come about in time"
        pause.wait(0.01)
    return found


def ended(process: Process) -> int | None:
    wait(lambda: (seen := process.see()) and seen.ended is not None)
    seen = process.see()
    assert seen is not None
    return seen.exit_code


def test_a_recorded_process_sees_the_node_and_its_record_lies_outside(viewed, start):
    code = ended(start("sh", "-c", "pwd; echo x > /mnt/made; exit 7"))

    assert code == 7
    assert (viewed.info.layout.root / "out").read_text() == f"{viewed.info.layout.home}\n"
    assert (viewed.info.layout.root / "mnt/made").exists()
    assert sorted(path.name for path in viewed.info.layout.processes.iterdir()) == ["p.exit", "p.pid", "p.start"]


def test_a_process_whose_view_cannot_be_made_is_not_started_and_says_why(viewed, start):
    shutil.rmtree(viewed.info.layout.root / "mnt")
    (viewed.info.layout.root / "tmp").rename(viewed.info.layout.root / "gone")

    code = ended(start("touch", f"{viewed.info.layout.home}/ran"))

    assert code == shim.CANNOT_RUN
    said = (viewed.info.layout.root / "out").read_text()
    assert "the node's view of the file system cannot be made: No such file or directory" in said
    assert "`namespace` is `off`" in said
    assert not (viewed.info.layout.home / "ran").exists()


def test_it_is_stopped_as_any_other(viewed, start):
    process = start("sh", "-c", "setsid sleep 61 & sleep 62")
    family = wait(lambda: len(found := _family(viewed)) == 3 and found)
    process.stop(kill=True)
    assert ended(process) == -9
    wait(lambda: not any(psutil.pid_exists(one.pid) for one in family))


def test_its_orphans_are_found_by_their_mark(viewed, start):
    process = start("sh", "-c", "setsid sleep 61 & echo $!; exec sleep 62")
    main, stray = sorted(wait(lambda: len(found := _family(viewed)) == 2 and found), key=lambda one: one.pid)
    os.kill(int((viewed.info.layout.processes / "p.pid").read_text().split()[0]), signal.SIGKILL)
    assert ended(process) is None
    wait(lambda: not main.is_running() or main.status() == psutil.STATUS_ZOMBIE)
    assert stray.pid in reap(orphans(MARK_VARIABLE, f"{viewed.info.layout.root}#p"))


def test_it_ends_with_its_owner(viewed, start):
    tether = Tether()
    process = start("sleep", "61", tether=tether)
    wait(lambda: len(_family(viewed)) == 1)
    tether.close()
    assert ended(process) == -9


def _family(node) -> list[psutil.Process]:
    record = node.info.layout.processes / "p.pid"
    if not record.exists():
        return []
    found = psutil.Process(int(record.read_text().split()[0])).children(recursive=True)
    return [one for one in found if "sleep" in " ".join(one.cmdline()) and one.name() != "python"]


# Without privileges


@pytest.fixture
def unprivileged(node) -> Iterator[Path]:
    """A node of the user nobody."""
    if os.geteuid() != 0:
        pytest.skip("the other tests run without privileges already")
    if not allowed(USER):
        pytest.skip("this machine has no user namespaces")
    root = Path(tempfile.mkdtemp(prefix="emrlite of nobody "))
    try:
        own = root / "home of emrlite" / "master"
        kept = Kept(writable=(str(own.parent),))
        for name in ("aws", "sudo"):
            (own / "bin").mkdir(parents=True, exist_ok=True)
            (own / "bin" / name).write_text(f"#!/bin/sh\necho the {name} of the node\n")
            (own / "bin" / name).chmod(0o755)
        (own / "home/hadoop").mkdir(parents=True)
        for module in (namespace, shim):
            shutil.copy(module.__file__, own)
        view.lay_out(own, ["aws", "sudo"], ["shutdown"], Found(USER, "full"), kept)
        for path in (root, *root.rglob("*")):
            os.lchown(path, NOBODY, NOBODY)
        yield own
    finally:
        shutil.rmtree(root)


def python_for_nobody() -> str:
    """A Python that another user may run; the one of the tests may lie in a home."""
    enough = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            subprocess.run([python, "-c", enough], user=NOBODY, group=NOBODY, extra_groups=[], check=True, timeout=20,
                           cwd="/", capture_output=True)  # fmt: skip
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    return pytest.skip("the user nobody can run no Python 3.11 of this machine")


def as_nobody(root: Path, module: str, *argv: str) -> dict[str, Any]:
    """How to run a *module* of ours as a user without privileges."""
    code = root / Path(module).name
    command = [python_for_nobody(), "-I", "-S", str(code), *argv]
    return {"args": command, "user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": root,
            "env": {"PATH": "/usr/bin:/bin", MARK_VARIABLE: str(root)}}  # fmt: skip


def test_a_user_without_privileges_has_a_view_and_is_nobody_else_in_it(unprivileged):
    before = machine()
    script = "id -u; echo x > /mnt/made; ls /home; /usr/bin/aws; /usr/bin/sudo; (echo > /usr/x) 2>&1"
    how = as_nobody(unprivileged, namespace.__file__, str(unprivileged / "view/plan"), "sh", "-c", script)

    done = subprocess.run(**how, capture_output=True, text=True, timeout=30, check=False)

    lines = done.stdout.splitlines()
    assert lines[:4] == [str(NOBODY), "hadoop", "the aws of the node", "the sudo of the node"], done.stderr
    assert "Read-only" in lines[4] or "denied" in lines[4]
    assert (unprivileged / "mnt/made").stat().st_uid == NOBODY
    assert machine() == before


def test_a_view_within_a_view_needs_no_privilege_either(unprivileged):
    other = unprivileged.with_name("core-1")
    shutil.copytree(unprivileged, other, symlinks=True)
    plan = other / "view/plan"
    plan.write_text(plan.read_text().replace(str(unprivileged), str(other)))
    for path in (other, *other.rglob("*")):
        os.lchown(path, NOBODY, NOBODY)
    python = python_for_nobody()
    python = python if python == sys.executable else python.replace("/usr/", f"{namespace.HOST_USR}/")
    inner = [python, "-I", "-S", str(unprivileged / "namespace.py"), str(plan),
             "sh", "-c", "echo x > /mnt/nested; /usr/bin/aws; pwd"]  # fmt: skip
    how = as_nobody(unprivileged, namespace.__file__, str(unprivileged / "view/plan"), *inner)

    done = subprocess.run(**how, capture_output=True, text=True, timeout=30, check=False)

    assert done.stdout == f"the aws of the node\n{unprivileged}\n", done.stderr
    assert (other / "mnt/nested").exists()
    assert not (unprivileged / "mnt/nested").exists()


def test_without_privileges_a_program_does_not_outlive_its_shim_and_is_found_by_its_mark(unprivileged):
    script = "echo $$ > /mnt/new; mv /mnt/new /mnt/main; exec sleep 61"
    how = as_nobody(unprivileged, shim.__file__, str(unprivileged / "p"), "-", str(unprivileged / "view/plan"), "--",
                    "sh", "-c", script)  # fmt: skip
    with subprocess.Popen(**how) as at:
        try:
            wait((unprivileged / "mnt/main").exists)
            found = psutil.Process(int((unprivileged / "mnt/main").read_text()))
            wait(lambda: found.name() == "sleep")  # while a program becomes another its environment cannot be read
            assert found.pid in [process.pid for process in orphans(MARK_VARIABLE, str(unprivileged))]
        finally:
            at.kill()
    wait(lambda: not found.is_running() or found.status() == psutil.STATUS_ZOMBIE)


def test_the_machine_is_tried_and_what_was_tried_is_gone(kind, tmp_path):
    found = isolation.find(tmp_path, "auto")

    assert (found.level, found.why) == ("full", "")
    assert found.kind == (MOUNT if os.geteuid() == 0 and allowed(MOUNT) else USER)
    assert list(tmp_path.iterdir()) == []


def test_a_machine_that_allows_less_is_told_from_one_that_allows_nothing(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(isolation, "_TRY", {**isolation._TRY, "full": "echo 'no overlay' >&2; false"})
    less = isolation.find(tmp_path, "auto")
    assert (less.level, less.why) == ("folders", "no overlay")
    assert isolation.describe(less).endswith("but not /usr and /etc: no overlay")

    monkeypatch.setattr(isolation, "_TRY", dict.fromkeys(isolation._TRY, "echo 'nothing here' >&2; false"))
    none = isolation.find(tmp_path, "auto")
    assert none == Found("", "none", "nothing here")
    assert isolation.describe(none).endswith("are refused: nothing here")
