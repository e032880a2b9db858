"""The class-data archive of the S3 server, which has a class path of its own: ready in half the time.

Set-up lets a server on an empty folder serve a few requests and write down its classes as it ends.  The name of the
archive tells which Java and which server it was made from, so one that does not fit is never found.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from emrlite.errors import SetupError
from emrlite.node import class_data
from emrlite.node.java import Java
from emrlite.node.java_options import LASTING
from emrlite.node.service import free_port
from emrlite.storage import s3
from emrlite.storage.emrfs import S3Access

#: In bytes.
SIZE = 30_000_000
_SECONDS = 60.0


def path(jar: Path, java: Java) -> Path:
    """Where the archive of the server in *jar* is, or would be, for *java*."""
    file, real = jar.stat(), jar.resolve()  # Java takes it for this file only, and says no word of it for a copy
    made_from = json.dumps([class_data.identity(java), str(real), file.st_size, int(file.st_mtime)])
    return jar.with_name(f"s3proxy-{hashlib.sha256(made_from.encode()).hexdigest()[:12]}.jsa")


def make(jar: Path, java: Java) -> None:
    """Make the archive: some seconds.  Raises `SetupError`, and then there is none."""
    archive = path(jar, java)
    for old in jar.parent.glob("s3proxy-*.jsa*"):
        old.unlink()
    fresh = archive.with_name(f"{archive.name}.new")
    with tempfile.TemporaryDirectory(prefix="emrlite-s3-") as name:
        folder, port = Path(name), free_port()
        flags = [*LASTING, f"-XX:ArchiveClassesAtExit={fresh}"]
        command = s3.s3proxy_argv(java.home, jar, folder / "s3", folder / "s3.properties", port, flags)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
            try:
                _use(f"http://127.0.0.1:{port}", server)
                server.terminate()
                said, _ = server.communicate(timeout=_SECONDS)
            except (OSError, BotoCoreError, ClientError, subprocess.TimeoutExpired) as error:
                raise SetupError(f"the class-data archive of the S3 server: {error}") from error
            finally:
                server.kill()
    if not fresh.is_file():
        raise SetupError(f"the class-data archive of the S3 server was not written: {said.strip()[-400:]}")
    fresh.replace(archive)


def _use(url: str, server: subprocess.Popen[str]) -> None:
    """Let the server do what a cluster asks of it."""
    deadline, pause = time.monotonic() + _SECONDS, threading.Event()
    while not s3.answers(url):
        if server.poll() is not None or time.monotonic() > deadline:
            raise SetupError(f"the S3 server does not answer at {url}")
        pause.wait(0.05)
    access_key, secret_key = s3.DUMMY_KEYS
    client = s3.client(S3Access(endpoint=url, region="us-east-1", access_key=access_key, secret_key=secret_key))
    client.create_bucket(Bucket="bucket")
    for key in ("a/b", "a/c", "d"):
        client.put_object(Bucket="bucket", Key=key, Body=b"body")
    client.get_object(Bucket="bucket", Key="d", Range="bytes=0-1")["Body"].read()
    client.head_object(Bucket="bucket", Key="d")
    client.list_objects_v2(Bucket="bucket", Prefix="a/", Delimiter="/")
    client.list_buckets()
    upload = client.create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
    part = client.upload_part(Bucket="bucket", Key="parts", UploadId=upload, PartNumber=1, Body=b"part")
    client.complete_multipart_upload(Bucket="bucket", Key="parts", UploadId=upload, MultipartUpload={
        "Parts": [{"ETag": part["ETag"], "PartNumber": 1}]})
    client.copy_object(Bucket="bucket", Key="copy", CopySource="bucket/d")
    client.delete_object(Bucket="bucket", Key="d")
    client.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "a/b"}]})
    client.close()
