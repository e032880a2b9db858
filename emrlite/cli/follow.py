"""Watch a transient cluster to its end, and tell what came of it."""

from __future__ import annotations

import re
import shlex
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from emrlite import home
from emrlite.cli import client, links, output, upload
from emrlite.cli.live import Live
from emrlite.cluster.states import InstanceState, StepState, is_final
from emrlite.cluster.store import Record
from emrlite.node import event_logs
from emrlite.node.layout import Layout
from emrlite.settings import Settings
from emrlite.storage import logs

#: How often it looks at what the job prints, and whether anything of the cluster was written down; what, it reads then,
#: and now and then all the same.
POLL_SECONDS, LOOK_SECONDS, READ_SECONDS = 0.1, 0.02, 0.5

_MAKE_BUCKET = re.compile(r"aws --endpoint-url \S+ s3 mb s3://(?P<bucket>[\w.-]+)")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What `emrlite run --json` prints."""

    cluster_id: str
    step_id: str
    cluster_state: str
    step_state: str
    exit_code: int
    failure: str | None
    lost: list[str] = field(default_factory=list)  #: what happened to nodes that were lost
    timeline: dict[str, float] = field(default_factory=dict)  #: phase -> seconds
    results: list[str] = field(default_factory=list)  #: data sets in S3 that the job wrote
    logs: str | None = None


def follow(at: Settings, url: str, s3: Any, cluster_id: str, step_id: str, *, since: float, spared: Sequence[str],
           interrupted: list[int]) -> Outcome:
    """Show the cluster's life until it ends; a signal ends the cluster first."""
    store, live, pause = output.store(at), Live(), threading.Event()
    log = Layout(at.home / "clusters" / cluster_id / "master").step_logs(step_id) / "stdout"
    shown, asked = 0, False
    watch = links.Watch(at, cluster_id, step_id)
    live.clear()
    written, record, read = store.stamp(), store.record(cluster_id), time.monotonic()
    while True:
        if (now := store.stamp()) != written or time.monotonic() - read >= READ_SECONDS:
            written, record, read = now, store.record(cluster_id), time.monotonic()
        shown = _copy(log, shown, live)
        if app := watch.news(record):
            live.clear()
            click.echo(f"Spark UI {app.url}  {app.id}", err=True)
        live.show(_line(record, step_id))
        if is_final(record.status.state):
            break
        if interrupted and not asked:
            asked = True
            live.clear()
            click.echo(f"ending {cluster_id}; press Ctrl-C again to kill it at once", err=True)
            client.emr(url, at.region).terminate_job_flows(JobFlowIds=[cluster_id])
        for _ in range(round(POLL_SECONDS / LOOK_SECONDS)):
            if pause.wait(LOOK_SECONDS) or store.stamp() != written:
                break
    _copy(log, shown, live)
    live.clear()
    outcome = _outcome(record, step_id, s3, since, spared, 128 + interrupted[0] if interrupted else None)
    _report(outcome, record, at)
    return outcome


def _copy(log: Path, begin: int, live: Live) -> int:
    """Show what the driver printed since *begin*; return where to go on."""
    try:
        with log.open("rb") as file:
            file.seek(begin)
            new = file.read()
    except FileNotFoundError:
        return begin
    if new:
        live.output(new.decode(errors="replace"))
    return begin + len(new)


def _line(record: Record, step_id: str) -> str:
    status = record.status
    ready = sum(node.state is InstanceState.RUNNING for node in status.nodes.values())
    total = len(record.spec.nodes)
    return f"{record.spec.id} {status.state}  nodes {ready}/{total}  step {status.step(step_id).state}"


