"""``setup``, ``doctor``, ``clean``, ``uninstall``: what emrlite needs on this machine."""

from __future__ import annotations

import signal
import sys
import threading
import time

import click

from emrlite import home
from emrlite.cli import output
from emrlite.cluster.states import ClusterState
from emrlite.errors import HomeInUse
from emrlite.settings import Settings

#: Seconds between two looks at the clusters, how many in a row shall find none busy before a set-up that waits for
#: that begins, and for how many seconds it waits.
LOOK_SECONDS, IDLE_LOOKS, PATIENCE = 0.2, 25, 120.0


@click.command()
@click.option("--spark", help="Spark version of the engine.")
@click.option("--java", is_flag=True, help="Put a Java into the home even where the machine has one that fits.")
@click.option("--when-idle", is_flag=True,
              help="Begin when no cluster of the home has started or run a step for 5 s, in 2 minutes at the latest, "
                   "or when a step waits for the aws CLI.")
@click.pass_context
def setup(context: click.Context, /, spark: str | None, java: bool, when_idle: bool) -> None:
    """Fetch what clusters need: Java archives, Java and the aws CLI.  A second call does nothing."""
    from emrlite.node import engines

    at = output.settings(context, spark=spark)
    # An end like that by Ctrl-C, so that what set-up has started ends with it.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    if when_idle:
        _until_idle(at)
    if java:
        engines.bring_java(at, click.echo)
    engine = engines.ensure(at, click.echo, whole=True)
    click.echo(f"ready: Spark {engine.spark}, Hadoop {engine.hadoop}, Java in {engine.java_home}")


def _until_idle(at: Settings) -> None:
    """Wait until nobody waits for a cluster of the home, nor for a step on it, or somebody waits for the aws CLI."""
    from emrlite.node import aws_cli

    click.echo(f"waiting until no cluster is busy, for {PATIENCE:.0f} s at the most")
    store, pause = output.store(at), threading.Event()
    end, idle = time.monotonic() + PATIENCE, 0
    while idle < IDLE_LOOKS and time.monotonic() < end and not aws_cli.is_wanted(at.home):
        pause.wait(LOOK_SECONDS)
        alive = {cluster for cluster, owner in store.owners().items() if home.is_alive(at.home, owner)}
        busy = any(live.spec.id in alive and live.status.state is not ClusterState.WAITING for live in store.live())
        idle = 0 if busy else idle + 1


@click.command()
@output.json_option
@click.pass_context
def doctor(context: click.Context, /, as_json: bool) -> None:
    """Say what is there, what is missing, and the command that cures it; exit code 1 if no cluster could start."""
    from emrlite.node import doctor as examination

    findings = examination.doctor(output.settings(context))
    if as_json:
        output.as_json(findings)
    else:
        for finding in findings:
            mark = click.style("ok  ", fg="green") if finding.ok else click.style("BAD ", fg="red")
            click.echo(f"{mark} {finding.what:<18} {finding.version or '':<12} {finding.detail}".rstrip())
            if not finding.ok and finding.cure:
                click.echo(f"     cure: {finding.cure}")
    sys.exit(0 if examination.can_start(findings) else 1)


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def clean(context: click.Context, /, yes: bool) -> None:
    """Remove engines and caches, which `emrlite setup` can make again.

    Clusters, buckets and the Java packages of `emrlite prefetch` stay: set-up does not know which were asked for.
    """
    from emrlite.node import removal

    at = output.settings(context)
    _must_be_idle(at)
    _confirm(removal.rebuildable(at), yes)
    for path in removal.clean(at):
        click.echo(f"removed {path}")


@click.command()
@click.option("--s3-data", is_flag=True, help="Remove the local buckets too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def uninstall(context: click.Context, /, s3_data: bool, yes: bool) -> None:
    """Remove the home, but for the local buckets."""
    from emrlite.node import removal

    at = output.settings(context)
    _must_be_idle(at)
    _confirm(removal.everything(at, s3_data=s3_data), yes)
    for path in removal.uninstall(at, s3_data=s3_data):
        click.echo(f"removed {path}")


def _must_be_idle(at: Settings) -> None:
    from emrlite.node import engines

    if home.anybody(at.home):
        raise HomeInUse(f"an emulator works in {at.home}; stop it first with `emrlite stop`, or let `emrlite run` end")
    if engines.set_up_at_work(at.home):
        raise HomeInUse(f"a set-up of {at.home} is at work: a first `emrlite run` leaves one behind it for a minute "
                        "or two; let it end, or wait for it with `emrlite setup`")


def _confirm(paths: object, yes: bool) -> None:
    found = [str(path) for path in paths] if isinstance(paths, list | tuple) else []
    if found and not yes:
        click.echo("To be removed:\n  " + "\n  ".join(found))
        click.confirm("Go on?", abort=True)
