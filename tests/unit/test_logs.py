import gzip

import pytest
from botocore.exceptions import ClientError
from simulation import ID, nodes, spec

from emrlite.errors import StorageError
from emrlite.node.layout import Layout
from emrlite.storage import logs, s3


class Bucket:
    """An S3 that keeps what it is given."""

    def __init__(self, refuses=""):
        self.objects, self.refuses = {}, refuses

    def put_object(self, Bucket, Key, Body):  # noqa: N803  as botocore calls it
        if self.refuses and Key.endswith(self.refuses):
            raise ClientError({"Error": {"Code": "NoSuchBucket", "Message": "gone"}}, "PutObject")
        self.objects[f"{Bucket}/{Key}"] = gzip.decompress(Body).decode()


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "a node")


def write(path, text="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_everything_of_a_node_lies_where_emr_has_it(layout):
    node = nodes()[1]
    write(layout.daemon_logs / "datanode.log")
    write(layout.bootstrap_logs(2) / "controller")
    write(layout.spark_work / "application_1700000000000_0007" / "0" / "stderr")
    write(layout.container_logs / "application_1700000000000_0007/container_1700000000000_0007_01_000001/stdout")
    write(layout.spark_work / "driver-x" / "0" / "stderr")
    application = "containers/application_1700000000000_0007"
    assert {file.place for file in logs.node_files(layout, node) if file.path.exists()} == {
        f"node/{node.instance_id}/daemons/datanode.log",
        f"node/{node.instance_id}/bootstrap-actions/2/controller",
        f"{application}/container_1700000000000_0007_01_000001/stdout",
        f"{application}/container_1700000000000_0007_01_000002/stderr",
    }


def test_a_step_has_four_files_and_those_that_are_not_there_are_left_out(layout):
    for name in ("controller", "stderr"):
        write(layout.step_logs("s-1") / name, f"{name}\n")
    bucket = Bucket()
    asked = spec(log_uri="s3n://logs/a folder/")
    assert logs.upload(bucket, asked, logs.step_files(layout, "s-1")) == 2
    assert bucket.objects == {
        f"logs/a folder/{ID}/steps/s-1/{name}.gz": f"{name}\n" for name in ("controller", "stderr")}
    assert [file.place for file in logs.step_files(layout, "s-1")] == [
        f"steps/s-1/{name}" for name in ("controller", "syslog", "stdout", "stderr")]


def test_without_a_log_uri_nothing_goes(layout):
    write(layout.step_logs("s-1") / "stdout")
    bucket = Bucket()
    assert logs.upload(bucket, spec(), logs.step_files(layout, "s-1")) == 0
    assert bucket.objects == {}


def test_a_bucket_that_refuses_is_named(layout):
    write(layout.step_logs("s-1") / "stdout")
    with pytest.raises(StorageError, match=r"could not bring stdout to s3://logs/.*stdout\.gz.*NoSuchBucket"):
        logs.upload(Bucket(refuses=".gz"), spec(log_uri="s3://logs"), logs.step_files(layout, "s-1"))


def test_a_file_that_cannot_be_read_is_named_and_keeps_no_other_from_going(layout, monkeypatch):
    for name in logs.STEP_FILES:
        write(layout.step_logs("s-1") / name)
    path, read = layout.step_logs("s-1") / "controller", type(layout.root).read_bytes

    def refuse(self):
        if self == path:
            raise PermissionError(13, "Permission denied")
        return read(self)

    monkeypatch.setattr(type(layout.root), "read_bytes", refuse)
    bucket = Bucket()
    with pytest.raises(StorageError, match="could not read .*controller"):
        logs.upload(bucket, spec(log_uri="s3://logs"), logs.step_files(layout, "s-1"))
    assert len(bucket.objects) == 3


@pytest.mark.parametrize(("uri", "parts"), [
    ("s3://b/k", ("b", "k")), ("s3a://b/a//b", ("b", "a//b")), ("s3n://b", ("b", "")),
    ("s3://b/a b?c#d", ("b", "a b?c#d")),
])
def test_a_uri_of_s3_is_split(uri, parts):
    assert s3.split_uri(uri) == parts


@pytest.mark.parametrize("uri", ["", "hdfs://b/k", "/tmp/x", "s3:/b/k", "s3://", "http://b/k"])
def test_what_is_no_uri_of_s3_is_refused_by_name(uri):
    with pytest.raises(StorageError, match="is not an S3 location"):
        s3.split_uri(uri)