def _outcome(record: Record, step_id: str, s3: Any, since: float, spared: Sequence[str],
             killed_by: int | None) -> Outcome:
    status, step = record.status, record.status.step(step_id)
    code = step.exit_code
    if step.state is StepState.COMPLETED:
        code = 0
    elif code is None or code == 0:
        code = 1
    elif code < 0:
        code = 128 - code
    failure = step.failure.message if step.failure else None
    if step.state is not StepState.COMPLETED and failure is None:
        failure = status.reason
    args = record.spec.step(step_id).args
    return Outcome(
        cluster_id=record.spec.id, step_id=step_id, cluster_state=str(status.state), step_state=str(step.state),
        exit_code=killed_by or code, failure=failure, lost=lost(record), timeline=_timeline(record, step_id),
        results=written(s3, args, since, spared) if step.started else [],
        logs=logs.folder(record.spec, ""))


def lost(record: Record) -> list[str]:
    """What happened to nodes that were lost, unless it is what the cluster ended with."""
    return [node.reason for node in record.status.nodes.values()
            if node.reason_code == "INSTANCE_FAILURE" and node.reason != record.status.reason]


def written(s3: Any, args: Sequence[str], since: float, spared: Sequence[str]) -> list[str]:
    """What the job wrote where its arguments point to, for others may be at work too; if nothing, anywhere."""
    buckets = [f"s3://{bucket['Name']}/" for bucket in s3.list_buckets().get("Buckets", ())]
    named = [re.sub("^s3[an]?://", "s3://", arg).rstrip("/") for arg in args if re.match("s3[an]?://", arg)]
    there = [uri for uri in dict.fromkeys(named) if f"{uri}/".startswith(tuple(buckets))]
    return upload.written_since(s3, there, since, spared) or upload.written_since(s3, buckets, since, spared)


def _timeline(record: Record, step_id: str) -> dict[str, float]:
    status, step = record.status, record.status.step(step_id)
    moments = [("cluster up", record.spec.created, status.ready), ("step", step.started, step.ended),
               ("cluster down", status.ending, status.ended)]
    return {name: round(end - start, 2) for name, start, end in moments if start is not None and end is not None}


def _report(outcome: Outcome, record: Record, at: Settings) -> None:
    def say(text: str = "") -> None:
        click.echo(text, err=True)

    whole = sum(outcome.timeline.values()) or 1.0
    say()
    say(f"step     {outcome.step_id}  {output.state(outcome.step_state)}  exit code {outcome.exit_code}")
    say(f"cluster  {outcome.cluster_id}  {output.state(outcome.cluster_state)}  {record.status.reason}")
    for name, seconds in outcome.timeline.items():
        say(f"  {name:<13}{seconds:6.1f} s  {'█' * max(1, round(40 * seconds / whole))}")
    if outcome.failure:
        lasts = home.running(at.home) is not None
        say(f"failure  {(outcome.failure if lasts else for_the_next_run(outcome.failure, at)).strip()}")
    for reason in outcome.lost:
        say(f"lost     {reason}")
    for name, uri in [*(("result", uri) for uri in outcome.results), ("logs", outcome.logs or "none")]:
        say(f"{name:<8} {uri}")
        if at.s3 == "local" and uri.startswith("s3://"):
            say(f"         {_folder(at, uri)}")
    if outcome.exit_code:
        say(f"         emrlite logs {outcome.cluster_id} {outcome.step_id}")
    if event_logs.found(event_logs.directory(at.home / "clusters" / outcome.cluster_id)):
        say(f"history  emrlite history {outcome.cluster_id}")


def for_the_next_run(failure: str, at: Settings) -> str:
    """Say how a bucket is made where the endpoint that the advice names has ended with the job."""
    if at.s3 not in ("local", "moto"):
        return failure

    def make(match: re.Match[str]) -> str:
        bucket = match["bucket"]
        also = f"mkdir {shlex.quote(str(at.home / 's3' / bucket))}, or " if at.s3 == "local" else ""
        return f"{also}emrlite run --input LOCAL=s3://{bucket}/… makes it"

    return _MAKE_BUCKET.sub(make, failure)


def _folder(at: Settings, uri: str) -> Path:
    return at.home / "s3" / uri.removeprefix("s3://")
