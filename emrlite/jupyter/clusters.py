"""A cluster as a notebook has it: run a step, take a session, look at its card, end it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from emrlite.cluster.states import ClusterState, is_final
from emrlite.cluster.store import Record
from emrlite.errors import LogNotFound
from emrlite.jupyter import find, session
from emrlite.jupyter.card import Card
from emrlite.node import pages
from emrlite.node.layout import Layout
from emrlite.settings import Settings
from emrlite.testing.steps import Step, run_step, wait_for_cluster


class Cluster:
    """A cluster of an emulator; it shows itself as its card."""

    def __init__(self, id: str, home: Path, emr: Any) -> None:
        self.id, self._home, self._emr = id, home, emr

    @property
    def state(self) -> str:
        return str(find.find(self._home, self.id).status.state)

    def spark(self, **conf: Any) -> Any:
        """Return a SparkSession with this process as driver (`emrlite.spark`)."""
        return session.spark(self.id, self._home, **conf)

    def run(self, *args: str, **options: Any) -> Step:
        """Run ``args`` (``"spark-submit", "s3://code/job.py"``) as a step, and return it once it has ended, however."""
        return run_step(self._emr, self.id, *args, **options)

    def log(self, step: Step, name: str = "stdout") -> str:
        """Return a log of a step (``stdout``, ``stderr``, ``controller``) as its node has it."""
        path = Layout(self._home / "clusters" / self.id / "master").step_logs(step.id) / name
        if not path.exists():
            raise LogNotFound(f"there is no {path}")
        return path.read_text(errors="replace")

    def wait(self, *states: str) -> None:
        """Wait until the cluster is in one of *states* (without any: until it is up), or has ended."""
        wait_for_cluster(self._emr, self.id, *states, timeout=find.SECONDS)

    def timeline(self) -> list[tuple[str, float, float]]:
        """Return what took how long: (phase, begin, end) in seconds since RunJobFlow; only what has ended."""
        record = find.find(self._home, self.id)
        status, zero = record.status, record.spec.created
        phases: list[tuple[str, float | None, float | None]] = [("up", zero, status.ready)]
        phases += [(step.name, status.step(step.id).started, status.step(step.id).ended) for step in record.spec.steps]
        phases.append(("down", status.ending, status.ended))
        return [(name, begin - zero, end - zero) for name, begin, end in phases if begin and end]

    def terminate(self) -> None:
        """End the cluster, and this process's session on it; return once it is gone."""
        session.close(self._home, self.id)
        self._emr.terminate_job_flows(JobFlowIds=[self.id])
        self.wait(*(str(state) for state in ClusterState if is_final(state)))

    def __repr__(self) -> str:
        return repr(card(self.id, self._home))

    def _repr_html_(self) -> str:
        return card(self.id, self._home)._repr_html_()


def card(cluster_id: str | None = None, home: str | Path | None = None) -> Card:
    """Return how a cluster looks now: state, nodes, links, steps, hours.  Without an id, the newest live one's."""
    at = Settings.load({"home": home}).home
    record = find.find(at, cluster_id)
    return Card(record, tuple(_links(at / "clusters" / record.spec.id, record)), time.time())


def _links(root: Path, record: Record) -> list[tuple[str, str]]:
    """The pages of a cluster that is up, as far as they answer: this notebook's application first."""
    network = pages.network(root)
    if record.status.state not in find.UP or network is None:
        return []
    found = pages.look(record.spec, network)
    own = session.ui_url(record.spec.id)
    links = [("This notebook's application", own)] if own else []
    links += [(f"{app.name} ({app.id})", app.url) for app in found.applications if app.url != own]
    return links + [(page.title, page.url) for page in found.daemons]
