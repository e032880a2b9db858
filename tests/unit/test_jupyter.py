"""What a notebook's user is shown and told, without a process."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from emrlite import home as homes
from emrlite.cluster.model import (
    ClusterSpec,
    ClusterStatus,
    Failure,
    InstanceGroup,
    NodeSpec,
    NodeStatus,
    Role,
    StepSpec,
    StepStatus,
)
from emrlite.cluster.states import ClusterState, InstanceState, StepState
from emrlite.cluster.store import Record, Store
from emrlite.jupyter import find, provisioner, session
from emrlite.jupyter.card import Card
from emrlite.jupyter.session import SessionError, spark

GROUP = InstanceGroup(id="ig-1", role=Role.MASTER, instance_type="m5.xlarge", count=1)
MASTER = NodeSpec(id="ci-1", instance_id="i-1", group_id="ig-1", role=Role.MASTER, instance_type="m5.xlarge", index=1,
                  name="master")
STEP = StepSpec(id="s-1", name="<script>alert(1)</script>", jar="command-runner.jar")
SPEC = ClusterSpec(id="j-1", account="123456789012", region="us-east-1", name="nightly", created=1000.0,
                   release_label="emr-spark-8.1.0", groups=(GROUP,), nodes=(MASTER,), applications=("Spark",))
UP = ClusterStatus(state=ClusterState.WAITING, ready=1010.0, nodes={
    "master": NodeStatus(state=InstanceState.RUNNING, address="127.1.2.1", created=1000.0)})
FAILED = StepStatus(state=StepState.FAILED, started=1100.0, ended=1104.5, exit_code=3,
                    failure=Failure(reason="Unknown Error.", message="no such thing\nmore", log_file="s3://x"))


def record(status: ClusterStatus = UP, **changes: object) -> Record:
    return Record(spec=replace(SPEC, **changes), generation=1, status=status)  # type: ignore[arg-type]


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., None]:
    def save(id: str, status: ClusterStatus = UP, owner: str = homes.DURABLE) -> None:
        Store(tmp_path / "emrlite.db").create(replace(SPEC, id=id), status, owner=owner)

    return save


def test_import_emrlite_brings_nothing_of_notebooks_in():
    program = """
import sys, emrlite
costly = ("pyspark", "botocore", "boto3", "msgspec", "jupyter_client")
print([name for name in sys.modules if name.partition(".")[0] in costly or name.startswith("emrlite.")])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_hours_of_a_card_are_those_of_its_nodes_and_no_price_is_made_up():
    card = Card(record(), (), now=1000.0 + 1800)
    assert card.hours == (0.5, 4.0)
    assert "0.500 instance-hours, 4.00 normalized" in repr(card)
    assert "$" not in repr(card)


def test_the_hours_stop_with_the_node():
    ended = replace(UP, state=ClusterState.TERMINATED, ended=4600.0)
    assert Card(record(ended), (), now=99999.0).hours == (1.0, 8.0)


def test_a_card_shows_state_address_step_and_reason_in_both_forms():
    status = replace(UP, reason="Cluster ready to run steps.", steps={"s-1": FAILED})
    card = Card(record(status, steps=(STEP,)), (("NameNode", "http://127.1.2.1:9870"),), now=2000.0)
    for text in (repr(card), card._repr_html_()):
        for word in ("nightly", "j-1", "WAITING", "ready to run steps", "127.1.2.1", "FAILED", "4.5 s", "no such thing",
                     "http://127.1.2.1:9870"):
            assert word in text, word
        assert "more" not in text


