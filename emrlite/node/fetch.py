"""Bring a file from ``s3://``, ``hdfs://`` or the machine itself to a path on the node."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from emrlite.errors import StorageError
from emrlite.node.layout import NodeInfo

_S3 = ("s3", "s3a", "s3n")


def fetch(source: str, target: Path, info: NodeInfo) -> Path:
    """Copy *source* to the path *target*; a local file is not copied but named.  Raises `StorageError`."""
    url = urlsplit(source)
    if url.scheme in ("", "file", "local"):
        path = Path(unquote(url.path) if url.scheme else source)
        if not path.exists():
            raise StorageError(f"{source} does not exist on {info.name}")
        return path
    target.parent.mkdir(parents=True, exist_ok=True)
    if url.scheme in _S3:
        _from_s3(url.netloc, source.split("/", 3)[3] if source.count("/") > 2 else "", target, info)
    elif url.scheme in ("http", "https"):
        _from_web(source, target)
    else:
        _with_hadoop(source, target, info)
    return target


def _from_s3(bucket: str, key: str, target: Path, info: NodeInfo) -> None:
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    client: Any = botocore.session.get_session().create_client(
        "s3",
        region_name=info.region,
        endpoint_url=info.s3_endpoint,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}),
    )
    try:
        body = client.get_object(Bucket=bucket, Key=key)["Body"]
        with target.open("wb") as file:
            shutil.copyfileobj(body, file)
    except (ClientError, BotoCoreError) as error:
        raise StorageError(f"s3://{bucket}/{key} cannot be read: {error}") from error


def _from_web(source: str, target: Path) -> None:
    from urllib.request import urlopen

    try:
        with urlopen(source, timeout=60) as body, target.open("wb") as file:
            shutil.copyfileobj(body, file)
    except OSError as error:
        raise StorageError(f"{source} cannot be read: {error}") from error


def _with_hadoop(source: str, target: Path, info: NodeInfo) -> None:
    target.unlink(missing_ok=True)
    done = subprocess.run(
        [info.layout.bin / "hadoop", "fs", "-get", source, target],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StorageError(f"{source} cannot be read: {done.stderr.strip()[-500:]}")
