"""``prefetch``: Java packages for ``--packages`` and ``spark.jars.packages``, for runs without a network."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click

from emrlite.cli import output


@click.command()
@click.argument("packages", nargs=-1, required=True, metavar="GROUP:ARTIFACT:VERSION…")
@click.pass_context
def prefetch(context: click.Context, /, packages: tuple[str, ...]) -> None:
    """Fetch Java packages with all that they need, once, from Maven Central or the setting `maven`.

    A step's --packages and spark.jars.packages then take them from the home, without a network.  `iceberg` and `delta`
    name the versions that EMR has, and appear where EMR has them, below /usr/share/aws/ of every node.
    """
    from emrlite.node import maven
    from emrlite.node import prefetch as fetching

    at = output.settings(context)
    names = [fetching.coordinate(word, at.spark) for word in packages]
    folder = maven.folder(at.home)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if maven.jars(folder, name) is not None:
            click.echo(f"{name} is there")
            continue
        click.echo(f"{name}:")
        scratch = Path(tempfile.mkdtemp(prefix="fetching-", dir=folder))
        try:
            kept = fetching.keep(folder, name, fetching.fetch(name, scratch, click.echo, at.maven))
        finally:
            shutil.rmtree(scratch)
        size = sum(path.stat().st_size for path in kept)
        click.echo(f"{name} is there: {len(kept)} jars, {size / 2**20:.1f} MiB")
