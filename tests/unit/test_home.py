import fcntl
import os
import threading

import pytest

from emrlite import home
from emrlite.errors import HomeInUse


def test_a_home_has_one_durable_emulator_and_says_which(tmp_path):
    first = home.Ownership(tmp_path, tethered=False)
    try:
        with pytest.raises(HomeInUse, match="another process, which is just starting"):
            home.Ownership(tmp_path, tethered=False)
        first.announce("http://127.0.0.1:4566")
        assert home.running(tmp_path) == home.Running(pid=os.getpid(), url="http://127.0.0.1:4566")
        with pytest.raises(HomeInUse, match=rf"process {os.getpid()} at http://127\.0\.0\.1:4566.*emrlite stop"):
            home.Ownership(tmp_path, tethered=False)
    finally:
        first.release()
    assert home.running(tmp_path) is None
    home.Ownership(tmp_path, tethered=False).release()


def test_tethered_emulators_work_beside_each_other(tmp_path):
    owners = [home.Ownership(tmp_path, tethered=tethered) for tethered in (True, True, False)]
    assert len({each.owner for each in owners}) == 3
    assert all(home.is_alive(tmp_path, each.owner) for each in owners)
    assert home.anybody(tmp_path)
    for each in owners:
        each.release()
    assert not home.anybody(tmp_path)
    assert list((tmp_path / "emulators").glob("tethered-*")) == []


def test_nobody_is_alive_in_a_home_that_is_not_there(tmp_path):
    assert not home.is_alive(tmp_path / "none", "durable")
    assert not home.anybody(tmp_path / "none")
    assert home.running(tmp_path / "none") is None
    assert not (tmp_path / "none").exists()


def test_who_only_looks_does_not_keep_an_emulator_from_its_home(tmp_path):
    """`emrlite start -d` looks again and again while the emulator starts."""
    path = tmp_path / "emulators" / "durable.lock"
    path.parent.mkdir()
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        release = threading.Timer(0.05, lambda: fcntl.flock(file, fcntl.LOCK_UN))
        release.start()
        home.Ownership(tmp_path, tethered=False).release()
        release.join()


@pytest.mark.parametrize("text", ["", "{", '{"pid": 1}'])
def test_a_torn_announcement_is_nobodys(tmp_path, text):
    owner = home.Ownership(tmp_path, tethered=False)
    try:
        (tmp_path / "emulator.json").write_text(text)
        assert home.running(tmp_path) is None
    finally:
        owner.release()
