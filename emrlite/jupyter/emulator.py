"""The emulator that a notebook talks to: the home's own where one runs, else one that ends with the notebook."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from emrlite import home as homes
from emrlite.cli.client import emr
from emrlite.cli.serve import health
from emrlite.errors import StorageError
from emrlite.jupyter import find, session
from emrlite.jupyter.clusters import Cluster
from emrlite.settings import Settings
from emrlite.testing import environment
from emrlite.testing.emulator import Owner, RunningEmulator
from emrlite.testing.shape import DEFAULT, Shape

#: By home, so that a cell that is run again finds what it has started.
_started: dict[Path, Emulator] = {}


class Emulator:
    """An emulator in a process of its own: a URL, and clusters."""

    def __init__(self, settings: Settings, url: str, own: RunningEmulator | None) -> None:
        self.url, self.home = url, settings.home
        self._settings, self._own, self._pid = settings, own, os.getpid()
        self._emr = emr(url, settings.region)

    def __repr__(self) -> str:
        ends = "ends with this process" if self._own else "was here before"
        return f"<emrlite at {self.url}, home {self.home}, {ends}>"

    def cluster(self, name: str = "notebook", *, core: int = 1, task: int = 0, instance_type: str = "m5.xlarge",
                release: str = DEFAULT, wait: bool = True, **members: Any) -> Cluster:
        """Make a cluster, and return it once it is up.  *members* are RunJobFlow's own: ``Steps``, ``Instances`` …"""
        shape = Shape(core=core, task=task, instance_type=instance_type, release=release)
        cluster_id = str(self._emr.run_job_flow(**shape.run_job_flow(name, members))["JobFlowId"])
        if wait:
            find.up(self.home, cluster_id)
        return Cluster(cluster_id, self.home, self._emr)

    def find(self, cluster_id: str | None = None) -> Cluster:
        """Return a cluster of this home that is there already; without an id the newest that is up."""
        return Cluster(find.find(self.home, cluster_id).spec.id, self.home, self._emr)

    def bucket(self, name: str) -> Path:
        """Make a bucket if need be, and return its folder: a file that is put there is an object of ``s3://name/``."""
        if self._settings.s3 != "local":
            raise StorageError(f"buckets are folders only with the setting s3 = 'local'; it is {self._settings.s3!r}: "
                               "use an S3 client (`export()` points boto3 here)")
        folder = self.home / "s3" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def export(self) -> None:
        """Point AWS clients that this process makes from now on, boto3's too, at this emulator."""
        environment.point_at(self.url, self._settings.region)

    def stop(self) -> None:
        """End it with its clusters, if it was started here; an emulator that was here before stays."""
        if self._own is not None:
            session.close(self.home)
        self.let_go()

    def let_go(self) -> None:
        """End it as it is: at the end of this process the session goes by itself."""
        _started.pop(self.home, None)
        if self._own is not None and self._pid == os.getpid():  # a fork of this process owns nothing
            self._own.stop()
            shutil.rmtree(self._own.room, ignore_errors=True)

    @property
    def answers(self) -> bool:
        """Tell whether its process is there."""
        return self._own.answers if self._own else health(self.url) is not None


def join(home: str, url: str) -> Emulator:
    """Use the emulator at *url*, another process's, wherever this one asks for one of *home*."""
    found = Emulator(Settings.load({"home": home}), url, None)
    _started[found.home] = found
    return found


def start(home: str | Path | None = None) -> Emulator:
    """Return the emulator of *home* (``~/.emrlite``): the one that runs, else a new one that ends with this process."""
    at = Settings.load({"home": home})
    if (known := _started.get(at.home)) and known.answers:
        return known
    if running := homes.running(at.home):
        return Emulator(at, running.url, None)
    room = Path(tempfile.mkdtemp(prefix="emrlite-notebook-"))
    own = RunningEmulator(room, Owner.this_process(), {"home": str(at.home)})
    found = Emulator(at, own.start(_say), own)
    _started[at.home] = found
    atexit.register(found.let_go)
    return found


def _say(text: str) -> None:
    print(text, file=sys.stderr)
