"""A small object is read with one request (`java_classes/S3SmallObject.java`), and reads as any file does."""

from __future__ import annotations

import http.client
import random
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest
from rig import Emulator

#: Reads objects of several sizes through Hadoop's own interface, and compares with what was put there.
READS = """
import hashlib, random, sys, time
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
java, base, sizes = spark._jvm, sys.argv[1], map(int, sys.argv[2:])
md5, of_java = lambda data: hashlib.md5(data).hexdigest(), java.org.apache.commons.codec.digest.DigestUtils.md5Hex

def fails(work, with_what):
    try:
        work()
    except Py4JJavaError as error:
        assert with_what in str(error.java_exception), error
    else:
        raise AssertionError(f"no {with_what}")

def opened(name):
    path = java.org.apache.hadoop.fs.Path(f"{base}/{name}")
    return path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()).open(path)

def counted(stream, name):
    return stream.getIOStatistics().counters().get(name)

for size in sizes:
    expected, stream = random.Random(size).randbytes(size), opened(size)
    kind = stream.getWrappedStream().getClass().getSimpleName()
    assert kind == ("S3SmallObject" if size <= 1 << 20 else "S3AInputStream"), (size, kind)
    assert stream.available() == size
    if size:
        assert stream.read() == expected[0]
        stream.readFully(size // 2, bytes(size - size // 2))
        assert stream.getPos() == 1, "a read from a position leaves the stream where it is"
        stream.seek(size // 2)
        assert of_java(stream) == md5(expected[size // 2:]), size
        stream.unbuffer()
    stream.seek(0)
    assert of_java(stream) == md5(expected), size
    assert stream.read() == -1
    fails(lambda: stream.readFully(size, bytes(1)), "EOFException")
    fails(lambda: stream.seek(-1), "EOFException")
    if 0 < size <= 1 << 20:
        assert counted(stream, "stream_read_opened") == 2, "once, and once more after it was told to keep nothing"
        assert counted(stream, "stream_read_bytes") == 1 + 2 * (size - size // 2) + size
    stream.close()
    stream.close()
    fails(lambda: stream.read(), "Stream is closed")

def write(name, what):
    path = java.org.apache.hadoop.fs.Path(f"{base}/{name}")
    other = path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()).create(path, True)
    other.write(bytearray(what))
    other.close()

changing = opened("changing")
assert changing.read() == ord("o")
changing.unbuffer()
write("changing", b"new")
fails(lambda: changing.read(), "RemoteFileChangedException")
fails(lambda: opened("none"), "FileNotFoundException")

# Who has read the last one gets the next with its status; for five seconds it is what it was when it was opened.
assert opened("1").read() == random.Random(1).randbytes(1)[0]
known = opened("changing")
write("changing", b"yet another")
assert of_java(known) == md5(b"new")
write("1", random.Random(1).randbytes(1))
assert of_java(opened("1")) == md5(random.Random(1).randbytes(1))
path = java.org.apache.hadoop.fs.Path(f"{base}/65537")
files = path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
expected = random.Random(65537).randbytes(65537)

def counted_for_spark():
    return sum(one.getBytesRead() for one in files.getAllStatistics())

before = counted_for_spark()
kept = files.openFile(path).withFileStatus(files.getFileStatus(path)).build().get()
assert kept.getWrappedStream().getClass().getSimpleName() == "S3KeptObject"
assert kept.read() == expected[0] and kept.getPos() == 1 and kept.available() == 65536
kept.readFully(40_000, bytes(25_537))
assert kept.getPos() == 1
kept.seek(65_000)
assert of_java(kept) == md5(expected[65_000:]) and kept.read() == -1
assert counted_for_spark() - before == 1 + 25_537 + 537
for beyond in (70_000, 1 << 32):
    kept.seek(beyond)
    assert kept.read() == -1 and kept.available() == 0
kept.setReadahead(1024)
fails(lambda: kept.readFully(65_537, bytes(1)), "EOFException")
fails(lambda: kept.seek(-1), "EOFException")
kept.close()
kept.close()
fails(lambda: kept.read(), "Stream is closed")
known = opened("changing")
write("changing", b"and one more")
time.sleep(5.1)
fails(lambda: known.read(), "RemoteFileChangedException")
for name, size in (("1", 1), ("none", None), ("1", 1), ("0", 0), ("1", 1), (str((1 << 20) + 1), (1 << 20) + 1)):
    if size is None:
        fails(lambda: opened(name), "FileNotFoundException")
    else:
        assert of_java(opened(name)) == md5(random.Random(size).randbytes(size)), name
"""

