"""Keys that an S3 server which keeps objects as files cannot tell apart.

S3Proxy on a folder takes ``x//y`` and ``x/y`` for one object, and fails on a key below
another key.  What would silently touch the wrong object is refused before it gets there.
(Spark and the steps talk to the S3 server directly; Hadoop's paths have no such keys.)
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

from emrlite.api.s3_errors import S3Refusal

_DELETED_KEY = re.compile(rb"<Key>(.*?)</Key>", re.DOTALL)
#: The longest name of a file.
_NAME_MAX = 255


def split(target: str) -> tuple[str, str]:
    """Return bucket and key of a raw request target of the path style."""
    path = target.partition("?")[0]
    bucket, _, key = path.removeprefix("/").partition("/")
    return unquote(bucket), unquote(key, errors="surrogateescape")


def is_bulk_delete(method: str, target: str) -> bool:
    """Tell whether the request is a DeleteObjects, whose keys are in its body."""
    query = urlsplit("//h/?" + target.partition("?")[2]).query
    return method == "POST" and any(part.partition("=")[0] == "delete" for part in query.split("&"))


def check(
    method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes, buckets: Path | None
) -> S3Refusal | None:
    """Return why the request cannot be passed on, or ``None`` if it can.

    *buckets* is the folder of the buckets, where it is known; *body* is read of a DeleteObjects only.
    """
    bucket, key = split(target)
    if _is_outside(bucket):
        return _refuse("400 Bad Request", "InvalidBucketName", "The specified bucket is not valid.", bucket)
    if is_bulk_delete(method, target):
        for found in _DELETED_KEY.findall(body):
            if problem := _ambiguous(unescape(found.decode(errors="replace"))):
                return _invalid(problem, bucket)
        return None
    for name, value in headers:
        source = unquote(value.partition("?")[0]).removeprefix("/").partition("/")
        if name.lower() == "x-amz-copy-source" and (_ambiguous(source[2]) or _is_outside(source[0])):
            return _refuse("404 Not Found", "NoSuchKey", "The specified key does not exist.", value)
    if not key:
        return None
    problem = _ambiguous(key)
    if problem and method in ("GET", "HEAD"):
        return _refuse("404 Not Found", "NoSuchKey", "The specified key does not exist.", key)
    if problem:
        return _invalid(problem, key)
    if method in ("PUT", "POST") and buckets is not None and (problem := _collides(buckets / bucket, key)):
        return _invalid(problem, key)
    if method == "PUT" and key.endswith("/") and _has_content(headers):
        return _invalid("On this S3 server a key that ends with '/' is a folder, and its content would be lost.", key)
    return None


def _ambiguous(key: str) -> str | None:
    """Say why *key* would be taken for another one."""
    parts = key.split("/")
    if "" in parts[:-1] or any(part in (".", "..") for part in parts):
        return f"The key '{key}' has an empty, '.' or '..' part: this S3 server would take it for another key."
    if "\0" in key:
        return "The key holds a NUL character."
    if any(len(os.fsencode(part)) > _NAME_MAX for part in parts):
        return f"A part of the key is longer than {_NAME_MAX} bytes: this S3 server keeps objects as files."
    return None


def _has_content(headers: Sequence[tuple[str, str]]) -> bool:
    """Tell whether a PUT has more than nothing in its body."""
    values = {name.lower(): value for name, value in headers}
    length = values.get("x-amz-decoded-content-length", values.get("content-length"))
    return length != "0" if length is not None else "transfer-encoding" in values


def _is_outside(bucket: str) -> bool:
    return bucket in (".", "..") or "/" in bucket or "\0" in bucket


def _collides(folder: Path, key: str) -> str | None:
    """Say which object is in the way of *key*, in a bucket that is a folder of files."""
    path = folder
    *above, last = key.rstrip("/").split("/")
    for part in above:
        path /= part
        if path.is_file():
            return f"'{path.relative_to(folder)}' is an object, so '{key}' cannot be below it on this S3 server."
    path /= last
    if key.endswith("/"):
        taken = path.is_file()
    else:
        taken = path.is_dir()
    if taken:
        return f"There are objects below '{key}/', or one called '{key}': this S3 server cannot have both."
    return None


def _invalid(message: str, resource: str) -> S3Refusal:
    return _refuse("400 Bad Request", "InvalidArgument", message, resource)


def _refuse(status: str, code: str, message: str, resource: str) -> S3Refusal:
    return S3Refusal(status=status, code=code, message=message, resource=resource)
