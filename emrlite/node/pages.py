"""The web pages of a running cluster: only what is there, by the word of the Spark master, and answers now.

The master's JSON names applications but not their pages, which only its page for people does; that one is read.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from emrlite.cluster.model import ClusterSpec
from emrlite.node.addresses import Network
from emrlite.node.driver import daemons_of

#: How long a page may take to answer.
SECONDS = 2.0

#: Daemon -> what people call its page, and the name of its port; a worker names its page itself.
_TITLES = {"spark-master": ("Spark master", "spark-master-ui"), "namenode": ("NameNode", "namenode-http"),
           "datanode": ("DataNode", "datanode-http")}
_APPLICATION = re.compile(r"(?:^|/)app/?\?appId=([\w-]+)$")


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page that answers."""

    title: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Application:
    """An application that runs, with its driver's page."""

    id: str
    name: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Pages:
    """What of a cluster can be looked at."""

    daemons: tuple[Page, ...] = ()
    applications: tuple[Application, ...] = ()


def look(spec: ClusterSpec, network: Network) -> Pages:
    """Ask a cluster's daemons; a cluster that is gone has no pages."""
    workers = {worker["host"] + f":{worker['port']}": worker["webuiaddress"]
               for worker in _master(network).get("workers", ()) if worker["state"] == "ALIVE"}
    daemons = []
    for node in spec.nodes:
        for daemon in daemons_of(spec, node):
            title, url = _named(daemon, network, node.index, workers)
            if url and answers(url):
                alone = daemon in ("spark-master", "namenode")
                daemons.append(Page(title=title if alone else f"{title} {node.name}", url=url))
    return Pages(daemons=tuple(daemons), applications=applications(network))


def network(root: Path) -> Network | None:
    """The network of the cluster with the directory *root*, if it has one already."""
    with suppress(FileNotFoundError):
        return Network.parse((root / "network").read_text().strip())
    return None


def master(network: Network) -> str | None:
    """The page of a cluster's Spark master, if it answers."""
    url = _master_url(network)
    return url if answers(url) else None


def _named(daemon: str, network: Network, index: int, workers: dict[str, str]) -> tuple[str, str | None]:
    address = network.address(index)
    if daemon == "spark-worker":
        return "Spark worker", workers.get(f"{address}:{network.port(daemon, index)}")
    title, port = _TITLES[daemon]
    return title, f"http://{address}:{network.port(port, index)}"


def applications(network: Network) -> tuple[Application, ...]:
    """The applications that run, as far as their drivers' pages answer.

    Asks for the costlier page only when the cheap one knows of an application: `emrlite run` asks often.
    """
    active = {app["id"]: app["name"] for app in _master(network).get("activeapps", ())}
    if not active:
        return ()
    announced = driver_pages(_get(_master_url(network), "/").decode(errors="replace"))
    return tuple(Application(id=id, name=name, url=url) for id, name in active.items()
                 if (url := announced.get(id)) and _is_whole(url))


def driver_pages(page: str) -> dict[str, str]:
    """Application id -> address of its driver's page, from the page of a Spark master.  Pure."""
    rows = _Rows()
    rows.feed(page)
    return dict(rows.found())


class _Rows(HTMLParser):
    """Collects the links of each row of each table."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self._rows.append([])
        href = dict(attrs).get("href")
        if tag == "a" and href and self._rows:
            self._rows[-1].append(href)

    def found(self) -> Iterator[tuple[str, str]]:
        for links in self._rows:
            ids = [match[1] for link in links if (match := _APPLICATION.search(link))]
            pages = [link for link in links if link.startswith(("http://", "https://"))]
            if ids and pages:
                yield ids[0], pages[0]


def answers(url: str) -> bool:
    """Tell whether a page is served at *url*."""
    with suppress(OSError, http.client.HTTPException):
        return _ask("HEAD", url, "/")[0] < 400
    return False


def _is_whole(url: str) -> bool:
    """Tell whether a driver leads to its jobs; while it starts, it says "please wait" under every path."""
    with suppress(OSError, http.client.HTTPException):
        return 300 <= _ask("HEAD", url, "/")[0] < 400
    return False


def _master_url(network: Network) -> str:
    return f"http://{network.address(1)}:{network.port('spark-master-ui', 1)}"


def _master(network: Network) -> dict[str, Any]:
    """The page of the Spark master for programs; empty where none answers."""
    with suppress(ValueError):
        found: dict[str, Any] = json.loads(_get(_master_url(network), "/json/") or b"{}")
        return found
    return {}


def _get(url: str, path: str) -> bytes:
    with suppress(OSError, http.client.HTTPException):
        status, body = _ask("GET", url, path)
        if status == 200:
            return body
    return b""


def _ask(method: str, url: str, path: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
