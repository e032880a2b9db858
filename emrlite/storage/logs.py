"""Logs: which files of a node lie where below ``LogUri``, and bringing them there.

The layout is EMR's (emr-manage-view-web-log-files).  Everything is gzipped.
"""

from __future__ import annotations

import gzip
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emrlite.cluster.model import ClusterSpec, NodeSpec
from emrlite.errors import StorageError
from emrlite.node.layout import Layout
from emrlite.storage import s3

log = logging.getLogger(__name__)

STEP_FILES = ("controller", "syslog", "stdout", "stderr")
_APPLICATION = re.compile(r"application_(\d+)_(\d+)")


@dataclass(frozen=True)
class LogFile:
    """A file on a node and its place below ``<LogUri>/<cluster id>/``, without ``.gz``."""

    path: Path
    place: str


def step_files(layout: Layout, step_id: str) -> list[LogFile]:
    """The four files of a step."""
    return [LogFile(layout.step_logs(step_id) / name, f"steps/{step_id}/{name}") for name in STEP_FILES]


def container_files(layout: Layout) -> Iterator[LogFile]:
    """What drivers in cluster mode and executors wrote on a node.

    YARN's first container is the driver's; executor *n* of Spark (from 0) is container n + 2.
    """
    for container in sorted(layout.container_logs.glob("application_*/container_*")):
        for path in sorted(container.iterdir()):
            yield LogFile(path, f"containers/{container.parent.name}/{container.name}/{path.name}")
    for executor in sorted(layout.spark_work.glob("application_*/*")):
        if (match := _APPLICATION.fullmatch(executor.parent.name)) and executor.name.isdigit():
            name = f"container_{match[1]}_{match[2]}_01_{int(executor.name) + 2:06d}"
            for stream in ("stdout", "stderr"):
                yield LogFile(executor / stream, f"containers/{executor.parent.name}/{name}/{stream}")


def node_files(layout: Layout, node: NodeSpec) -> Iterator[LogFile]:
    """What daemons and bootstrap actions of a node wrote, and its containers."""
    place = f"node/{node.instance_id}"
    for path in sorted(layout.daemon_logs.glob("*.log")):
        yield LogFile(path, f"{place}/daemons/{path.name}")
    for path in sorted(layout.bootstrap_logs(1).parent.glob("*/*")):
        yield LogFile(path, f"{place}/bootstrap-actions/{path.parent.name}/{path.name}")
    yield from container_files(layout)


def folder(spec: ClusterSpec, place: str) -> str | None:
    """Return the URI that the folder *place* has in S3, or ``None`` for a cluster without LogUri."""
    return f"{spec.log_uri.rstrip('/')}/{spec.id}/{place}" if spec.log_uri else None


def tail(path: Path, most: int) -> str:
    """Return the last *most* bytes of a log as text; nothing of one that is not there, or was made unreadable."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - most))
            return file.read().decode(errors="replace")
    except (FileNotFoundError, PermissionError):
        return ""


def upload(client: Any, spec: ClusterSpec, files: Iterable[LogFile]) -> int:
    """Bring *files* to the cluster's LogUri; those that do not exist are left out.

    Returns how many went.  Raises `StorageError` naming the first that could not.
    """
    count, unread = 0, None
    for file in files:
        if (uri := folder(spec, f"{file.place}.gz")) is None or not file.path.is_file():
            continue
        bucket, key = s3.split_uri(uri)
        try:
            body = gzip.compress(file.path.read_bytes(), 6)
        except OSError as error:  # one that a step has made unreadable keeps no other from going
            unread = unread or StorageError(f"could not read {file.path}: {error}")
            continue
        try:
            client.put_object(Bucket=bucket, Key=key, Body=body)
        except (BotoCoreError, ClientError) as error:
            raise StorageError(f"could not bring {file.path.name} to {uri}: {error}") from error
        count += 1
    if unread:
        raise unread
    return count
