"""Masters that come up are not asked more often than it pays."""

from __future__ import annotations

import pytest

from emrlite.node import readiness


class Counted(readiness.Readiness):
    """Asks nobody, and counts."""

    asked = 0

    def __init__(self):
        super().__init__(network=None)

    def _datanodes(self):
        self.asked += 1
        return set()

    def _workers(self):
        return set()


class Spec:
    """A cluster whose nodes are not looked at one by one."""

    nodes = ()


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(readiness.time, "monotonic", lambda: now[0])
    return now


def test_a_master_is_asked_at_once_and_then_again_after_a_while(clock):
    looks = Counted()
    for after, asked in ((0, 1), (0.02, 1), (0.02, 1), (0.03, 2), (0.02, 2)):
        clock[0] += after
        looks.look(Spec, {"core-1": ["datanode", "spark-worker"]})
        assert looks.asked == asked, clock


def test_nobody_is_asked_where_all_are_ready(clock):
    looks = Counted()
    looks._ready = {("core-1", "datanode")}
    looks.look(Spec, {"core-1": ["datanode"]})
    assert looks.asked == 0