def test_names_of_users_are_no_markup():
    html = Card(record(steps=(STEP,)), (), now=2000.0)._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_home_without_clusters_says_how_to_make_one(tmp_path: Path):
    with pytest.raises(find.NoCluster, match=r"no cluster in .*; make one with emrlite\.start\(\)\.cluster\(\)"):
        find.up(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_cluster_is_said_to_be_with_those_that_are_known(tmp_path: Path, saved: Callable[..., None]):
    saved("j-A")
    with pytest.raises(find.NoCluster, match=r"cluster 'j-B' is unknown in .*; newest: j-A"):
        find.up(tmp_path, "j-B")


def test_an_ended_cluster_is_said_to_be_with_its_reason(tmp_path: Path, saved: Callable[..., None]):
    saved("j-A", replace(UP, state=ClusterState.TERMINATED, reason="Terminated by user request"))
    with pytest.raises(find.NoCluster, match=r"cluster j-A, is TERMINATED|cluster j-A is TERMINATED") as caught:
        find.up(tmp_path, "j-A")
    assert "Terminated by user request" in str(caught.value)


def test_the_newest_cluster_that_is_up_is_taken(tmp_path: Path, saved: Callable[..., None]):
    ownership = homes.Ownership(tmp_path, tethered=False)
    try:
        for id in ("j-A", "j-B"):
            saved(id)
        saved("j-C", replace(UP, state=ClusterState.TERMINATED))
        saved("j-D", owner="tethered-of-one-that-died")
        assert find.up(tmp_path).spec.id == "j-B"
    finally:
        ownership.release()


def test_a_cluster_whose_emulator_has_died_is_none(tmp_path: Path, saved: Callable[..., None]):
    saved("j-A")
    with pytest.raises(find.NoCluster, match="j-A has lost its emulator"):
        find.up(tmp_path, "j-A")


def test_a_kernel_that_starts_again_keeps_its_cluster_as_long_as_that_is_up(
    tmp_path: Path, saved: Callable[..., None], monkeypatch: pytest.MonkeyPatch
):
    made: list[str] = []

    def make(name: str) -> SimpleNamespace:
        made.append(name)
        saved("j-M")
        return SimpleNamespace(id="j-M")

    monkeypatch.setattr(provisioner, "start", lambda home: SimpleNamespace(home=home, url="http://u", cluster=make))
    ownership = homes.Ownership(tmp_path, tethered=False)
    try:
        kernel = provisioner.EmrliteProvisioner()
        picks = [kernel._pick(tmp_path)["cluster"], kernel._pick(tmp_path)["cluster"]]
        saved("j-Z")  # newer, another notebook's
        picks.append(kernel._pick(tmp_path)["cluster"])
        other = provisioner.EmrliteProvisioner()._pick(tmp_path)["cluster"]
        Store(tmp_path / "emrlite.db").save_status(
            "j-M", replace(UP, state=ClusterState.TERMINATED), generation=1, final=True)
        picks.append(kernel._pick(tmp_path)["cluster"])
    finally:
        ownership.release()
    assert (picks, other, made) == (["j-M", "j-M", "j-M", "j-Z"], "j-Z", ["kernel"])


def test_a_cluster_without_spark_gives_no_session(tmp_path: Path):
    Store(tmp_path / "emrlite.db").create(replace(SPEC, applications=("Hadoop",)), UP, owner=homes.DURABLE)
    ownership = homes.Ownership(tmp_path, tethered=False)
    try:
        with pytest.raises(SessionError, match="cluster j-1 has no Spark"):
            spark(home=tmp_path)
    finally:
        ownership.release()


@pytest.mark.parametrize("jvm", [True, False])
def test_another_clusters_session_is_in_the_way_only_while_its_driver_lives(
    jvm: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session, "_active", lambda: SimpleNamespace(master="spark://127.1.2.1:7077"))
    monkeypatch.setattr(session, "_belongs_to", (tmp_path, "j-1"))
    monkeypatch.setattr(session, "_jvm_lives", lambda: jvm)
    monkeypatch.setattr(session, "_lives", lambda home, cluster_id: True)
    monkeypatch.setattr(session, "_end", lambda: None)
    monkeypatch.setattr(session, "_begin", lambda home, info, properties: f"a session on {info.cluster_id}")
    ask = SimpleNamespace(cluster_id="j-2")
    if jvm:
        with pytest.raises(SessionError, match="a session on cluster j-1, .*: call its stop"):
            session._session(tmp_path, ask, {})  # type: ignore[arg-type]
    else:
        assert session._session(tmp_path, ask, {}) == "a session on j-2"  # type: ignore[arg-type]


@pytest.mark.parametrize(("installed", "words"), [
    (SimpleNamespace(__version__="3.5.6"), "this Python has pyspark 3.5.6, the cluster runs Spark 4.1.1: pip install"),
    (None, "pyspark is not installed for .*; the cluster runs Spark 4.1.1: pip install pyspark==4.1.1"),
])
def test_a_pyspark_that_does_not_fit_is_said_so_with_the_version_to_install(
    installed: object, words: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "pyspark", installed)
    with pytest.raises(SessionError, match=words):
        session._must_fit(SimpleNamespace(spark_version="4.1.1"))  # type: ignore[arg-type]
