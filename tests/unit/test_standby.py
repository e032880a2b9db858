"""A cluster that stands by: for whom it is, what it is made like, and how it ends."""

import shutil
from dataclasses import replace
from unittest import mock

import pytest
from rig import wait_for
from simulation import spec, step

from emrlite.cluster import ids, standby
from emrlite.cluster.model import BootstrapAction, Configuration
from emrlite.cluster.standby import Standby
from emrlite.node.driver import FakeDriver


class Rig:
    def __init__(self, root):
        self.root, self.drivers = root, {}
        self.standby = Standby(root, self.driver)

    def driver(self, asked):
        return self.drivers.setdefault(asked.id, FakeDriver())

    @property
    def ids(self):
        return [path.parent.name for path in self.root.glob(f"*/{standby.STORE}")]

    def up(self):
        """Wait for one that stands by; return its id."""
        self.standby.keep(idle=True)
        (waiting,) = self.ids
        driver = self.drivers[waiting]
        wait_for(lambda: sum("namenode" in node.daemons for node in driver.nodes.values()), 10)
        return waiting


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    yield rig
    rig.standby.close(10)
    assert rig.ids == []


def asked(**changes):
    own = {"id": ids.cluster_id(), "keep_alive": False, "name": "mine"}
    return replace(spec(step("one"), core=2, task=1), **{**own, **changes})


def test_one_like_the_last_stands_by_only_when_nothing_else_runs(rig):
    rig.standby.keep(idle=True)
    assert rig.ids == [], "nobody has asked for any"
    rig.standby.launched(asked())
    rig.standby.keep(idle=False)
    assert rig.ids == []
    rig.up()
    rig.standby.keep(idle=True)
    assert len(rig.ids) == 1


def test_it_is_taken_with_its_ids_and_is_what_was_asked_for(rig):
    rig.standby.launched(asked())
    waiting = rig.up()
    mine = asked(created=1.0, log_uri="s3://b/logs/")
    taken, driver = rig.standby.take(mine)

    assert taken.id == waiting != mine.id
    assert driver is rig.drivers[waiting]
    assert ("adopt", "mine") in driver.calls
    same = {name: getattr(taken, name) for name in ("name", "steps", "log_uri", "keep_alive", "created", "account")}
    assert same == {name: getattr(mine, name) for name in same}
    assert {node.group_id for node in taken.nodes} == {group.id for group in taken.groups}
    assert not {group.id for group in taken.groups} & {group.id for group in mine.groups}
    assert {node.instance_id for node in taken.nodes}.isdisjoint(node.instance_id for node in mine.nodes)
    assert rig.standby.take(mine) is None, "it serves once"
    rig.standby.launched(taken)
    assert rig.ids == [], "it stands by no more"


@pytest.mark.parametrize("changes", [
    {"region": "eu-west-1"}, {"release_label": "emr-7.0.0"}, {"applications": ("Hadoop",)},
    {"configurations": (Configuration(classification="spark-defaults", properties={"a": "b"}),)},
    {"bootstrap_actions": (BootstrapAction(name="b", path="/bin/true"),)},
    {"groups": spec(core=1, task=1).groups, "nodes": spec(core=1, task=1).nodes},
])
def test_when_another_is_asked_for_it_ends(rig, changes):
    rig.standby.launched(asked())
    waiting = rig.up()
    assert rig.standby.take(asked(**changes)) is None
    wait_for(lambda: rig.drivers[waiting].released, 10)
    rig.standby.keep(idle=False)
    wait_for(lambda: rig.standby.keep(idle=False) or not rig.ids, 10)
    assert not (rig.root / waiting).exists()


def test_names_steps_tags_and_logs_make_no_difference(rig):
    rig.standby.launched(asked())
    rig.up()
    other = asked(tags={"a": "b"}, log_uri="s3://b/", keep_alive=True, steps=(), step_concurrency=5)
    found = rig.standby.take(other)
    assert found is not None
    rig.standby.launched(found[0])


def test_one_that_has_lost_a_node_is_not_taken(rig):
    rig.standby.launched(asked())
    waiting = rig.up()
    rig.drivers[waiting].kill_daemons("core-1")
    assert rig.standby.take(asked()) is None
    wait_for(lambda: rig.drivers[waiting].released, 10)
    wait_for(lambda: rig.standby.keep(idle=False) or not rig.ids, 10)


@pytest.mark.parametrize("when", ["adopt", "create"])
def test_one_that_cannot_be_handed_over_ends(rig, monkeypatch, when):
    rig.standby.launched(asked())
    waiting = rig.up()
    if when == "adopt":
        monkeypatch.setattr(rig.drivers[waiting], "adopt", mock.Mock(side_effect=OSError("no space")))
        assert rig.standby.take(asked()) is None
    else:
        assert rig.standby.take(asked()) is not None
        rig.standby.give_back()
    wait_for(lambda: rig.standby.keep(idle=False) or not (rig.root / waiting).exists(), 10)
    assert rig.drivers[waiting].released


@pytest.mark.parametrize("then", ["take", "keep", "close"])
def test_one_whose_directory_somebody_removed_is_forgotten(rig, then):
    rig.standby.launched(asked())
    waiting = rig.up()
    shutil.rmtree(rig.root / waiting)
    if then == "take":
        assert rig.standby.take(asked()) is None
    elif then == "keep":
        rig.standby.keep(idle=True)
    else:
        rig.standby.close(5)
    assert rig.standby.cluster is None
    wait_for(lambda: all(node.stopped for node in rig.drivers[waiting].nodes.values()), 10)


def test_it_gives_way_to_what_else_comes_up_in_the_home(rig):
    rig.standby.launched(asked())
    waiting = rig.up()
    wait_for(lambda: rig.standby.keep(idle=False) or not rig.ids, 10)
    assert rig.drivers[waiting].released
    assert rig.up() != waiting, "the next comes when that has ended"


def test_nobody_stands_by_for_a_cluster_with_bootstrap_actions(rig):
    rig.standby.launched(asked(bootstrap_actions=(BootstrapAction(name="b", path="/bin/true"),)))
    rig.standby.keep(idle=True)
    assert rig.ids == []


def test_one_for_which_nobody_comes_ends_and_no_other_follows(rig, monkeypatch):
    rig.standby.launched(asked())
    waiting = rig.up()
    monkeypatch.setattr(standby, "PATIENCE", 0.0)
    wait_for(lambda: rig.standby.keep(idle=True) or not (rig.root / waiting).exists(), 10)
    rig.standby.keep(idle=True)
    assert rig.ids == []


def test_what_a_killed_emulator_left_is_removed(rig):
    left, taken, other = (rig.root / name for name in ("j-LEFT", "j-TAKEN", "j-OTHER"))
    for path in (left, taken, other):
        path.mkdir()
    for path in (left, taken):
        (path / standby.STORE).touch()
    standby.remove_left(rig.root, lambda name: name == "j-TAKEN")
    assert not left.exists()
    assert taken.exists(), "it was killed when that was somebody's already"
    assert other.exists()
    (taken / standby.STORE).unlink()
