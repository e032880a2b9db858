"""boto3 through the endpoint to the real S3Proxy: objects go there and back, and are files."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from emrlite.api.aws import Aws, Neighbourhood
from emrlite.api.guard import Guard
from emrlite.api.http import Application, Endpoint, listen
from emrlite.cluster.model import ClusterSpec
from emrlite.cluster.store import Store
from emrlite.node import engines
from emrlite.node.java_options import LASTING
from emrlite.settings import Settings
from emrlite.storage import s3 as s3_server

#: Takes no proxy on its way, whatever the environment says.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class NoClusters:
    """S3 needs none."""

    store: Store

    def launch(self, spec: ClusterSpec) -> ClusterSpec:
        return spec
    def poke(self, cluster_id: str) -> None: ...
    def reset(self, timeout: float, keep: frozenset[str] = frozenset()) -> None: ...


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a home") / "s3"


@pytest.fixture(scope="module")
def server(buckets: Path) -> Iterator[str]:
    engine = engines.ensure(Settings.load(), print)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    properties = buckets.parent / "properties"
    argv = s3_server.s3proxy_argv(engine.java_home, engine.s3proxy, buckets, properties, port, LASTING)
    with (buckets.parent / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            if s3_server.answers(url):
                break
            assert process.poll() is None, (buckets.parent / "log").read_text()
            threading.Event().wait(0.2)
        else:
            pytest.fail("S3Proxy does not answer")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(15)


@pytest.fixture(scope="module")
def s3(server: str, buckets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    settings = Settings(home=buckets.parent)
    others = Neighbourhood(
        s3_url=lambda: server, moto_url=lambda: "http://127.0.0.1:1", moto_runs=lambda: False,
        bucket_exists=lambda bucket: True, buckets=buckets)
    aws = Aws(settings, NoClusters(Store(tmp_path_factory.mktemp("store") / "db")), others)
    with Endpoint(listen("127.0.0.1", 0), Application(Guard.of(settings), aws, {})) as endpoint:
        client = boto3.client(
            "s3", endpoint_url=endpoint.url, region_name="us-east-1", aws_access_key_id="test",
            aws_secret_access_key="test", config=Config(proxies={}, retries={"total_max_attempts": 1}))
        client.create_bucket(Bucket="bucket")
        yield client
        client.close()


KEYS = ["plain", "a/b", "a%2Fb", "sp ace/é ü", "日本/語", "plus+and&=?#", "a~b*c'(d)!", "empty"]


def test_objects_of_any_name_go_there_and_back_and_are_files(s3: Any, buckets: Path) -> None:
    for key in KEYS:
        content = b"" if key == "empty" else key.encode()
        s3.put_object(Bucket="bucket", Key=key, Body=content, Metadata={"my_key": "v"})
        answer = s3.get_object(Bucket="bucket", Key=key)
        assert (answer["Body"].read(), answer["Metadata"]) == (content, {"my_key": "v"})
        assert (buckets / "bucket" / key).read_bytes() == content
    assert {item["Key"] for item in s3.list_objects_v2(Bucket="bucket")["Contents"]} >= set(KEYS)
    (buckets / "bucket" / "dropped in").write_text("by hand")
    assert s3.get_object(Bucket="bucket", Key="dropped in")["Body"].read() == b"by hand"


def test_twenty_megabytes_in_parts_ranges_copies_and_presigned_urls(s3: Any) -> None:
    content = os.urandom(20 << 20)
    parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=6 << 20)
    s3.upload_fileobj(io.BytesIO(content), "bucket", "big one", Config=parts)
    back = io.BytesIO()
    s3.download_fileobj("bucket", "big one", back)
    assert back.getvalue() == content
    assert s3.get_object(Bucket="bucket", Key="big one", Range="bytes=100-199")["Body"].read() == content[100:200]
    s3.copy_object(Bucket="bucket", Key="copy ü", CopySource={"Bucket": "bucket", "Key": "big one"})
    assert s3.head_object(Bucket="bucket", Key="copy ü")["ContentLength"] == len(content)
    signed = s3.generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": "signed one"})
    with DIRECT.open(urllib.request.Request(signed, b"hello", method="PUT"), timeout=20) as answer:
        assert answer.status == 200
    signed = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "signed one"})
    with DIRECT.open(signed, timeout=20) as answer:
        assert answer.read() == b"hello"


def test_what_is_not_there_is_a_404_in_s3s_words(s3: Any) -> None:
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="bucket", Key="nothing")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="bucket", Key="nothing")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket="nowhere")


def test_keys_that_the_server_confuses_never_touch_the_other_object(s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="x/y", Body=b"kept")
    for key in ("x//y", "/x/y", "x/./y", "z/../x/y", "x/y/below", "x"):
        with pytest.raises(ClientError, match="InvalidArgument"):
            s3.put_object(Bucket="bucket", Key=key, Body=b"other")
    with pytest.raises(ClientError, match="InvalidArgument"):
        s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "x//y"}]})
    with pytest.raises(ClientError, match="InvalidArgument"):
        s3.delete_object(Bucket="bucket", Key="x//y")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="bucket", Key="x//y")
    assert s3.get_object(Bucket="bucket", Key="x/y")["Body"].read() == b"kept"


def test_many_objects_are_deleted_in_one_call(s3: Any) -> None:
    keys = [f"many/{number} ü" for number in range(30)]
    for key in keys:
        s3.put_object(Bucket="bucket", Key=key, Body=b"x")
    answer = s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": key} for key in keys]})
    assert {item["Key"] for item in answer["Deleted"]} == set(keys)
    assert "Contents" not in s3.list_objects_v2(Bucket="bucket", Prefix="many/")
