"""Whether a cluster's daemons serve: asked of the daemons themselves, and of their masters."""

from __future__ import annotations

import http.client
import json
import socket
import time
from contextlib import suppress
from typing import Any

from emrlite.cluster.model import ClusterSpec, NodeSpec
from emrlite.node.addresses import Network

#: A page of Spark's takes two connections before it serves; whoever comes then is not answered, and tries again after a
#: second unless it gives up before.
CONNECT_SECONDS, ANSWER_SECONDS = 0.1, 2.0
#: Seconds in which no master is asked again: an answer costs it milliseconds, amid all that its node does to come up.
BETWEEN = 0.06


class Readiness:
    """Asks each master at most once a look, and only while somebody waits for the answer."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._ready: set[tuple[str, str]] = set()
        self._answered = -BETWEEN

    def look(self, spec: ClusterSpec, running: dict[str, list[str]]) -> set[tuple[str, str]]:
        """Return which of the *running* daemons (node name -> daemons) are ready, as (node, daemon)."""
        pairs = {(node, daemon) for node, daemons in running.items() for daemon in daemons}
        asks = time.monotonic() - self._answered >= BETWEEN
        waited = {daemon for _, daemon in pairs - self._ready} if asks else set()
        datanodes = self._datanodes() if "datanode" in waited else set()
        workers = self._workers() if "spark-worker" in waited else set()
        if waited:
            self._answered = time.monotonic()
        for node in spec.nodes:
            for daemon in running.get(node.name, ()):
                if (node.name, daemon) not in self._ready and self._is_ready(node, daemon, datanodes, workers):
                    self._ready.add((node.name, daemon))
        return self._ready

    def forget(self, node: str) -> None:
        """A node was stopped: whatever has its name next is asked anew."""
        self._ready = {pair for pair in self._ready if pair[0] != node}

    def _is_ready(self, node: NodeSpec, daemon: str, datanodes: set[int], workers: set[tuple[str, int]]) -> bool:
        address, port = self._network.address(node.index), self._network.port(daemon, node.index)
        match daemon:
            case "datanode":
                return port in datanodes
            case "spark-worker":
                return (address, port) in workers
            case _:
                return _listens(address, port)

    def _datanodes(self) -> set[int]:
        """Ports of the DataNodes that the NameNode knows as live; none while it is in safe mode."""
        live = json.loads(self._namenode("LiveNodes") or "{}")
        if not live or self._namenode("Safemode") != "":
            return set()
        serving = (node["xferaddr"] for node in live.values() if node.get("adminState") == "In Service")
        return {int(at.rsplit(":", 1)[1]) for at in serving}

    def _namenode(self, attribute: str) -> str | None:
        """One attribute of the NameNode: to work out all of them takes it a good part of its first seconds."""
        info = self._json("namenode-http", f"/jmx?get=Hadoop:service=NameNode,name=NameNodeInfo::{attribute}")
        beans = info.get("beans") or [{}]
        found: str | None = beans[0].get(attribute)
        return found

    def spark_master(self) -> dict[str, Any]:
        """The page of the Spark master for programs; empty where none answers."""
        return self._json("spark-master-ui", "/json/")

    def _workers(self) -> set[tuple[str, int]]:
        master = self.spark_master()
        return {(worker["host"], worker["port"]) for worker in master.get("workers", ()) if worker["state"] == "ALIVE"}

    def _json(self, service: str, path: str) -> dict[str, Any]:
        address = self._network.address(1), self._network.port(service, 1)
        connection = http.client.HTTPConnection(*address, timeout=CONNECT_SECONDS)
        with suppress(OSError, http.client.HTTPException, ValueError):
            connection.connect()
            connection.sock.settimeout(ANSWER_SECONDS)
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 200:
                found: dict[str, Any] = json.loads(body)
                connection.close()
                return found
        connection.close()
        return {}


def _listens(address: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False
