import itertools
import logging
import sqlite3
import threading
import time
from dataclasses import replace
from unittest import mock

import pytest
from simulation import ID, spec, step

from emrlite.cluster import reconciler as module
from emrlite.cluster.model import ClusterStatus
from emrlite.cluster.reconciler import Reconciler
from emrlite.cluster.reconcilers import Limits, Reconcilers, footprint
from emrlite.cluster.store import Store
from emrlite.errors import NodeError, StorageError, ValidationException
from emrlite.node.driver import FakeDriver


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "emrlite.db")


def wait(look, seconds=20.0):
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not look():
        assert time.monotonic() < deadline, "it did not come about in time"
        pause.wait(0.01)


def state(store, name=ID):
    return str(store.record(name).status.state)


def test_a_thread_brings_a_cluster_about_and_ends_with_it(store):
    store.create(spec(step("a"), keep_alive=False), ClusterStatus())
    with Reconciler(store, ID, FakeDriver()) as reconciler:
        wait(lambda: reconciler.done)
    assert state(store) == "TERMINATED"


def test_leaving_the_block_ends_the_thread_and_not_the_cluster(store):
    store.create(spec(), ClusterStatus())
    driver = FakeDriver()
    with Reconciler(store, ID, driver):
        wait(lambda: state(store) == "WAITING")
    assert not driver.released
    with Reconciler(store, ID, driver) as again:
        store.terminate(ID)
        again.poke()
        wait(lambda: again.done)
    assert state(store) == "TERMINATED"


def test_where_one_pass_leads_to_the_next_nobody_waits(store, monkeypatch):
    monkeypatch.setattr(module, "BUSY", 60.0)
    monkeypatch.setattr(module, "SLOW", 60.0)
    store.create(spec(step("a"), keep_alive=False), ClusterStatus())
    with Reconciler(store, ID, FakeDriver()) as reconciler:
        wait(lambda: reconciler.done)
    assert state(store) == "TERMINATED"


def test_an_action_that_changes_nothing_yet_is_not_repeated_without_a_pause(store, monkeypatch):
    monkeypatch.setattr(module, "BUSY", 0.2)
    store.create(spec(step("a"), keep_alive=False), ClusterStatus())
    driver, calls = FakeDriver(), []
    driver.ship_logs = lambda asked: calls.append(time.monotonic())
    with Reconciler(store, ID, driver) as reconciler:
        wait(lambda: len(calls) > 3)
        driver.shipped = True
        wait(lambda: reconciler.done)
    assert all(later - earlier >= 0.1 for earlier, later in itertools.pairwise(calls[1:]))


def test_what_is_asked_for_is_found_without_a_poke(store):
    store.create(spec(), ClusterStatus())
    with Reconciler(store, ID, FakeDriver()) as reconciler:
        wait(lambda: state(store) == "WAITING")
        store.terminate(ID)
        wait(lambda: reconciler.done)


def test_a_trouble_that_passes_is_told_once_and_outlived(store, caplog):
    store.create(spec(), ClusterStatus())
    driver, left = FakeDriver(), [3]
    provision = driver.provision

    def sometimes(asked, node):
        if left[0]:
            left[0] -= 1
            raise NodeError("no address is free")
        provision(asked, node)

    driver.provision = sometimes
    with caplog.at_level(logging.CRITICAL), Reconciler(store, ID, driver):
        wait(lambda: state(store) == "WAITING")
    troubles = [event.reason for event in store.events(ID) if event.state == "TROUBLE"]
    assert troubles == ["NodeError: no address is free"]


def test_a_trouble_that_stays_ends_the_cluster_with_its_reason(store, monkeypatch, caplog):
    monkeypatch.setattr(module, "AGAIN", 0.001)
    store.create(spec(step("a")), ClusterStatus())
    driver = FakeDriver()

    def refuse(asked, at):
        raise RuntimeError("broken")

    driver.run_step = refuse
    with caplog.at_level(logging.CRITICAL), Reconciler(store, ID, driver) as reconciler:
        wait(lambda: reconciler.done)
    status = store.record(ID).status
    assert (str(status.state), status.reason_code) == ("TERMINATED_WITH_ERRORS", "INTERNAL_ERROR")
    assert status.reason == "RuntimeError: broken"
    assert str(status.step("s-A").state) == "CANCELLED"


def test_a_store_that_cannot_be_written_for_a_while_does_not_end_the_loop(store, monkeypatch, caplog):
    monkeypatch.setattr(module, "AGAIN", 0.001)
    store.create(spec(keep_alive=False), ClusterStatus())
    broken = threading.Event()
    broken.set()
    write = store._write

    def full():
        if broken.is_set():
            raise sqlite3.OperationalError("database or disk is full")
        return write()

    monkeypatch.setattr(store, "_write", full)
    with caplog.at_level(logging.CRITICAL), Reconciler(store, ID, FakeDriver()) as reconciler:
        wait(lambda: reconciler._failures > module.PATIENCE + 2)
        assert not reconciler.done
        broken.clear()
        wait(lambda: reconciler.done)
    assert state(store) == "TERMINATED"


