"""The S3 endpoint: which server it is, how it is started, and a client for it.

``local`` is S3Proxy on a folder of the home, so that a bucket is a folder of plain files and
outlives everything; ``moto`` is moto's S3, in memory; a URL is somebody else's server.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from emrlite.errors import StorageError
from emrlite.storage.emrfs import S3Access

#: The credentials of a machine that has no account.
DUMMY_KEYS = ("test", "test")


def s3proxy_argv(
    java_home: Path, jar: Path, buckets: Path, properties: Path, port: int, flags: Sequence[str]
) -> list[str]:
    """Write S3Proxy's properties and return its command line, with *flags* of Java."""
    buckets.mkdir(parents=True, exist_ok=True)
    values: Mapping[str, str] = {
        "s3proxy.endpoint": f"http://127.0.0.1:{port}",
        "s3proxy.authorization": "none",
        "s3proxy.ignore-unknown-headers": "true",
        "jclouds.provider": "filesystem-nio2",
        "jclouds.identity": "x",
        "jclouds.credential": "x",
        "jclouds.filesystem.basedir": str(buckets),
    }
    properties.parent.mkdir(parents=True, exist_ok=True)
    lines = (name + "=" + value.replace("\\", "\\\\") for name, value in values.items())
    properties.write_text("\n".join(lines) + "\n")
    return [str(java_home / "bin" / "java"), "-Xmx384m", *flags, "-jar", str(jar), "--properties", str(properties)]


def answers(url: str) -> bool:
    """Tell whether an HTTP server answers at *url*, with whatever status."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def client(access: S3Access) -> Any:
    """Return a botocore client for *access*, path-style, that takes no proxy on its way."""
    import botocore.session  # a quarter of all that a command imports; meanwhile the S3 server comes up
    from botocore.config import Config

    session = botocore.session.Session()
    config = Config(
        s3={"addressing_style": "path"}, retries={"max_attempts": 2}, proxies={}, connect_timeout=5, read_timeout=60,
        request_checksum_calculation="when_required", response_checksum_validation="when_required",
    )
    return session.create_client(
        "s3", region_name=access.region, endpoint_url=access.endpoint, config=config,
        aws_access_key_id=access.access_key, aws_secret_access_key=access.secret_key,
    )


def users_keys() -> tuple[str, str]:
    """Return the user's own keys, as boto3 finds them, for an S3 endpoint that is not ours."""
    import botocore.session

    found = botocore.session.Session().get_credentials()
    return (found.access_key, found.secret_key) if found else DUMMY_KEYS


def bucket_exists(s3: Any, bucket: str) -> bool:
    """Tell whether *bucket* exists.  Raises `StorageError` if S3 does not answer."""
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404, 400):
            return False
        raise StorageError(f"S3 at {s3.meta.endpoint_url} cannot tell about bucket {bucket}: {error}") from error
    except BotoCoreError as error:
        raise StorageError(f"S3 at {s3.meta.endpoint_url} does not answer: {error}") from error
    return True


def split_uri(uri: str) -> tuple[str, str]:
    """Split ``s3://bucket/key`` (or ``s3a``, ``s3n``).  Raises `StorageError` on anything else."""
    parts = urlsplit(uri)
    if parts.scheme not in ("s3", "s3a", "s3n") or not parts.netloc:
        raise StorageError(f"{uri!r} is not an S3 location; it has the form s3://bucket/key")
    key = uri.split(f"{parts.scheme}://{parts.netloc}", 1)[1].lstrip("/")
    return parts.netloc, key
