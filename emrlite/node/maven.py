"""Java packages that were fetched ahead: what ``--packages`` of a node's programs takes.

``<home>/packages/`` holds ``jars/`` (under the names that Spark's own resolver gives), a record for each coordinate
that was asked for, and ``aws/`` with the table formats where an EMR node has them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from emrlite.node.submit_arguments import Arguments


def folder(home: Path) -> Path:
    """Where a home keeps packages."""
    return home / "packages"


def record(packages: Path, name: str) -> Path:
    """Where it is written which jars the coordinate *name* has."""
    return packages / f"{name.replace(':', '_')}.json"


def jars(packages: Path, name: str) -> list[Path] | None:
    """The jars of the coordinate *name* with all that it needs, if it was fetched."""
    try:
        files = [packages / "jars" / file for file in json.loads(record(packages, name).read_text())]
    except FileNotFoundError:
        return None
    return files if all(file.is_file() for file in files) else None


_PACKAGES, _JARS = "spark.jars.packages", "spark.yarn.dist.jars"


def replaced(arguments: Arguments, defaults: dict[str, str], packages: Path) -> tuple[Arguments, list[str]]:
    """Put the jars of ``--packages`` in its place where all were fetched; with a note either way."""
    conf = arguments.properties(defaults)
    asked = [name.strip() for name in conf.get(_PACKAGES, "").split(",") if name.strip()]
    found = {name: jars(packages, name) for name in asked}
    missing = [name for name, paths in found.items() if paths is None]
    if not asked:
        return arguments, []
    if missing:
        names = " ".join(missing)
        note = f"--packages: Spark looks for {names} on the network; `emrlite prefetch {names}` fetches it once for all"
        return arguments, [note]
    paths = dict.fromkeys(str(path) for each in found.values() for path in each or ())
    listed = ",".join(filter(None, (conf.get(_JARS, ""), *paths)))
    options = {key: value for key, value in arguments.options.items() if key != "--packages"}
    changed = replace(arguments, options=options, conf={**arguments.conf, _PACKAGES: "", _JARS: listed})
    return changed, [f"--packages: {', '.join(asked)} as fetched before, {len(paths)} jars"]