def test_the_end_of_a_process_is_seen_long_before_the_next_look(store, monkeypatch):
    class Told(FakeDriver):
        ended = False

        def news(self):
            return self.ended

    monkeypatch.setattr(module, "SHARE_OF_STEPS", 1e-9)
    monkeypatch.setattr(module, "SLOW", 60.0)
    store.create(spec(step("a"), keep_alive=False), ClusterStatus())
    driver = Told(hang=frozenset("a"))
    with Reconciler(store, ID, driver) as reconciler:
        wait(lambda: "s-A" in driver.steps)
        time.sleep(0.1)  # it looks a minute later now
        driver.steps["s-A"] = replace(driver.steps["s-A"], ended=time.time(), exit_code=0)
        driver.ended = True
        wait(lambda: reconciler.done)
    assert state(store) == "TERMINATED"


# Many clusters


def limits(memory=4000, admit=lambda asked: None):
    return Limits(memory=memory, versions={"Spark": "4.1.1"}, admit=admit)


def test_clusters_are_launched_poked_and_end_together(store):
    with Reconcilers(store, lambda asked: FakeDriver(), limits(), owner="me", hold=0.0) as clusters:
        for name in ("j-1", "j-2"):
            clusters.launch(spec(id=name, termination_protected=True))
        wait(lambda: {state(store, name) for name in ("j-1", "j-2")} == {"WAITING"})
        assert store.record("j-1").status.versions == {"Spark": "4.1.1"}
        assert store.owners() == {"j-1": "me", "j-2": "me"}
        assert store.events("j-1")[0].reason == "RunJobFlow"
        clusters.reset(20.0)
        assert store.all() == []


def test_an_end_that_takes_too_long_names_the_clusters(store):
    class Stubborn(FakeDriver):
        def stop_nodes(self, asked, nodes):
            """Nothing happens."""

    driver = Stubborn()
    with Reconcilers(store, lambda asked: driver, limits(), owner="me", hold=0.0) as clusters:
        clusters.launch(spec())
        wait(lambda: driver.nodes)  # before it has a node a cluster ends at once
        with pytest.raises(TimeoutError, match=f"{ID} did not end within"):
            clusters.end_all(0.3)


def test_clusters_of_an_earlier_emulator_go_on(store):
    driver = FakeDriver(hang=frozenset("a"))
    with Reconcilers(store, lambda asked: driver, limits(), owner="me", hold=0.0) as clusters:
        clusters.launch(spec(step("a")))
        wait(lambda: str(store.record(ID).status.step("s-A").state) == "RUNNING")
    with Reconcilers(store, lambda asked: driver, limits(), owner="next", hold=0.0) as clusters:
        clusters.attach([ID])
        assert store.owners() == {ID: "next"}
        store.terminate(ID)
        clusters.poke(ID)
        wait(lambda: state(store) == "TERMINATED")
    assert driver.calls.count(("run_step", "s-A")) == 1


def test_what_does_not_fit_beside_the_others_is_refused_with_numbers(store):
    small = spec(id="j-1")
    room = limits(footprint(small) * 2 - 1)
    with Reconcilers(store, lambda asked: FakeDriver(), room, owner="me", hold=0.0) as clusters:
        clusters.launch(small)
        with pytest.raises(ValidationException, match="2 nodes take about 1250 MiB, running clusters 1250 MiB of the"):
            clusters.launch(spec(id="j-2"))
        assert [record.spec.id for record in store.all()] == ["j-1"]
        store.terminate("j-1")
        wait(lambda: state(store, "j-1") == "TERMINATED")
        clusters.launch(spec(id="j-2"))


def test_a_cluster_that_is_refused_or_cannot_be_looked_after_is_not_written_down(store):
    def refuse(asked):
        raise ValidationException("no such release")

    def broken(asked):
        raise NodeError("no Java")

    strict = Reconcilers(store, lambda asked: FakeDriver(), limits(admit=refuse), owner="me", hold=0.0)
    with strict as clusters, pytest.raises(ValidationException):
        clusters.launch(spec())
    with Reconcilers(store, broken, limits(), owner="me", hold=0.0) as clusters, pytest.raises(NodeError, match="Java"):
        clusters.launch(spec())
    assert store.all() == []


def test_a_cluster_that_stood_by_is_told_of_as_such_or_given_back(store):
    ready = mock.Mock(take=lambda asked: (replace(asked, id="j-READY"), FakeDriver()))
    with Reconcilers(store, None, limits(), owner="me", hold=0.0, standby=ready) as clusters:
        assert clusters.launch(spec(id="j-ASKED")).id == "j-READY"
        ready.launched.assert_called_once_with(store.record("j-READY").spec)
        assert store.events("j-READY")[0].reason == "RunJobFlow; a cluster like this stood by"
        with pytest.raises(StorageError, match="j-READY already"):
            clusters.launch(spec())
        ready.give_back.assert_called_once_with()
        clusters.end_all(20.0)


def test_a_reset_spares_what_is_kept_and_wipes_its_hdfs(store):
    drivers = {"j-1": FakeDriver(), "j-2": FakeDriver()}
    with Reconcilers(store, lambda asked: drivers[asked.id], limits(), owner="me", hold=0.0) as clusters:
        clusters.launch(spec(id="j-1", keep_alive=True))
        clusters.launch(spec(id="j-2", keep_alive=True))
        wait(lambda: state(store, "j-1") == state(store, "j-2") == "WAITING")
        clusters.reset(10, frozenset({"j-1", "j-unknown"}))
        assert [record.spec.id for record in store.all()] == ["j-1"]
        assert state(store, "j-1") == "WAITING"
        assert ("wipe_hdfs", "") in drivers["j-1"].calls
        assert ("wipe_hdfs", "") not in drivers["j-2"].calls
        store.terminate("j-1")
        clusters.poke("j-1")
        wait(lambda: state(store, "j-1") == "TERMINATED")
