"""What the doctor says of machines that lack something."""

import socket

import pytest

from emrlite.node import addresses, java
from emrlite.node.doctor import Finding, can_start, doctor
from emrlite.settings import Settings


@pytest.fixture
def look(tmp_path):
    """The findings of an empty home, by name."""

    def look(**settings):
        return {finding.what: finding for finding in doctor(Settings(home=tmp_path / "home", **settings))}

    return look


def test_an_empty_home_lacks_its_archives_and_set_up_cures_it(look):
    found = look()
    for what in ("archives s3a", "archives hdfs", "archives cloud", "S3 server", "engine", "aws CLI"):
        assert not found[what].ok
        assert found[what].cure == "emrlite setup"
    assert found["Python"].ok
    assert not can_start(list(found.values()))


def test_a_java_that_is_passed_over_is_named(look, monkeypatch, tmp_path):
    old = java.Java(home=tmp_path, version="11.0.2", source="JAVA_HOME")
    monkeypatch.setattr(java, "candidates", lambda *_args: iter([old]))
    finding = look()["Java"]
    assert not finding.ok
    assert "passed over: Java 11.0.2 of JAVA_HOME" in finding.detail


def test_a_taken_port_is_told_but_keeps_no_cluster_from_starting(look):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        finding = look(port=listener.getsockname()[1])[f"port {listener.getsockname()[1]}"]
    assert (finding.ok, finding.needed) == (False, False)
    assert "taken by" in finding.detail
    assert can_start([finding])


def test_many_addresses_where_there_is_one_are_refused(look, monkeypatch):
    monkeypatch.setattr(addresses, "has_many", lambda: False)
    assert look(addresses="auto")["addresses"].version == "single"
    finding = look(addresses="many")["addresses"]
    assert not finding.ok
    assert "only 127.0.0.1" in finding.detail


def test_a_spark_without_a_list_of_archives_is_a_finding(look):
    finding = look(spark="1.6.0")["engine"]
    assert not finding.ok
    assert "1.6.0" in finding.detail


def test_what_is_not_needed_does_not_count():
    assert can_start([Finding(what="memory", ok=False, needed=False), Finding(what="Java", ok=True)])
    assert not can_start([Finding(what="Java", ok=False)])
