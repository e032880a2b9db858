"""What a test puts into S3 before a step and reads from it afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from emrlite.errors import SetupError, StorageError
from emrlite.storage.s3 import split_uri

_FORMATS = ("parquet", "csv", "json", "orc")


def upload(s3: Any, source: str | Path | bytes, uri: str) -> str:
    """Put a file, a folder with all below it, or bytes at *uri*, whose bucket is made if need be; return *uri*."""
    bucket, key = split_uri(uri)
    _ensure_bucket(s3, bucket)
    if isinstance(source, bytes):
        s3.put_object(Bucket=bucket, Key=key, Body=source)
        return uri
    path = Path(source)
    if path.is_dir():
        for file in sorted(found for found in path.rglob("*") if found.is_file()):
            s3.upload_file(str(file), bucket, f"{key.rstrip('/')}/{file.relative_to(path).as_posix()}".lstrip("/"))
    elif path.is_file():
        s3.upload_file(str(path), bucket, key)
    else:
        raise StorageError(f"there is no {path} (from {Path.cwd()}) to upload to {uri}")
    return uri


def read_table(s3: Any, uri: str, *, format: str | None = None, column_names: Sequence[str] | None = None) -> Any:
    """Return what a job wrote below *uri* as a ``pyarrow.Table``.

    *format* (parquet, csv, json or orc) is that of the file names unless given; *column_names*
    are for CSV without a first line of names, which is what Spark writes.  Columns of
    ``name=value`` folders are part of the table.  Raises `StorageError` if there is nothing.
    """
    try:
        import pyarrow.csv
        import pyarrow.dataset
    except ImportError as error:
        raise SetupError("read_table needs pyarrow: pip install pyarrow") from error
    bucket, prefix = split_uri(uri)
    keys = list(_keys(s3, bucket, prefix))
    data = [key for key in keys if _is_data(key.removeprefix(prefix))]
    if not data:
        raise StorageError(f"there is no data at {uri}: " + (f"only {', '.join(keys[:5])}" if keys else "it is empty"))
    kind = format or _format(data, uri)
    options: Any = kind
    if kind == "csv" and column_names is not None:
        names = pyarrow.csv.ReadOptions(column_names=list(column_names))
        options = pyarrow.dataset.CsvFileFormat(read_options=names)
    with tempfile.TemporaryDirectory(prefix="emrlite-") as folder:
        for key in data:
            path = Path(folder, key.removeprefix(prefix).lstrip("/") or Path(key).name)
            path.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, key, str(path))
        return pyarrow.dataset.dataset(folder, format=options, partitioning="hive").to_table()


def _ensure_bucket(s3: Any, bucket: str) -> None:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        s3.create_bucket(Bucket=bucket)


def _keys(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    """Keys of the object *prefix*, or of those in the folder *prefix*: not of ``prefix-2/`` beside it."""
    folder = prefix.rstrip("/") + "/" if prefix else ""
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                if item["Key"] == prefix or item["Key"].startswith(folder):
                    yield item["Key"]
    except ClientError as error:
        raise StorageError(f"s3://{bucket}/{prefix} cannot be listed: {error}") from error


def _is_data(place: str) -> bool:
    """Spark's rule: names that begin with ``_`` or ``.`` are no data, ``_c0=1/`` folders are."""
    parts = place.strip("/").split("/")
    return not place.endswith("/") and not any(part[:1] in ("_", ".") and "=" not in part for part in parts)


def _format(keys: list[str], uri: str) -> str:
    found = {suffix for key in keys for suffix in Path(key).name.split(".") if suffix in _FORMATS}
    if len(found) != 1:
        raise StorageError(f"{uri} holds {Path(keys[0]).name}: say which format that is, e.g. format='csv'")
    return found.pop()
