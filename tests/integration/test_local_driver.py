"""The loop over real nodes and steps, but for daemons: those are stand-ins that start in no time."""

from __future__ import annotations

import gzip
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from simulation import ID, spec, step

from emrlite.api import neighbours
from emrlite.cluster.model import BootstrapAction, CancelOption, ClusterSpec, ClusterStatus, StepStatus
from emrlite.cluster.reconciler import Reconciler
from emrlite.cluster.store import Store
from emrlite.node import local as module
from emrlite.node.daemons import Command
from emrlite.node.engines import Engine
from emrlite.node.local import LocalDriver
from emrlite.node.process import MARK_VARIABLE, OWNER_VARIABLE, Tether, orphans
from emrlite.node.provision import Surroundings
from emrlite.node.service import Service
from emrlite.storage import s3
from emrlite.storage.emrfs import S3Access


def bash(name: str, script: str, action: str = "CONTINUE") -> Any:
    return step(name, action, args=("bash", "-c", script))


def wait(look: Callable[[], Any], seconds: float = 40.0) -> Any:
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come about in time"
        pause.wait(0.02)
    return found


class Rig:
    """One cluster on this machine; `open` and `close` are an emulator that comes and goes."""

    def __init__(self, path: Path, access: S3Access, patch: pytest.MonkeyPatch) -> None:
        self.root, self.access = path / "a home" / "clusters" / ID, access
        self.owner = f"{path / 'a home'}#durable"
        self.store = Store(path / "emrlite.db")
        engine = Engine(
            spark="4.1.1", scala="2.13", hadoop="3.4.2", home=path / "engine", java_home=path / "java",
            python=Path(sys.executable), tools=path / "tools", s3proxy=path / "s3proxy.jar")
        self.around = Surroundings(engine=engine, aws_endpoint="http://127.0.0.1:1", s3=access, environ={
            "http_proxy": "http://me:hunter2@127.0.0.1:9", "UNRELATED": "stays outside"})
        self.troubles: list[str] = []
        self.stack = ExitStack()
        self.drivers: list[LocalDriver] = []
        # Without Java: a node's daemons are a `sleep`, or the script that a test has for them, and ready when it runs.
        self.scripts: dict[str, str] = {}
        patch.setattr(module.own_classes, "link_pages", lambda *_: None)
        patch.setattr(module.daemons, "command", lambda _, node, **__: Command(
            argv=("bash", "-c", self.scripts.get(node.name, "exec sleep 600")), env={}))
        patch.setattr(module.Readiness, "look", lambda _, __, running: {
            (node, daemon) for node, found in running.items() for daemon in found})

    def driver(self, tether: Tether | None = None) -> LocalDriver:
        self.drivers.append(LocalDriver(
            ID, self.root, around=lambda: self.around, ahead=True, addresses_mode="auto", owner=self.owner,
            tether=tether, client=lambda: s3.client(self.access), trouble=self.troubles.append))
        return self.drivers[-1]

    def open(self, asked: ClusterSpec | None = None) -> None:
        if asked is not None:
            self.store.create(asked, ClusterStatus())
        self.reconciler = self.stack.enter_context(Reconciler(self.store, ID, self.driver()))

    def close(self) -> None:
        self.stack.close()

    def ask(self, **changes: Any) -> None:
        self.store.change_spec(ID, lambda record: replace(record.spec, **changes))
        self.reconciler.poke()

    def status(self) -> ClusterStatus:
        return self.store.record(ID).status

    def at(self, name: str) -> StepStatus:
        return self.status().step(f"s-{name.upper()}")

    def until(self, state: str, name: str | None = None) -> None:
        wait(lambda: str(self.at(name).state if name else self.status().state) == state)

    def text(self, name: str, file: str) -> str:
        return (self.root / "master/mnt/var/log/hadoop/steps" / f"s-{name.upper()}" / file).read_text()

    def ours(self) -> list[psutil.Process]:
        return orphans(OWNER_VARIABLE, self.owner)

    def end(self) -> None:
        if not str(self.status().state).startswith("TERMINATED"):
            self.ask(terminate=True)
        wait(lambda: str(self.status().state).startswith("TERMINATED"))
        assert self.ours() == []
        for driver in self.drivers:  # children of an emulator that "crashed" are children of this process too
            assert not any(process.lingers for process in driver._processes.values())


