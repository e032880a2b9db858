"""``exec``: a command on a node, as one gives it by ssh on EMR; with its environment, in the home of hadoop."""

from __future__ import annotations

import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import click

from emrlite.cli import output
from emrlite.cli.look import find
from emrlite.cluster.model import ClusterSpec, NodeSpec, StepSpec
from emrlite.cluster.states import is_final
from emrlite.cluster.store import Record
from emrlite.errors import NodeError
from emrlite.node import namespace, steps
from emrlite.node.layout import Layout, NodeInfo

#: What of the user's terminal a program on a node needs to know.
_TERMINAL = ("TERM", "COLUMNS", "LINES", "COLORTERM")


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("-i", "--interactive", is_flag=True, help="Hand on standard input.")
@click.option("-t", "--tty", is_flag=True, help="Insist on a terminal; with -i, for shells: `-it`.")
@click.option("--node", default="master", show_default=True, help="A node's name or instance id, e.g. core-1.")
@click.argument("cluster")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def exec(
    context: click.Context, /, cluster: str, command: tuple[str, ...], node: str, interactive: bool, tty: bool
) -> None:
    """Run COMMAND on a node of CLUSTER, in the place of ssh.

    It has the environment of a step and the home of hadoop; the exit code is the command's.  The beginning of a
    cluster's id is enough: `emrlite exec -it j-2AX -- bash`.
    """
    at = output.settings(context)
    # Options may stand behind the cluster too, up to `--`.
    node, interactive, tty, words = _options(command, node, interactive, tty)
    record = find(output.store(at), cluster)
    info = _node(record, at.home / "clusters" / record.spec.id, node)
    if tty and not sys.stdin.isatty():
        raise click.UsageError("-t needs a terminal as standard input, and this is none")
    env = steps.environment(info, step_id=None, credentials=_keys(info.layout), environ=os.environ)
    env |= {name: os.environ[name] for name in _TERMINAL if name in os.environ}
    step = StepSpec(id="", name="exec", jar="command-runner.jar", args=words)
    argv = steps.command(step, info).argv
    if not interactive:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(info.layout.home)
    sys.stdout.flush()
    try:
        if info.view != "none":
            namespace.enter(str(info.layout.view))
        os.execve(argv[0], argv, env)
    except OSError as error:
        raise NodeError(f"{argv[0]} cannot be run on {info.name}: {error.strerror}") from error


def _options(
    command: tuple[str, ...], node: str, interactive: bool, tty: bool
) -> tuple[str, bool, bool, tuple[str, ...]]:
    rest = list(command)
    while rest and rest[0].startswith("-"):
        match rest.pop(0):
            case "--":
                break
            case "--node" if rest:
                node = rest.pop(0)
            case word if word.startswith("--node="):
                node = word.partition("=")[2]
            case "-i" | "--interactive":
                interactive = True
            case "-t" | "--tty":
                tty = True
            case "-it" | "-ti":
                interactive = tty = True
            case word:
                raise click.UsageError(f"exec has no option {word}; the command stands behind `--`")
    if not rest:
        raise click.UsageError("no command: `emrlite exec CLUSTER -- COMMAND`")
    return node, interactive, tty, tuple(rest)


def _node(record: Record, root: Path, name: str) -> NodeInfo:
    """The node that is called *name*, if it is up.  Raises `NodeError`."""
    spec = record.spec
    found = _find(spec, name)
    if is_final(record.status.state):
        raise NodeError(f"{spec.id} is {record.status.state} ({record.status.reason}): its nodes are gone")
    layout = Layout(root / found.name)
    if not (layout.root / "node.json").exists() or (layout.root / "stopped").exists():
        raise NodeError(f"{found.name} of {spec.id} is not up; the cluster is {record.status.state}")
    return NodeInfo.read(layout.root)


def _find(spec: ClusterSpec, name: str) -> NodeSpec:
    for node in spec.nodes:
        if name in (node.name, node.instance_id, node.id):
            return node
    raise NodeError(f"{spec.id} has no node {name!r}; it has {', '.join(node.name for node in spec.nodes)}")


def _keys(layout: Layout) -> dict[str, str]:
    """The keys of S3 that the node was given; they stand in its core-site.xml and nowhere else."""
    site = {
        item.findtext("name"): item.findtext("value") or ""
        for item in ET.parse(layout.conf / "core-site.xml").iter("property")  # noqa: S314  written by emrlite
    }
    names = {"AWS_ACCESS_KEY_ID": "fs.s3a.access.key", "AWS_SECRET_ACCESS_KEY": "fs.s3a.secret.key"}
    return {variable: site.get(name, "") for variable, name in names.items()}
