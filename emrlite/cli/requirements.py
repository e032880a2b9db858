"""``run --requirements``: a bootstrap action that installs a requirements file into the cluster's own environment."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path
from typing import Any

import click

from emrlite.cli import upload
from emrlite.storage import s3


def check(file: str | None) -> Path | None:
    """The requirements file, if one is named and can be installed.  Raises ``click.BadParameter``."""
    if file is None:
        return None
    path = Path(file).expanduser()
    if not path.is_file():
        raise click.BadParameter(f"{file!r} is no file", param_hint="--requirements")
    if importlib.util.find_spec("pip") is None:
        raise click.BadParameter(
            "the Python of emrlite, which is the cluster's, has no pip; install it there (`python -m ensurepip`)",
            param_hint="--requirements")
    return path


def script(text: str) -> str:
    """What runs on every node, with the node's own `pip`; the Python that emrlite runs in is left as it is."""
    lines = ("#!/bin/bash", "set -e", 'cd "$HOME"', f"printf %s {shlex.quote(text)} > requirements.txt",
             "pip install --requirement requirements.txt", "")
    return "\n".join(lines)


def bootstrap(client: Any, path: Path, uri: str) -> list[dict[str, Any]]:
    """Upload the script for *path* to *uri*; return the ``BootstrapActions`` of RunJobFlow."""
    bucket, key = s3.split_uri(uri)
    upload.ensure_bucket(client, bucket)
    client.put_object(Bucket=bucket, Key=key, Body=script(path.read_text()).encode())
    return [{"Name": f"pip install -r {path.name}", "ScriptBootstrapAction": {"Path": uri}}]
