"""Addresses of a cluster's nodes, unique on this machine whichever home asks.

``many``: the cluster owns a network ``127.a.b``, node *n* is ``127.a.b.n``, and daemons keep
EMR's ports.  ``single``: all nodes are 127.0.0.1 (all that macOS has), and the cluster owns a
range of ports.  A listening socket is the claim; it is taken anew after a crash, and until
then the cluster's own daemons hold the place.
"""

from __future__ import annotations

import socket
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from emrlite.errors import NodeError

#: Port of the claim on a network's first address.  Nothing else of ours or Hadoop's is there.
CLAIM_PORT = 4569

#: EMR's ports.  The DataNodes of one cluster differ: on loopback the NameNode sees all of
#: them at 127.0.0.1 and would take two with one port for the same.
PORTS = {
    "namenode": 8020, "namenode-http": 9870,
    "datanode": 9866, "datanode-http": 9864, "datanode-ipc": 9867,
    "spark-master": 7077, "spark-master-ui": 8080,
    "spark-worker": 7078, "spark-worker-ui": 8081,
}

# In `single` mode a cluster owns SPAN ports from one of the bases: below the kernel's
# ephemeral range, so that no outgoing connection is ever given one of them.
_FIRST_BASE, _LAST_BASE, SPAN = 12000, 31000, 500
_PER_NODE = 10


@dataclass(frozen=True)
class Network:
    """What a cluster owns: ``127.a.b``, or a range of ports."""

    prefix: str | None
    base: int = 0

    def __str__(self) -> str:
        return self.prefix or str(self.base)

    @classmethod
    def parse(cls, text: str) -> Network:
        return cls(text) if "." in text else cls(None, int(text))

    def address(self, index: int) -> str:
        """Return the address of node *index* (the master is 1)."""
        return f"{self.prefix}.{index}" if self.prefix else "127.0.0.1"

    def port(self, service: str, index: int) -> int:
        """Return the port of *service* (a key of `PORTS`) on node *index*."""
        if self.prefix:
            return PORTS[service] + (20 * index if service == "datanode" else 0)
        return self.base + _PER_NODE * index + list(PORTS).index(service)

    @property
    def largest(self) -> int:
        """How many nodes fit."""
        return 250 if self.prefix else SPAN // _PER_NODE - 1

    @property
    def claim_at(self) -> tuple[str, int]:
        return (self.address(1), CLAIM_PORT) if self.prefix else ("127.0.0.1", self.base)

    def master_ports(self) -> Iterator[tuple[str, int]]:
        for service in ("namenode", "namenode-http", "spark-master", "spark-master-ui"):
            yield self.address(1), self.port(service, 1)


def has_many() -> bool:
    """Tell whether this machine answers at any address of 127.0.0.0/8 (Linux does)."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.66.0.1", 0))
        except OSError:
            return False
        return True


def claim(cluster_id: str, mode: str) -> tuple[Network, socket.socket]:
    """Find a free network for a new cluster and hold it.  *mode*: ``auto``, ``many``, ``single``."""
    many = has_many() if mode == "auto" else mode == "many"
    start = zlib.crc32(cluster_id.encode())
    tries = _networks(start) if many else _ranges(start)
    for network in tries:
        with suppress(OSError):
            if all(_free(at) for at in network.master_ports()):
                return network, hold(network)
    raise NodeError("no free loopback network is left; end some clusters (`emrlite clusters`)")


def hold(network: Network) -> socket.socket:
    """Take the claim of *network*.  Raises ``OSError`` if another holds it."""
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(network.claim_at)
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener


def _networks(start: int) -> Iterator[Network]:
    for step in range(1000):
        number = (start + step) % (253 * 256)
        yield Network(f"127.{1 + number // 256}.{number % 256}")


def _ranges(start: int) -> Iterator[Network]:
    count = (_LAST_BASE - _FIRST_BASE) // SPAN
    for step in range(count):
        yield Network(None, _FIRST_BASE + (start + step) % count * SPAN)


def _free(at: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(at)
        except OSError:
            return False
        return True
