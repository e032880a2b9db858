"""``explain``: what would be run on each node, or was: command lines and configuration files."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from emrlite.cli import output
from emrlite.cli.look import find
from emrlite.cluster.model import ClusterSpec, NodeSpec
from emrlite.errors import LogNotFound
from emrlite.node import daemons, engines, steps
from emrlite.node import provision as rendering
from emrlite.node.addresses import Network
from emrlite.node.driver import daemons_of
from emrlite.node.layout import Layout, NodeInfo
from emrlite.settings import Settings

#: Values of these properties are keys.
_SECRET = ("access.key", "secret.key", "session.token")


@click.command()
@click.argument("cluster")
@output.json_option
@click.pass_context
def explain(context: click.Context, /, cluster: str, as_json: bool) -> None:
    """Show what runs, would run or was run for CLUSTER: addresses, command lines, configuration, steps."""
    at = output.settings(context)
    spec = find(output.store(at), cluster).spec
    root = at.home / "clusters" / spec.id
    try:
        network = Network.parse((root / "network").read_text().strip())
    except FileNotFoundError:
        raise LogNotFound(f"nothing was provisioned for {spec.id} (yet); `emrlite events {spec.id}` says why") from None
    nodes = [_node(at, spec, node, root, network) for node in spec.nodes if (root / node.name / "node.json").exists()]
    if as_json:
        output.as_json({"cluster": spec.id, "directory": root, "nodes": nodes})
        return
    click.echo(f"{spec.id} in {root}")
    for node in nodes:
        click.echo(click.style(f"\n{node['name']} ({node['instance_id']}) at {node['address']}", bold=True))
        for name, argv in {**node["daemons"], **node["steps"]}.items():
            click.echo(f"  {name}:\n    {shlex.join(argv)}")
        for name, text in node["files"].items():
            click.echo(f"  conf/{name}:")
            click.echo("".join(f"    {line}\n" for line in text.splitlines()), nl=False)


def _node(at: Settings, spec: ClusterSpec, node: NodeSpec, root: Path, network: Network) -> dict[str, Any]:
    engine, layout = engines.find(at), Layout(root / node.name)
    info = NodeInfo.read(layout.root)
    cores, memory = rendering.offered(spec, node)
    command = daemons.command(
        daemons_of(spec, node), node=node, network=network, engine=engine, layout=layout, cores=cores, memory=memory,
        application_ids=rendering.application_ids(info))
    commands = {daemons.PROCESS: command.argv}
    own = {step.id: steps.command(step, info).argv for step in spec.steps} if node == spec.master else {}
    files = {path.name: _without_keys(path.read_text()) for path in sorted(layout.conf.iterdir())}
    return {"name": node.name, "instance_id": node.instance_id, "address": info.address, "daemons": commands,
            "steps": own, "files": files}


def _without_keys(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not any(word in line for word in _SECRET))