@pytest.fixture(scope="module")
def nowhere() -> S3Access:
    return S3Access(endpoint="http://127.0.0.1:1", region="us-east-1", access_key="AKIATEST", secret_key="very secret")


@pytest.fixture
def rig(tmp_path: Path, nowhere: S3Access, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with monkeypatch.context() as patch:
        rig = Rig(tmp_path, nowhere, patch)
        yield rig
        if rig.drivers:
            rig.end()
        rig.close()


def test_steps_run_one_after_the_other_and_end_as_they_end(rig: Rig) -> None:
    scripts = {"a": "echo one", "b": "echo two >&2; exit 3", "c": "kill -9 $$", "d": "pwd; env"}
    rig.open(spec(*(bash(*each) for each in scripts.items())))
    rig.until("COMPLETED", "d")
    assert [str(rig.at(name).state) for name in "abc"] == ["COMPLETED", "FAILED", "FAILED"]
    assert [rig.at(name).exit_code for name in "abcd"] == [0, 3, -9, 0]
    assert (rig.text("a", "stdout"), rig.text("b", "stderr")) == ("one\n", "two\n")
    times = [moment for name in "abcd" for moment in (rig.at(name).started, rig.at(name).ended)]
    assert times == sorted(times)
    env = dict(line.split("=", 1) for line in rig.text("d", "stdout").splitlines() if "=" in line)
    assert (env["EMR_STEP_ID"], env["EMR_CLUSTER_ID"], env["HADOOP_USER_NAME"]) == ("s-D", ID, "hadoop")
    assert env[OWNER_VARIABLE] == rig.owner
    assert env[MARK_VARIABLE] == f"{rig.root}/master#step-s-D"
    assert "UNRELATED" not in env
    assert rig.text("d", "stdout").startswith(f"{rig.root}/master/")
    rig.until("WAITING")


def test_the_controller_log_is_whole_when_the_end_is_told_and_has_no_secrets(rig: Rig) -> None:
    rig.open(spec(bash("a", "echo x; exit 7")))
    rig.until("FAILED", "a")
    text = rig.text("a", "controller")
    assert "bash -c 'echo x; exit 7'" in text
    assert "Step failed with exit code 7 and took" in text
    assert "AWS_SECRET_ACCESS_KEY=(hidden)" in text
    assert not any(secret in text for secret in ("very secret", "hunter2", "AKIATEST"))
    failure = rig.at("a").failure
    assert failure is not None
    assert (failure.reason, failure.message) == ("Unknown Error.", "The step ended with exit code 7.")
    assert failure.log_file.endswith("steps/s-A/stderr.gz")


def test_the_last_exception_is_in_the_failure_details(rig: Rig) -> None:
    code = "echo 'Exception in thread \"main\" java.lang.IllegalStateException: no way' >&2; exit 1"
    rig.open(spec(bash("a", code), step("b", args=("no-such-program",))))
    rig.until("FAILED", "b")
    assert rig.at("a").failure.message == "java.lang.IllegalStateException: no way"
    assert "no-such-program" in rig.at("b").failure.message


TREE = "setsid sleep 612 & (trap '' TERM; while :; do sleep 0.1; done) & echo on; {}wait"


@pytest.mark.parametrize(("how", "script"), [
    (CancelOption.SEND_INTERRUPT, ""), (CancelOption.TERMINATE_PROCESS, "trap '' TERM; ")])
def test_a_cancel_leaves_no_process_and_the_next_step_runs(rig: Rig, how: CancelOption, script: str) -> None:
    rig.open(spec(bash("a", TREE.format(script), "TERMINATE_CLUSTER"), bash("b", "echo next")))
    rig.until("RUNNING", "a")
    wait(lambda: rig.text("a", "stdout") == "on\n")
    mark = f"{rig.root}/master#step-s-A"
    wait(lambda: len(orphans(MARK_VARIABLE, mark)) >= 5)  # the shim, its shell, both jobs, the shorter sleep
    rig.ask(cancels={"s-A": how})
    rig.until("CANCELLED", "a")
    wait(lambda: not orphans(MARK_VARIABLE, mark))
    rig.until("COMPLETED", "b")
    assert "was stopped" in rig.text("a", "controller")
    states = [event.state for event in rig.store.events(ID) if event.subject == "s-A"]
    assert states == ["RUNNING", "CANCEL_PENDING", "CANCELLED"]


def test_a_cancel_before_the_step_has_done_anything_is_a_cancel(rig: Rig) -> None:
    rig.open(spec(step_concurrency=8))
    rig.until("WAITING")
    names = [f"x{number}" for number in range(8)]
    rig.ask(steps=tuple(bash(name, "sleep 613") for name in names))
    rig.ask(cancels={f"s-{name.upper()}": CancelOption.SEND_INTERRUPT for name in names})
    for name in names:
        rig.until("CANCELLED", name)


def test_side_by_side_steps_meet(rig: Rig) -> None:
    meet = "touch {0}; for i in $(seq 200); do [ -e {1} ] && exit 0; sleep 0.1; done; exit 1"
    here = rig.root.parent
    rig.open(spec(
        bash("a", meet.format(f"'{here}/a'", f"'{here}/b'")), bash("b", meet.format(f"'{here}/b'", f"'{here}/a'")),
        step_concurrency=2))
    rig.until("COMPLETED", "a")
    rig.until("COMPLETED", "b")


def test_a_killed_shim_is_an_unknown_end_and_what_escaped_it_is_killed(rig: Rig) -> None:
    rig.open(spec(bash("a", "setsid sleep 614 & echo on; sleep 614")))
    rig.until("RUNNING", "a")
    wait(lambda: rig.text("a", "stdout") == "on\n")
    pid = int((rig.root / "master/processes/step-s-A.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    rig.until("FAILED", "a")
    assert rig.at("a").exit_code is None
    assert "an unknown exit code" in rig.text("a", "controller")
    wait(lambda: not orphans(MARK_VARIABLE, f"{rig.root}/master#step-s-A"))


def test_what_a_step_leaves_in_the_background_lives_until_the_node_ends(rig: Rig) -> None:
    rig.open(spec(bash("a", "setsid sleep 615 > /dev/null 2>&1 & echo $!")))
    rig.until("COMPLETED", "a")
    pid = int(rig.text("a", "stdout"))
    assert psutil.pid_exists(pid)
    rig.end()
    assert not psutil.pid_exists(pid)


def test_an_end_interrupts_what_runs_and_leaves_configuration_and_logs(rig: Rig) -> None:
    rig.open(spec(bash("a", "trap 'echo bye; exit 0' TERM; echo on; while :; do sleep 0.1; done"), bash("b", "true")))
    rig.until("RUNNING", "a")
    wait(lambda: rig.text("a", "stdout") == "on\n")
    rig.end()
    assert [str(rig.at(name).state) for name in "ab"] == ["INTERRUPTED", "CANCELLED"]
    assert rig.text("a", "stdout") == "on\nbye\n"
    assert (rig.root / "core-1/conf/core-site.xml").exists()
    for gone in ("mnt/hdfs", "mnt/namenode", "tmp", "home/hadoop", "mnt/var/lib/hadoop"):
        assert not (rig.root / "master" / gone).exists()


def test_bootstrap_actions_run_on_every_node_and_a_failing_one_ends_the_cluster(rig: Rig, tmp_path: Path) -> None:
    script = tmp_path / "action.sh"
    script.write_text('echo "on $EMRLITE_NODE: $*"\n[ "$2" != fail ] || [[ "$EMRLITE_NODE" != *core-1 ]]\n')
    actions = tuple(BootstrapAction(name=name, path=str(script), args=("x", name)) for name in ("fine", "fail"))
    rig.open(spec(bash("a", "true"), bootstrap_actions=actions))
    wait(lambda: str(rig.status().state) == "TERMINATED_WITH_ERRORS")
    assert (rig.status().reason_code, rig.status().reason) == (
        "BOOTSTRAP_FAILURE",
        "On the core instance (i-00000000000000002), bootstrap action 2 returned a non-zero return code")
    folder = rig.root / "core-1/mnt/var/log/bootstrap-actions"
    assert (folder / "1/stdout").read_text() == f"on {rig.root}/core-1: x fine\n"
    assert "Bootstrap action 2 failed with exit code 1" in (folder / "2/controller").read_text()
    assert not (rig.root / "core-1/processes/daemons.start").exists()


def test_a_bootstrap_action_without_a_script_is_told_from_one_that_failed(rig: Rig, tmp_path: Path) -> None:
    missing = tmp_path / "no-such.sh"
    rig.open(spec(core=0, bootstrap_actions=(BootstrapAction(name="lost", path=str(missing)),)))
    wait(lambda: str(rig.status().state) == "TERMINATED_WITH_ERRORS")
    (error,) = rig.status().errors
    assert error.code == "BOOTSTRAP_FAILURE_BA_DOWNLOAD_FAILED_PRIMARY"
    assert f"could not be fetched: {missing} does not exist on master" in error.message


def test_a_daemon_that_dies_is_shown_within_seconds(rig: Rig) -> None:
    rig.open(spec(task=1))
    rig.until("WAITING")
    mark = f"{rig.root}/task-1#daemons"
    daemon = wait(lambda: [process for process in orphans(MARK_VARIABLE, mark) if process.name() == "sleep"])[0]
    daemon.kill()
    before = time.monotonic()
    wait(lambda: str(rig.status().node("task-1").state) == "TERMINATED")
    assert time.monotonic() - before < 20
    assert rig.status().node("task-1").reason.endswith("ended with exit code -9")
    assert str(rig.status().state) == "WAITING"


def test_a_daemon_that_ends_by_itself_says_what_it_died_of(rig: Rig) -> None:
    script = "echo 'Exception in thread \"main\" java.lang.NoClassDefFoundError: a/B'; echo ' at a.C'; exit 1"
    rig.scripts["core-1"] = script
    rig.open(spec())
    wait(lambda: str(rig.status().state) == "TERMINATED_WITH_ERRORS")
    assert rig.status().node("core-1").reason.endswith(
        "ended with exit code 1: java.lang.NoClassDefFoundError: a/B")


def test_everything_that_stands_still_for_seconds_goes_on(rig: Rig) -> None:
    rig.open(spec(bash("a", "sleep 4; echo done")))
    rig.until("RUNNING", "a")
    for process in rig.ours():
        process.suspend()
    threading.Event().wait(2.5)
    assert str(rig.status().state) == "RUNNING"
    for process in rig.ours():
        process.resume()
    rig.until("COMPLETED", "a")
    rig.until("WAITING")


# A crash: the next emulator has the directory and the store, and no more


def test_the_next_emulator_goes_on_with_nodes_and_steps(rig: Rig) -> None:
    here = rig.root.parent
    rig.open(spec(
        bash("a", f"echo on; while [ ! -e '{here}/go' ]; do sleep 0.1; done; exit 5"), bash("b", "echo after"),
        keep_alive=False))
    rig.until("RUNNING", "a")
    before = {process.pid for process in rig.ours()}
    rig.close()
    assert {process.pid for process in rig.ours()} >= before
    rig.open()
    threading.Event().wait(0.3)
    assert str(rig.at("a").state) == "RUNNING"
    (here / "go").touch()
    rig.until("FAILED", "a")
    assert rig.at("a").exit_code == 5
    rig.until("TERMINATED")
    assert str(rig.at("b").state) == "COMPLETED"


def test_what_ended_meanwhile_is_read_and_not_guessed(rig: Rig) -> None:
    here = rig.root.parent
    rig.open(spec(bash("a", f"while [ ! -e '{here}/go' ]; do sleep 0.05; done; exit 6")))
    rig.until("RUNNING", "a")
    rig.close()
    (here / "go").touch()
    wait((rig.root / "master/processes/step-s-A.exit").exists)
    rig.open()
    rig.until("FAILED", "a")
    assert rig.at("a").exit_code == 6
    assert rig.text("a", "controller").count("waitProcessCompleted") == 1


def test_a_torn_record_of_a_node_cannot_be(rig: Rig) -> None:
    """A node is laid out when its ``node.json`` is there, and that is written whole."""
    rig.open(spec())
    rig.until("WAITING")
    assert not list(rig.root.glob("*/*.new"))
    assert not list(rig.root.glob("*.new"))


# Logs


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Access]:
    """moto's S3, in a process of its own."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    server = Service(
        "moto", tmp_path_factory.mktemp("moto"), argv=neighbours.argv, env={**keep, **neighbours.environment()},
        tether=None, answers=s3.answers)
    access = S3Access(endpoint=server.ensure(), region="us-east-1", access_key="AKIATEST", secret_key="very secret")
    s3.client(access).create_bucket(Bucket="logs")
    yield access
    server.stop()


def test_logs_are_in_s3_where_emr_has_them_when_the_cluster_has_ended(rig: Rig, moto: S3Access) -> None:
    rig.access, rig.around = moto, replace(rig.around, s3=moto)
    script = rig.root.parent / "action.sh"
    script.parent.mkdir(parents=True)
    script.write_text("echo bootstrapped\n")
    rig.open(spec(
        bash("a", "echo out; echo err >&2; exit 2"), keep_alive=False, log_uri="s3://logs/folder/",
        bootstrap_actions=(BootstrapAction(name="b", path=str(script)),)))
    rig.until("FAILED", "a")
    assert rig.at("a").failure.log_file == f"s3://logs/folder/{ID}/steps/s-A/stderr.gz"
    wait(lambda: str(rig.status().state) == "TERMINATED")
    client = s3.client(moto)
    keys = {entry["Key"] for entry in client.list_objects_v2(Bucket="logs")["Contents"]}
    start = f"folder/{ID}"
    nodes = {node.name: node.instance_id for node in spec().nodes}
    assert keys == {
        *(f"{start}/steps/s-A/{name}.gz" for name in ("controller", "syslog", "stdout", "stderr")),
        *(f"{start}/node/{instance}/bootstrap-actions/1/{name}.gz"
          for instance in nodes.values() for name in ("controller", "stdout", "stderr")),
        *(f"{start}/node/{instance}/daemons/daemons.log.gz" for instance in nodes.values()),
    }

    def read(name: str) -> str:
        return gzip.decompress(client.get_object(Bucket="logs", Key=f"{start}/{name}.gz")["Body"].read()).decode()

    assert (read("steps/s-A/stdout"), read("steps/s-A/stderr")) == ("out\n", "err\n")
    assert "Step failed with exit code 2" in read("steps/s-A/controller")
    assert "very secret" not in read("steps/s-A/controller")
    assert read(f"node/{nodes['core-1']}/bootstrap-actions/1/stdout") == "bootstrapped\n"
    client.close()


def test_logs_that_cannot_go_are_told_and_the_cluster_ends_all_the_same(rig: Rig) -> None:
    rig.open(spec(bash("a", "true"), keep_alive=False, log_uri="s3://logs"))
    wait(lambda: str(rig.status().state) == "TERMINATED", 60)
    assert any(text.startswith(f"logs stay in {rig.root}: could not bring ") for text in rig.troubles)
