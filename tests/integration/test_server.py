"""The emulator as a whole, without processes of clusters."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import psutil
from simulation import spec

from emrlite.cluster.model import ClusterStatus
from emrlite.cluster.store import Store
from emrlite.node.process import MARK_VARIABLE, OWNER_VARIABLE
from emrlite.server import Emulator
from emrlite.settings import Settings


def settings(home: Path) -> Settings:
    return Settings(home=home, port=0, timing="instant", s3="moto")


def test_orphans_of_no_cluster_are_gone_after_the_next_start(tmp_path: Path) -> None:
    home = tmp_path / "home"
    owner = {OWNER_VARIABLE: f"{home}#durable"}
    marks = {MARK_VARIABLE: f"{home}/clusters/j-GONE/master#step-s-1"}
    orphan = subprocess.Popen(["sleep", "100"], env={**os.environ, **owner, **marks})
    stranger = subprocess.Popen(["sleep", "100"], env={**os.environ, OWNER_VARIABLE: "another home", **marks})
    try:
        with Emulator(settings(home), tethered=False):
            assert not psutil.pid_exists(orphan.pid)
            assert stranger.poll() is None
    finally:
        for process in (orphan, stranger):
            process.kill()
            process.wait(10)


def test_a_cluster_that_cannot_be_attached_keeps_no_other_from_it(tmp_path: Path, monkeypatch) -> None:
    home = tmp_path / "home"
    store = Store(home / "emrlite.db")
    for name in ("j-BAD", "j-GOOD"):
        store.create(spec(id=name, keep_alive=False), ClusterStatus(), owner="durable")
    driver = Emulator._driver

    def broken(self, asked):
        if asked.id == "j-BAD":
            raise PermissionError("its directory cannot be read")
        return driver(self, asked)

    monkeypatch.setattr(Emulator, "_driver", broken)
    with Emulator(settings(home), tethered=False):
        deadline = time.monotonic() + 20
        while store.record("j-GOOD").status.ended is None and time.monotonic() < deadline:
            time.sleep(0.05)

    assert store.record("j-GOOD").status.ended is not None
    assert any("its directory cannot be read" in event.reason for event in store.events("j-BAD"))
