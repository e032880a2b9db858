"""``clusters``, ``steps``, ``events``: read from the store of the home, whether an emulator runs or not."""

from __future__ import annotations

import click

from emrlite.cli import links, output
from emrlite.cluster import releases
from emrlite.cluster.states import InstanceState
from emrlite.cluster.store import Record, Store
from emrlite.errors import EmrliteError
from emrlite.node import failures


class NoSuchCluster(EmrliteError, KeyError):
    """No cluster of this home has such an id."""

    def __str__(self) -> str:
        return str(self.args[0])


def find(store: Store, cluster_id: str) -> Record:
    """Return a cluster by its id, or by the beginning of it that only one has."""
    matches = [record for record in store.all() if record.spec.id.startswith(cluster_id)]
    if len(matches) == 1 or (matches and matches[0].spec.id == cluster_id):
        return matches[0]
    known = ", ".join(record.spec.id for record in (matches or store.all())[:5]) or "none yet"
    what = "is not the beginning of one id only" if matches else "is unknown here"
    raise NoSuchCluster(f"cluster {cluster_id!r} {what}; newest: {known}")


@click.command()
@output.json_option
@click.pass_context
def clusters(context: click.Context, /, as_json: bool) -> None:
    """List the clusters of this home, newest first."""
    at = output.settings(context)
    records = output.store(at).all()
    if as_json:
        output.as_json([
            {"id": r.spec.id, "name": r.spec.name, "state": r.status.state, "reason": r.status.reason,
             "release_label": r.spec.release_label, "versions": r.status.versions, "created": r.spec.created,
             "ready": r.status.ready, "ended": r.status.ended, "nodes": r.status.nodes, "log_uri": r.spec.log_uri,
             "pages": links.of(at, r)}
            for r in records])
        return
    output.table(("CLUSTER", "STATE", "NAME", "RELEASE", "NODES", "STEPS", "CREATED", "LIVED", "REASON"), [
        (r.spec.id, output.state(r.status.state), r.spec.name, _release(r),
         f"{sum(n.state is InstanceState.RUNNING for n in r.status.nodes.values())}/{len(r.spec.nodes)}",
         str(len(r.spec.steps)), output.when(r.spec.created),
         output.duration(r.spec.created, r.status.ended), r.status.reason)
        for r in records])


def _release(record: Record) -> str:
    """The label; where its own Spark does not run, the one that does."""
    spark, label = record.status.versions.get("Spark"), record.spec.release_label
    return f"{label} (Spark {spark})" if spark and releases.difference(label, spark) else label


@click.command()
@click.argument("cluster")
@output.json_option
@click.pass_context
def steps(context: click.Context, /, cluster: str, as_json: bool) -> None:
    """List the steps of CLUSTER in their order, and the pages of the applications that run."""
    at = output.settings(context)
    record = find(output.store(at), cluster)
    rows = [(step, record.status.step(step.id)) for step in record.spec.steps]
    if as_json:
        output.as_json([{"id": step.id, "name": step.name, "jar": step.jar, "args": step.args, "created": step.created,
                         "action_on_failure": step.action_on_failure, **_plain(status)} for step, status in rows])
        return
    output.table(("STEP", "STATE", "EXIT", "NAME", "STARTED", "TOOK", "FAILURE"), [
        (step.id, output.state(status.state), "" if status.exit_code is None else str(status.exit_code), step.name,
         output.when(status.started), output.duration(status.started, status.ended),
         status.failure.message.strip().splitlines()[0] if status.failure and status.failure.message.strip() else "")
        for step, status in rows])
    for step, status in rows:
        if status.failure and (hint := failures.hint_of(status.failure)):
            click.echo(f"{step.id}: {hint}")
    links.show(links.running(at, record))


@click.command()
@click.argument("cluster")
@output.json_option
@click.pass_context
def events(context: click.Context, /, cluster: str, as_json: bool) -> None:
    """Tell the story of CLUSTER: each change of state, with its reason."""
    store = output.store(output.settings(context))
    record = find(store, cluster)
    story = store.events(record.spec.id)
    if as_json:
        output.as_json(story)
        return
    output.table(("TIME", "AFTER", "SUBJECT", "STATE", "REASON"), [
        (output.when(event.time), f"{event.time - record.spec.created:.2f} s", event.subject, output.state(event.state),
         event.reason) for event in story])


def _plain(status: object) -> dict[str, object]:
    return {name: getattr(status, name) for name in ("state", "started", "ended", "exit_code", "failure")}