#: Reads Parquet in one process, and asks S3A what it asked for.
PARQUET = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").getOrCreate()
spark.range(0, 8, 1, 8).write.parquet(sys.argv[1])
path = spark._jvm.org.apache.hadoop.fs.Path(sys.argv[1])
files = path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
before = files.getIOStatistics().counters().get("action_http_get_request")
assert spark.read.schema("id long").parquet(sys.argv[1]).selectExpr("sum(id)").first()[0] == 28
print("requests", files.getIOStatistics().counters().get("action_http_get_request") - before)
"""


def test_objects_of_every_size_read_as_files(emulator: Emulator, cluster: str) -> None:
    sizes = (0, 1, 65_537, 1 << 20, (1 << 20) + 1)
    for size in sizes:
        emulator.s3.put_object(Bucket="test-bucket", Key=f"sizes/{size}", Body=random.Random(size).randbytes(size))
    emulator.s3.put_object(Bucket="test-bucket", Key="sizes/changing", Body=b"old")
    app = emulator.put("reads.py", READS)
    step = emulator.run_step(cluster, "spark-submit", app, "s3://test-bucket/sizes", *map(str, sizes))
    assert step["State"] == "COMPLETED", step["stdout"] + step["stderr"]


OFF = ("--conf", "spark.hadoop.fs.s3a.input.stream.type=classic")
HADOOPS = ("--conf", "spark.hadoop.fs.s3a.s3.client.factory.impl=org.apache.hadoop.fs.s3a.DefaultS3ClientFactory")


@pytest.mark.parametrize(("setting", "requests"), [((), 1), (HADOOPS, 8), (OFF, 24)],
                         ids=["with its status", "by itself", "turned off"])
def test_a_small_file_of_parquet_costs_one_request(
        emulator: Emulator, cluster: str, setting: tuple[str, ...], requests: int) -> None:
    app = emulator.put("parquet.py", PARQUET)
    step = emulator.run_step(cluster, "spark-submit", *setting, app, f"s3://test-bucket/small-{requests}")
    assert step["State"] == "COMPLETED", step["stdout"] + step["stderr"]
    assert f"requests {requests}\n" in step["stdout"]


@pytest.fixture
def asked(emulator: Emulator) -> Iterator[list[str]]:
    """What the S3 server is asked for by who asks at the address that stands first."""
    server = urlsplit(emulator.s3.meta.endpoint_url)

    class Between(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            found.append(f"{self.command} {urlsplit(self.path).path}")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            to = http.client.HTTPConnection(server.hostname or "", server.port, timeout=30)
            to.request(self.command, self.path, body, dict(self.headers))
            reply = to.getresponse()
            data = reply.read()
            self.send_response_only(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in ("transfer-encoding", "connection"):
                    self.send_header(name, value)
            if reply.getheader("Content-Length") is None:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            to.close()

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    between = ThreadingHTTPServer(("127.0.0.1", 0), Between)
    found = [f"http://127.0.0.1:{between.server_port}"]
    thread = Thread(target=between.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        between.shutdown()
        thread.join(30)
        between.server_close()


@pytest.mark.parametrize(("setting", "heads"), [((), 1), (HADOOPS, 8)], ids=["as it is", "turned off"])
def test_who_reads_many_small_objects_asks_for_the_status_of_the_first(
        emulator: Emulator, cluster: str, asked: list[str], setting: tuple[str, ...], heads: int) -> None:
    app, folder = emulator.put("parquet.py", PARQUET), f"statuses-{len(setting)}"
    step = emulator.run_step(
        cluster, "spark-submit", "--conf", f"spark.hadoop.fs.s3a.bucket.test-bucket.endpoint={asked[0]}", *setting,
        app, f"s3://test-bucket/{folder}")
    assert step["State"] == "COMPLETED", step["stdout"] + step["stderr"]
    of_data = [what.partition(" ")[0] for what in asked if f"{folder}/part-" in what]
    assert (of_data.count("PUT"), of_data.count("HEAD"), of_data.count("GET")) == (8, heads, 8)
