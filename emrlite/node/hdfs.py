"""How a used HDFS becomes fresh again: through WebHDFS."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote, urlencode

from emrlite.errors import NodeError
from emrlite.node.addresses import Network
from emrlite.node.fresh_hdfs import DIRECTORIES

SECONDS = 10.0


def wipe(network: Network) -> None:
    """Remove everything, and make what EMR has in a fresh HDFS.  Raises `NodeError`."""
    listed = _ask(network, "GET", "/", "LISTSTATUS")["FileStatuses"]["FileStatus"]
    for status in listed:
        _ask(network, "DELETE", f"/{status['pathSuffix']}", "DELETE", recursive="true")
    for directory in DIRECTORIES:
        _ask(network, "PUT", directory, "MKDIRS", permission="1777")


def _ask(network: Network, method: str, path: str, operation: str, **arguments: str) -> Any:
    address, port = network.address(1), network.port("namenode-http", 1)
    query = urlencode({"op": operation, "user.name": "hadoop", **arguments})
    connection = http.client.HTTPConnection(address, port, timeout=SECONDS)
    try:
        connection.request(method, f"/webhdfs/v1{quote(path)}?{query}")
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise NodeError(f"HDFS at {address} does not answer: {error}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise NodeError(f"HDFS at {address} refused {operation} {path}: {body.decode(errors='replace')[:300]}")
    return json.loads(body)
