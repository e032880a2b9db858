"""`setup --when-idle` takes no core from whoever waits for a cluster."""

import threading
from types import SimpleNamespace

import pytest
from simulation import ID, spec

from emrlite import home
from emrlite.cli import group, install
from emrlite.cluster.model import ClusterStatus
from emrlite.cluster.states import ClusterState
from emrlite.cluster.store import Store
from emrlite.node import engines


@pytest.fixture
def begun(monkeypatch, tmp_path):
    """Set when set-up itself begins."""
    begun = threading.Event()
    monkeypatch.setattr(install, "IDLE_LOOKS", 2)
    monkeypatch.setattr(install.signal, "signal", lambda *_: None)  # only a main thread may

    def ensure(*_, **__):
        begun.set()
        return SimpleNamespace(spark="", hadoop="", java_home="")

    monkeypatch.setattr(engines, "ensure", ensure)
    return begun


@pytest.fixture
def owner(tmp_path):
    ownership = home.Ownership(tmp_path, tethered=True)
    yield ownership
    ownership.release()


def set_up(tmp_path):
    words = ["--home", str(tmp_path), "setup", "--when-idle"]
    thread = threading.Thread(target=group, args=(words,), kwargs={"standalone_mode": False})
    thread.start()
    return thread


def test_set_up_begins_when_the_run_has_ended(begun, owner, tmp_path):
    store = Store(tmp_path / "emrlite.db")
    store.create(spec(), ClusterStatus(state=ClusterState.RUNNING), owner=owner.owner)
    thread = set_up(tmp_path)
    assert not begun.wait(1.0), "a step runs"
    store.save_status(ID, ClusterStatus(state=ClusterState.WAITING), generation=1, final=False)
    assert begun.wait(10)
    thread.join(10)


def test_set_up_begins_when_a_step_waits_for_the_aws_cli(begun, owner, tmp_path):
    Store(tmp_path / "emrlite.db").create(spec(), ClusterStatus(state=ClusterState.RUNNING), owner=owner.owner)
    thread = set_up(tmp_path)
    assert not begun.wait(1.0)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/aws.wanted").touch()
    assert begun.wait(10)
    thread.join(10)


def test_a_cluster_that_nobody_looks_after_keeps_no_set_up_waiting(begun, tmp_path):
    Store(tmp_path / "emrlite.db").create(spec(), ClusterStatus(state=ClusterState.RUNNING), owner="tethered-gone")
    thread = set_up(tmp_path)
    assert begun.wait(10)
    thread.join(10)


def test_set_up_does_not_wait_for_ever(begun, owner, tmp_path, monkeypatch):
    monkeypatch.setattr(install, "PATIENCE", 0.5)
    Store(tmp_path / "emrlite.db").create(spec(), ClusterStatus(), owner=owner.owner)
    thread = set_up(tmp_path)
    assert begun.wait(10)
    thread.join(10)
