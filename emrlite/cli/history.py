"""``history``: Spark's history server over what applications left, whether their clusters live or not."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import click

from emrlite.cli import output
from emrlite.cli.look import find
from emrlite.errors import LogNotFound, PortTaken, StorageError
from emrlite.node import engines, event_logs
from emrlite.node import history as server
from emrlite.node.engines import Engine
from emrlite.node.event_logs import EventLog
from emrlite.node.process import OWNER_VARIABLE, Tether
from emrlite.node.service import Service, can_bind
from emrlite.settings import Settings
from emrlite.storage import s3


@click.command()
@click.argument("cluster", required=False)
@click.option("--events", metavar="DIR", help="Event logs of another place: a folder, or s3://… in a local bucket.")
@click.option("--port", type=int, help="Port of the server (18080, or where that is taken any free one).")
@output.json_option
@click.pass_context
def history(
    context: click.Context, /, cluster: str | None, events: str | None, port: int | None, as_json: bool
) -> None:
    """Show the applications of CLUSTER, or of every cluster, in Spark's history server, until Ctrl-C.

    It needs no emulator, and no cluster that lives: the beginning of an id is enough, `emrlite history j-2AX`.
    """
    at = output.settings(context)
    look = _source(at, cluster, events)
    logs = look()
    if not logs:
        raise LogNotFound(f"no application of {cluster or 'this home'} has left an event log"
                          f"{f' in {events}' if events else ''}")
    if port is not None and not can_bind(port):
        raise PortTaken(f"port {port} of 127.0.0.1 is taken; choose another with --port, or leave it out")
    stopped = _stop_on_signals()
    with _server(engines.find(at), port or server.PORT) as (service, directory):
        event_logs.gather(server.links(directory), logs)
        url = service.ensure()
        unread = server.wait_for(url, [log.application for log in logs])
        live = {record.spec.id for record in output.store(at).live()}
        _tell(url, list(_rows(url, logs, live, unread)), as_json)
        while not stopped.wait(2.0):
            event_logs.gather(server.links(directory), look())
            service.keep()


def _source(at: Settings, cluster: str | None, events: str | None) -> Callable[[], list[EventLog]]:
    """What lists the event logs that are meant."""
    if events is not None:
        if cluster is not None:
            raise click.UsageError("give a cluster or --events, not both")
        place = _folder(at, events)
        return lambda: event_logs.found(place)
    if cluster is not None:
        root = at.home / "clusters" / find(output.store(at), cluster).spec.id
        return lambda: event_logs.found(event_logs.directory(root))
    return lambda: list(event_logs.of_clusters(at.home / "clusters"))


def _folder(at: Settings, events: str) -> Path:
    if "://" not in events:
        return Path(events).expanduser().absolute()
    bucket, key = s3.split_uri(events)
    if at.s3 != "local":
        raise StorageError(f"the buckets of s3 = {at.s3!r} are no folders: copy {events} to one first, "
                           f"`aws s3 cp --recursive {events} FOLDER`, and give --events FOLDER")
    return at.home / "s3" / bucket / key


def _stop_on_signals() -> threading.Event:
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    return stopped


@contextmanager
def _server(engine: Engine, port: int) -> Iterator[tuple[Service, Path]]:
    """A server that ends with us, however we end."""
    tether = Tether()
    with tempfile.TemporaryDirectory(prefix="emrlite-history-") as name:
        directory = Path(name)
        if can_bind(port):
            (directory / "history.port").write_text(f"{port}\n")
        env = {**server.environment(engine), OWNER_VARIABLE: str(directory)}
        env |= {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        service = Service("history", directory, argv=lambda at: server.argv(engine, directory, at), env=env,
                          tether=tether, answers=server.answers)
        try:
            yield service, directory
        finally:
            service.stop()
            tether.close()


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is said of an application."""

    application: str
    name: str | None
    state: str
    url: str | None  #: none where its event log could not be read
    events: Path


def _rows(url: str, logs: Iterable[EventLog], live: Collection[str], unread: Collection[str]) -> Iterator[Row]:
    """*live* are the clusters that have not ended."""
    listed = server.listed(url)
    for log in logs:
        state = "ended" if log.ended else "runs" if log.path.parent.parent.name in live else "was killed"
        readable = log.application not in unread
        yield Row(
            application=log.application, name=listed.get(log.application, {}).get("name"), events=log.path,
            state=state if readable else "event log cannot be read",
            url=f"{url}{server.application_path(log.application)}" if readable else None)


def _tell(url: str, rows: list[Row], as_json: bool) -> None:
    if as_json:
        output.as_json({"url": url, "applications": rows})
        return
    click.echo(f"Spark's history server answers at {url}; Ctrl-C ends it")
    output.table(("APPLICATION", "NAME", "STATE", "PAGE"),
                 [(row.application, row.name or "", row.state, row.url or "") for row in rows])
