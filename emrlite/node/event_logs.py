"""Event logs: what Spark's history server shows of an application once it, or its cluster, is gone.

EMR keeps them on the cluster's HDFS and copies them away beside it.  Here they are written where they stay, in the
cluster's directory (``docs/adr/0013``), so that no end of a cluster, however sudden, takes them along.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ID = r"(?P<id>application_\d+_\d+|app-\d+-\d+|local-\d+)"
#: Spark's forms of a log: a folder of parts (the default since 4.0), or one file.
_FOLDER = re.compile(rf"eventlog_v2_{_ID}")
_FILE = re.compile(rf"{_ID}(?:\.(?:zstd|lz4|lzf|snappy))?(?P<open>\.inprogress)?")


@dataclass(frozen=True, kw_only=True)
class EventLog:
    """The log of one application."""

    application: str
    path: Path
    ended: bool  #: by its own word; otherwise it runs, or was killed


def directory(root: Path) -> Path:
    """Where the applications of the cluster with the directory *root* log."""
    return root / "event-logs"


def properties(root: Path) -> dict[str, str]:
    """What ``spark-defaults.conf`` says of it; a user's own classification comes after."""
    return {"spark.eventLog.enabled": "true", "spark.eventLog.dir": directory(root).as_uri()}


def found(where: Path) -> list[EventLog]:
    """The event logs in a directory, in the order of their names; none where it does not exist."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return [log for path in sorted(where.iterdir()) if (log := _read(path))]
    return []


def of_clusters(clusters: Path) -> Iterator[EventLog]:
    """The event logs of every cluster of a home, whose directories are below *clusters*."""
    with suppress(FileNotFoundError):
        for root in sorted(clusters.iterdir()):
            yield from found(directory(root))


def _read(path: Path) -> EventLog | None:
    if path.is_dir():
        if match := _FOLDER.fullmatch(path.name):
            status = [part.name for part in path.iterdir() if part.name.startswith("appstatus_")]
            ended = bool(status) and not any(name.endswith(".inprogress") for name in status)
            return EventLog(application=match["id"], path=path, ended=ended)
        return None
    match = _FILE.fullmatch(path.name)
    return EventLog(application=match["id"], path=path, ended=match["open"] is None) if match else None


def gather(into: Path, logs: Iterable[EventLog]) -> None:
    """Make *into* a directory of links to *logs*, for a history server reads one directory only.

    Safe to repeat: links that are right stay, those that lead nowhere go.
    """
    into.mkdir(parents=True, exist_ok=True)
    wanted = {log.path.name: log.path for log in logs}
    for link in _links(into):
        if link.name not in wanted or not link.exists():
            link.unlink(missing_ok=True)
    for name, target in wanted.items():
        with suppress(FileExistsError):
            (into / name).symlink_to(target)


def _links(directory: Path) -> Iterator[Path]:
    return (path for path in list(directory.iterdir()) if path.is_symlink())
