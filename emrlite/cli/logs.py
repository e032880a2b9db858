"""``logs``: what a step, a daemon or a bootstrap action wrote, while it runs and afterwards."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from emrlite.cli import output
from emrlite.cli.look import find
from emrlite.cluster.states import is_final
from emrlite.cluster.store import Record
from emrlite.errors import LogNotFound
from emrlite.node.layout import Layout
from emrlite.storage import logs as places


@click.command()
@click.argument("cluster")
@click.argument("step", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on until it ends.")
@click.option("--file", "only", help="Only files whose place ends with this, e.g. stderr or datanode.log.")
@output.json_option
@click.pass_context
def logs(
    context: click.Context, /, cluster: str, step: str | None, follow: bool, only: str | None, as_json: bool
) -> None:
    """Show the logs of STEP of CLUSTER; without STEP, of its daemons, bootstrap actions and containers too."""
    at = output.settings(context)
    store = output.store(at)
    record = find(store, cluster)
    root = at.home / "clusters" / record.spec.id
    if step is not None and step not in {known.id for known in record.spec.steps}:
        ids = ", ".join(known.id for known in record.spec.steps) or "none"
        raise LogNotFound(f"{record.spec.id} has no step {step!r}; it has {ids}")
    files = [file for file in _files(record, root, step) if only is None or file.place.endswith(only)]
    if as_json:
        output.as_json([{"place": file.place, "path": file.path, "uri": places.folder(record.spec, f"{file.place}.gz"),
                         "bytes": file.path.stat().st_size} for file in files if file.path.is_file()])
        return
    if not follow:
        _show(record, files)
        return
    _follow(files, lambda: _ended(store.record(record.spec.id), step))


def _files(record: Record, root: Path, step: str | None) -> list[places.LogFile]:
    master = Layout(root / record.spec.master.name)
    if step is not None:
        return places.step_files(master, step)
    found = [file for known in record.spec.steps for file in places.step_files(master, known.id)]
    for node in record.spec.nodes:
        found += places.node_files(Layout(root / node.name), node)
    return found


def _show(record: Record, files: list[places.LogFile]) -> None:
    present = [file for file in files if file.path.is_file()]
    if not present:
        raise LogNotFound(f"{record.spec.id} has no such log yet; it is {record.status.state} ({record.status.reason})")
    for file in present:
        text = file.path.read_text(errors="replace")
        if text or len(present) <= len(places.STEP_FILES):
            click.echo(click.style(f"==> {file.place} <==", bold=True))
            click.echo(text)


def _follow(files: list[places.LogFile], ended: Callable[[], bool]) -> None:
    """Copy what is appended to any of the files, each block under its file's name."""
    at: dict[Path, int] = {}
    pause, last = threading.Event(), ""
    while True:
        over = ended()
        for file, text in _news(files, at):
            if file.place != last:
                click.echo(click.style(f"==> {file.place} <==", bold=True))
                last = file.place
            sys.stdout.write(text)
            sys.stdout.flush()
        if over:
            return
        pause.wait(0.2)


def _news(files: list[places.LogFile], at: dict[Path, int]) -> Iterator[tuple[places.LogFile, str]]:
    for file in files:
        if file.path.is_file():
            with file.path.open("rb") as log:
                log.seek(at.get(file.path, 0))
                new = log.read()
                at[file.path] = log.tell()
            if new:
                yield file, new.decode(errors="replace")


def _ended(record: Record, step: str | None) -> bool:
    state = record.status.step(step).state if step else record.status.state
    return is_final(state) or is_final(record.status.state)
