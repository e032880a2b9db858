import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from simulation import ID, spec, step

from emrlite.cluster import store as module
from emrlite.cluster.model import (
    BootstrapAction,
    CancelOption,
    ClusterStatus,
    Configuration,
    Event,
    Failure,
    NodeStatus,
    StepStatus,
)
from emrlite.cluster.states import ClusterState, InstanceState, StepState
from emrlite.cluster.store import Store
from emrlite.errors import StorageError

FULL = spec(
    step("a"), task=1, tags={"k": "v"}, cancels={"s-A": CancelOption.TERMINATE_PROCESS}, log_uri="s3://logs/x",
    bootstrap_actions=(BootstrapAction(name="b", path="s3://b/x", args=("1", "ü")),),
    configurations=(Configuration(classification="spark-env", configurations=(
        Configuration(classification="export", properties={"A": "1"}),)),),
    echo={"ServiceRole": "r", "Ec2InstanceAttributes": {"Ec2SubnetId": "s"}, "EbsRootVolumeSize": 15})
STATUS = ClusterStatus(
    state=ClusterState.RUNNING, ready=2.5, reason="Running step", versions={"Spark": "4.1.1"},
    nodes={"master": NodeStatus(state=InstanceState.RUNNING, address="127.1.2.1")},
    steps={"s-A": StepStatus(state=StepState.FAILED, exit_code=3, failure=Failure(
        reason="Unknown Error.", message="x", log_file="s3://l"))})


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "a home" / "emrlite.db")


def test_what_is_saved_is_read_back_whole(store):
    store.create(FULL, STATUS, [Event(time=1.0, subject="cluster", state="STARTING")])
    again = Store(store.path).record(ID)
    assert (again.spec, again.status, again.generation) == (FULL, STATUS, 1)
    assert type(again.status.steps["s-A"].state) is StepState
    assert again.spec.cancels["s-A"] is CancelOption.TERMINATE_PROCESS


def test_after_each_change_by_whomever_its_stamp_is_another(store):
    stamps = [store.stamp()]
    store.create(spec(), ClusterStatus())
    stamps.append(store.stamp())
    Store(store.path).add_events(ID, [Event(time=1.0, subject="cluster", state="TROUBLE")])
    stamps.append(store.stamp())
    store.record(ID)
    assert store.stamp() == stamps[-1]
    assert len(set(stamps)) == 3


def test_an_id_is_given_once(store):
    store.create(spec(), ClusterStatus())
    with pytest.raises(StorageError, match=f"there is a cluster {ID} already"):
        store.create(spec(name="another"), ClusterStatus())
    assert store.record(ID).spec.name == "demo"
    assert store.events(ID) == []


def test_who_is_not_there_is_a_key_error(store):
    with pytest.raises(KeyError):
        store.record("j-NONE")
    with pytest.raises(KeyError):
        store.change_spec("j-NONE", lambda record: record.spec)


def test_eight_hundred_changes_of_eight_threads_all_count(store):
    store.create(spec(), ClusterStatus())
    start = threading.Barrier(8)

    def work(number):
        start.wait(timeout=10)
        for turn in range(100):
            new = step(f"{number}x{turn}")
            store.change_spec(ID, lambda record, new=new: replace(record.spec, steps=(*record.spec.steps, new)))

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, number) for number in range(8)]:
            done.result(timeout=120)
    record = store.record(ID)
    assert record.generation == 801
    names = [each.name for each in record.spec.steps]
    assert sorted(names) == sorted(f"{number}x{turn}" for number in range(8) for turn in range(100))
    for number in range(8):
        mine = [name for name in names if name.startswith(f"{number}x")]
        assert mine == [f"{number}x{turn}" for turn in range(100)]


def test_a_status_planned_from_an_older_spec_is_refused(store):
    store.create(spec(), ClusterStatus())
    generation = store.record(ID).generation
    store.change_spec(ID, lambda record: replace(record.spec, steps=(step("late"),)))
    event = Event(time=1.0, subject="cluster", state="TERMINATED")
    ended = ClusterStatus(state=ClusterState.TERMINATED)
    assert not store.save_status(ID, ended, generation=generation, final=True, events=[event])
    assert (store.record(ID).status, store.events(ID)) == (ClusterStatus(), [])
    assert [record.spec.id for record in store.live()] == [ID]
    assert store.save_status(ID, ended, generation=generation + 1, final=True, events=[event])
    assert (store.record(ID).status, store.events(ID)) == (ended, [event])
    assert store.live() == []


def test_a_change_that_changes_nothing_moves_nothing(store):
    store.create(spec(), ClusterStatus())
    assert store.change_spec(ID, lambda record: replace(record.spec)).generation == 1
    assert store.record(ID).generation == 1


def test_what_a_change_raises_goes_through_and_nothing_is_written(store):
    store.create(spec(), ClusterStatus())

    def refuse(record):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.change_spec(ID, refuse)
    assert store.record(ID).generation == 1
    store.terminate(ID)  # the lock was let go
    assert store.record(ID).spec.terminate


