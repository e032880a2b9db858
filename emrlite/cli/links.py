"""Spark's pages as the command line shows them: of a live cluster, and of the step that `emrlite run` watches."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from emrlite.cluster.states import StepState, is_final
from emrlite.cluster.store import Record
from emrlite.node import pages
from emrlite.node.pages import Application, Pages
from emrlite.settings import Settings

#: How often `emrlite run` asks whether its application has a page.
PERIOD = 0.5


def of(at: Settings, record: Record) -> Pages:
    """The pages of a cluster that answer now; an ended one has none."""
    network = pages.network(at.home / "clusters" / record.spec.id)
    if network is None or is_final(record.status.state):
        return Pages()
    return pages.look(record.spec, network)


def running(at: Settings, record: Record) -> Pages:
    """The pages of its applications only."""
    network = pages.network(at.home / "clusters" / record.spec.id)
    if network is None or is_final(record.status.state):
        return Pages()
    return Pages(applications=pages.applications(network))


def show(found: Pages) -> None:
    """Print one line for each page."""
    for title, url in _lines(found):
        click.echo(f"  {title:<32} {url}")


def _lines(found: Pages) -> Iterator[tuple[str, str]]:
    for app in found.applications:
        yield f"{app.id} {app.name}", app.url
    for page in found.daemons:
        yield page.title, page.url


class Watch:
    """Looks now and then for the page of the application that a running step starts, until it has been seen."""

    def __init__(self, at: Settings, cluster_id: str, step_id: str) -> None:
        self._root, self._step = at.home / "clusters" / cluster_id, step_id
        self._next = 0.0
        self._seen = False

    def news(self, record: Record) -> Application | None:
        """The application, once, as soon as it has a page that answers."""
        running = record.status.step(self._step).state is StepState.RUNNING
        if self._seen or not running or time.monotonic() < self._next:
            return None
        self._next = time.monotonic() + PERIOD
        network = pages.network(self._root)
        found = pages.applications(network) if network else ()
        self._seen = bool(found)
        return found[0] if found else None
