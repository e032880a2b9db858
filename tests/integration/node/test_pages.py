"""The pages of a cluster, asked of servers that answer as Spark's daemons do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from emrlite.cli import links
from emrlite.cluster.model import ClusterSpec, ClusterStatus, InstanceGroup, NodeSpec, Role, StepStatus
from emrlite.cluster.states import ClusterState, StepState
from emrlite.cluster.store import Record
from emrlite.node import addresses, pages
from emrlite.node.addresses import Network
from emrlite.settings import Settings

ID = "application_1795230176921_0001"
NODES = tuple(
    NodeSpec(id=f"ci-{index}", instance_id=f"i-{index}", group_id="ig-1", role=role, instance_type="m5.xlarge",
             index=index, name=name)
    for index, (name, role) in enumerate([("master", Role.MASTER), ("core-1", Role.CORE)], 1))
SPEC = ClusterSpec(
    id="j-1", account="1", region="us-east-1", name="x", release_label="emr-spark-8.1.0", created=1.0, nodes=NODES,
    groups=(InstanceGroup(id="ig-1", role=Role.MASTER, instance_type="m5.xlarge", count=1),), applications=("Spark",))

#: What a driver serves once its page is whole: a redirect to its jobs.
WHOLE = {"/": "/jobs/"}
Serve = Callable[[int, dict[str, str]], int]


@pytest.fixture
def network() -> Iterator[Network]:
    """A range of ports that no cluster takes meanwhile."""
    network, claim = addresses.claim("j-PAGES", "single")
    with claim:
        yield network


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve texts by path, on a port; 0 takes any."""
    servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(port: int, texts: dict[str, str]) -> int:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = texts.get(self.path, "").encode()
                moved = body == b"/jobs/"
                self.send_response(302 if moved else 200 if self.path in texts else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        servers.append((server, thread))
        return int(server.server_port)

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def master(network: Network, driver: str, *, workers: tuple[tuple[int, str], ...] = ()) -> dict[str, str]:
    """What the master of a cluster with one application says; *workers* have a port and a state."""
    active = [{"id": ID, "name": "<b>count</b>"}]
    known = [{"host": "127.0.0.1", "port": network.port("spark-worker", 2), "state": state,
              "webuiaddress": f"http://127.0.0.1:{port}"} for port, state in workers]
    row = '<tr><td><a href="app/?appId={}">x</a></td><td>{}</td></tr>'
    page = "<table><tr><th>Application ID</th></tr>" + row.format(ID, f'<a href="{driver}">&lt;b&gt;</a>') + "</table>"
    ended = row.format("application_1795230176921_0000", "an old one")
    return {"/json/": json.dumps({"activeapps": active, "workers": known}), "/": page + f"<table>{ended}</table>"}


def test_an_application_is_named_with_the_page_that_its_driver_announced(network: Network, serve: Serve):
    driver = f"http://127.0.0.1:{serve(0, WHOLE)}"
    serve(network.port("spark-master-ui", 1), master(network, driver))
    assert pages.applications(network) == (pages.Application(id=ID, name="<b>count</b>", url=driver),)


def test_a_driver_that_is_starting_is_not_named_yet(network: Network, serve: Serve):
    driver = f"http://127.0.0.1:{serve(0, {'/': 'Spark is starting up.'})}"
    serve(network.port("spark-master-ui", 1), master(network, driver))
    assert pages.applications(network) == ()


@pytest.mark.parametrize("driver", ["http://127.0.0.1:1", "/proxy/application", "javascript:alert(1)"])
def test_a_page_that_does_not_answer_is_not_named(network: Network, serve: Serve, driver: str):
    serve(network.port("spark-master-ui", 1), master(network, driver))
    assert pages.applications(network) == ()


def test_of_the_daemons_those_are_named_that_answer(network: Network, serve: Serve):
    worker = serve(0, {"/": ""})
    at = network.port("spark-master-ui", 1)
    serve(at, {**master(network, "", workers=((worker, "ALIVE"),)), "/": ""})
    found = pages.look(SPEC, network)
    assert found.daemons == (
        pages.Page(title="Spark master", url=f"http://127.0.0.1:{at}"),
        pages.Page(title="Spark worker core-1", url=f"http://127.0.0.1:{worker}"))


def test_a_worker_that_the_master_gave_up_is_not_named(network: Network, serve: Serve):
    worker = serve(0, {"/": ""})
    serve(network.port("spark-master-ui", 1), {**master(network, "", workers=((worker, "DEAD"),)), "/": ""})
    assert [page.title for page in pages.look(SPEC, network).daemons] == ["Spark master"]


def test_a_cluster_that_is_gone_has_no_pages(network: Network):
    assert pages.look(SPEC, network) == pages.Pages()


def test_a_run_tells_the_page_of_its_application_once(network: Network, serve: Serve, tmp_path: Path):
    at = Settings(home=tmp_path)
    root = tmp_path / "clusters" / SPEC.id
    root.mkdir(parents=True)
    (root / "network").write_text(f"{network}\n")
    driver = f"http://127.0.0.1:{serve(0, WHOLE)}"
    serve(network.port("spark-master-ui", 1), master(network, driver))
    status = ClusterStatus(state=ClusterState.RUNNING, steps={"s-1": StepStatus()})
    waiting = Record(spec=SPEC, generation=1, status=status)
    running = replace(waiting, status=replace(status, steps={"s-1": StepStatus(state=StepState.RUNNING)}))
    watch = links.Watch(at, SPEC.id, "s-1")
    assert watch.news(waiting) is None
    told = watch.news(running)
    assert told is not None
    assert (told.id, told.url) == (ID, driver)
    assert watch.news(running) is None
    ended = replace(running, status=replace(status, state=ClusterState.TERMINATED))
    assert links.of(at, ended) == links.running(at, ended) == pages.Pages()
    assert links.running(at, running).applications == (told,)
