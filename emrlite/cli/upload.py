"""Bring an application and its inputs to S3, and find what a job left there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from emrlite.errors import StorageError
from emrlite.storage import s3

_PARTITION = re.compile(r"[^/=]+=[^/]*")


@dataclass(frozen=True)
class Input:
    """A local file or folder and its place in S3."""

    local: Path
    uri: str


def parse_input(text: str) -> Input:
    """Read ``LOCAL=s3://bucket/prefix``.  Raises ``click.BadParameter``."""
    local, separator, uri = text.partition("=s3://")
    if not separator or not uri.strip("/"):
        raise click.BadParameter(f"{text!r}: it has the form LOCAL=s3://bucket/prefix", param_hint="--input")
    path = Path(local).expanduser()
    if not path.exists():
        raise click.BadParameter(f"{local!r} does not exist", param_hint="--input")
    return Input(path, f"s3://{uri}")


def files(given: Input) -> Iterator[tuple[Path, str]]:
    """Yield each file with its URI: a folder's below the prefix, a file's under it or, without a slash, as it."""
    if given.local.is_dir():
        for path in sorted(given.local.rglob("*")):
            if path.is_file():
                yield path, f"{given.uri.rstrip('/')}/{path.relative_to(given.local).as_posix()}"
    else:
        whole = given.uri.endswith("/") or not s3.split_uri(given.uri)[1]
        yield given.local, f"{given.uri.rstrip('/')}/{given.local.name}" if whole else given.uri


def put(client: Any, items: Iterable[tuple[Path, str]]) -> tuple[int, int]:
    """Upload files, making buckets that are not there; return how many and how many bytes."""
    count = size = 0
    buckets: set[str] = set()
    for path, uri in items:
        bucket, key = s3.split_uri(uri)
        try:
            if bucket not in buckets:
                ensure_bucket(client, bucket)
                buckets.add(bucket)
            with path.open("rb") as body:
                client.put_object(Bucket=bucket, Key=key, Body=body)
        except (ClientError, BotoCoreError, OSError) as error:
            raise StorageError(f"could not upload {path} to {uri}: {error}") from error
        count, size = count + 1, size + path.stat().st_size
    return count, size


def ensure_bucket(client: Any, bucket: str) -> None:
    """Make *bucket* unless it exists.  Raises `StorageError` for a name that S3 does not allow."""
    if not s3.bucket_exists(client, bucket):
        try:
            client.create_bucket(Bucket=bucket)
        except (ClientError, BotoCoreError) as error:
            raise StorageError(f"could not make the bucket {bucket!r}: {error}") from error


def written_since(client: Any, places: Iterable[str], since: float, but: Iterable[str]) -> list[str]:
    """Return the data sets (as ``s3://bucket/prefix/``) below *places* that got objects after *since*, by listing."""
    found: dict[str, None] = {}
    spared = tuple(but)
    for place in places:
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                uri = f"s3://{bucket}/{item['Key']}"
                # S3 counts in whole seconds.
                if item["LastModified"].timestamp() >= int(since) and not uri.startswith(spared):
                    found.setdefault(_data_set(bucket, item["Key"]))
    return list(found)


def _data_set(bucket: str, key: str) -> str:
    folders = key.split("/")[:-1]
    while folders and (_PARTITION.fullmatch(folders[-1]) or folders[-1].startswith("_")):
        folders.pop()
    return f"s3://{bucket}/{'/'.join(folders)}/" if folders else f"s3://{bucket}/{key}"
