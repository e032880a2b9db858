"""HDFS is wiped through WebHDFS: what is asked of the NameNode, and what is said when it refuses."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from emrlite.errors import NodeError
from emrlite.node import hdfs
from emrlite.node.addresses import PORTS, Network


class NameNode(http.server.BaseHTTPRequestHandler):
    """As much of WebHDFS as wiping needs, over a set of paths."""

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        path, query = unquote(parts.path).removeprefix("/webhdfs/v1"), parse_qs(parts.query)
        paths: set[str] = self.server.paths
        body: object = {"boolean": True}
        match query["op"][0]:
            case "LISTSTATUS":
                names = {known.split("/")[1] for known in paths}
                body = {"FileStatuses": {"FileStatus": [{"pathSuffix": name} for name in names]}}
            case "DELETE":
                assert query["recursive"] == ["true"]
                paths -= {known for known in paths if known == path or known.startswith(f"{path}/")}
            case "MKDIRS":
                assert query["permission"] == ["1777"]
                paths.add(path)
        self.send_response(403 if path in self.server.refused else 200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    do_GET = do_PUT = do_DELETE = _answer  # noqa: N815

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def namenode() -> Iterator[http.server.HTTPServer]:
    with http.server.HTTPServer(("127.0.0.1", 0), NameNode) as server:
        server.paths, server.refused = set(), set()
        # Such a network that the NameNode's page is at the server's port.
        server.network = Network(None, server.server_port - 10 - list(PORTS).index("namenode-http"))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


def test_a_used_hdfs_becomes_what_a_new_one_is(namenode):
    namenode.paths |= {"/data", "/data/a b#c/part-0", "/mit Umlaut ä", "/tmp", "/tmp/x", "/user/hadoop/mine"}
    hdfs.wipe(namenode.network)
    assert namenode.paths == set(hdfs.DIRECTORIES)


def test_what_the_namenode_refuses_is_named(namenode):
    namenode.paths |= {"/data"}
    namenode.refused |= {"/data"}
    with pytest.raises(NodeError, match="HDFS at 127.0.0.1 refused DELETE /data"):
        hdfs.wipe(namenode.network)


def test_a_namenode_that_is_gone_is_an_error_not_a_wait():
    with pytest.raises(NodeError, match="HDFS at 127.0.0.1 does not answer"):
        hdfs.wipe(Network(None, 1))
