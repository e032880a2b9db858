"""Spark's pages as the API asks for them: of what runs, and of what has run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from emrlite.cluster.model import ClusterSpec
from emrlite.node import event_logs, pages
from emrlite.node.addresses import Network
from emrlite.node.history import BASE, History


class AppPages:
    """The pages of the clusters below *clusters*; the history is handed on by the endpoint at *url*."""

    def __init__(self, clusters: Path, history: History, url: Callable[[], str]) -> None:
        self._clusters, self._history, self._url = clusters, history, url

    def attach(self) -> bool:
        """Start the history server unless it runs; tell whether it answers already."""
        return self._history.attach()

    def history(self, application: str | None) -> str:
        """Return where the history server shows an application, or its list, once it does."""
        return f"{self._url()}{BASE}{self._history.show(application)}"

    def logged(self, spec: ClusterSpec) -> list[str]:
        """Return the applications of a cluster that left an event log."""
        return [log.application for log in event_logs.found(event_logs.directory(self._clusters / spec.id))]

    def running(self, spec: ClusterSpec) -> Mapping[str, str]:
        """Return the pages of a cluster's drivers, by application."""
        network = self._network(spec)
        return {app.id: app.url for app in pages.applications(network)} if network else {}

    def master(self, spec: ClusterSpec) -> str | None:
        """Return the page of the cluster's Spark master, if it answers."""
        network = self._network(spec)
        return pages.master(network) if network else None

    def _network(self, spec: ClusterSpec) -> Network | None:
        return pages.network(self._clusters / spec.id)