def test_clusters_are_told_apart_by_account_and_region_newest_first(store):
    for number, (account, region) in enumerate([("1", "a"), ("1", "b"), ("2", "a"), ("1", "a")]):
        store.create(spec(id=f"j-{number}", account=account, region=region), ClusterStatus())
    assert [record.spec.id for record in store.records("1", "a")] == ["j-3", "j-0"]
    assert [record.spec.id for record in store.records("2", "a")] == ["j-2"]
    assert [record.spec.id for record in store.all()] == ["j-3", "j-2", "j-1", "j-0"]


def test_what_an_emulator_owned_and_has_ended_is_forgotten_and_nothing_else(store):
    for name, owner, final in (("j-1", "me", True), ("j-2", "me", False), ("j-3", "other", True)):
        first = Event(time=1.0, subject="cluster", state="STARTING")
        store.create(spec(id=name), ClusterStatus(), [first], owner=owner)
        store.save_status(name, ClusterStatus(), generation=1, final=final)
    assert store.owners() == {"j-2": "me"}
    store.forget_ended("me")
    assert [record.spec.id for record in store.all()] == ["j-3", "j-2"]
    assert (store.events("j-1"), len(store.events("j-3"))) == ([], 1)
    store.own("j-2", "other")
    assert store.owners() == {"j-2": "other"}


def test_events_keep_their_order(store):
    store.create(spec(), ClusterStatus())
    store.add_events(ID, [Event(time=9.0, subject="a", state="1"), Event(time=3.0, subject="a", state="2")])
    store.add_events(ID, [Event(time=0, subject="a", state="3", reason="now")])
    told = store.events(ID)
    assert [event.state for event in told] == ["1", "2", "3"]
    assert told[2].time > 1e9


def test_a_newer_schema_is_refused_and_left_alone(store):
    with sqlite3.connect(store.path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StorageError, match=r"emrlite\.db was written by a newer emrlite \(schema 99.*upgrade emrlite"):
        Store(store.path)
    with sqlite3.connect(store.path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (99,)
    db.close()


def test_an_older_schema_is_brought_up_and_keeps_its_clusters(store, monkeypatch):
    store.create(FULL, STATUS)
    more = ("ALTER TABLE clusters ADD COLUMN note TEXT NOT NULL DEFAULT 'none';\nCREATE TABLE other (x INTEGER);\n",)
    monkeypatch.setattr(module, "MIGRATIONS", module.MIGRATIONS + more)
    number = len(module.MIGRATIONS)
    for _ in range(2):  # the second time there is nothing to do
        newer = Store(store.path)
    assert newer.record(ID).spec == FULL
    with sqlite3.connect(store.path) as db:
        assert db.execute("SELECT note FROM clusters").fetchone() == ("none",)
        assert db.execute("PRAGMA user_version").fetchone() == (number,)
    db.close()


def test_a_migration_that_fails_changes_nothing(store, monkeypatch):
    store.create(FULL, STATUS)
    monkeypatch.setattr(module, "MIGRATIONS", (*module.MIGRATIONS, "CREATE TABLE other (x INTEGER);\nNONSENSE;\n"))
    with pytest.raises(sqlite3.OperationalError):
        Store(store.path)
    monkeypatch.undo()
    assert Store(store.path).record(ID).spec == FULL
    with sqlite3.connect(store.path) as db:
        assert db.execute("SELECT name FROM sqlite_master WHERE name = 'other'").fetchone() is None
    db.close()


def test_many_stores_may_open_one_new_file_at_once(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        for number in range(150):  # one in fifty failed, where SQLite does not wait
            path = tmp_path / f"{number}" / "emrlite.db"
            stores = list(pool.map(Store, [path] * 8, timeout=60))
            stores[0].create(spec(), ClusterStatus())
            assert all(store.record(ID).spec == spec() for store in stores)


def test_a_connection_is_kept_for_the_next_use_and_closed_with_its_store(store):
    store.create(spec(), ClusterStatus())
    (kept,) = store._idle
    store.record(ID)
    assert store._idle == [kept]
    with pytest.raises(KeyError):
        store.record("j-NONE")
    assert store._idle == [], "who was interrupted does not come back"
    store.record(ID)
    ((_, kept),) = store._idle
    module._close(store._idle)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        kept.execute("SELECT 1")


def test_who_removes_the_file_has_removed_the_store(store):
    store.create(spec(), ClusterStatus())
    shutil.rmtree(store.path.parent)
    with pytest.raises(sqlite3.OperationalError):
        store.record(ID)
    Store(store.path).create(spec(name="another"), ClusterStatus())
    assert store.record(ID).spec.name == "another"


def test_who_is_kept_out_says_by_what_and_does_not_wait_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.1)
    with module._alone(tmp_path), pytest.raises(StorageError, match=f"another process has kept {tmp_path}"):
        Store(tmp_path / "emrlite.db")
    Store(tmp_path / "emrlite.db")
