"""Hadoop's local files get their permissions as on EMR, without a process for each (`java_classes/LocalFiles.java`)."""

from __future__ import annotations

import pytest
from rig import Emulator

FILES = """
import os, stat, sys
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
fs, folder = spark._jvm.org.apache.hadoop.fs, os.path.abspath("of this test")
files = fs.FileSystem.getLocal(spark.sparkContext._jsc.hadoopConfiguration())
print("class", files.getClass().getName())

def mode(name):
    return oct(stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode))

def permission(octal):
    return fs.permission.FsPermission(octal)

files.mkdirs(fs.Path(folder), permission("750"))
assert mode("") == "0o750", mode("")
path = fs.Path(folder, "a 'file'")
files.create(path).close()
os.symlink("a 'file'", f"{folder}/link")
for name, octal in (("a 'file'", "640"), ("a 'file'", "777"), ("link", "400"), ("", "1770"), ("", "711")):
    files.setPermission(fs.Path(folder, name) if name else fs.Path(folder), permission(octal))
    assert mode(name) == f"0o{octal}", (name, mode(name), octal)
try:
    files.setPermission(fs.Path(folder, "none"), permission("640"))
except Py4JJavaError as error:
    assert isinstance(error.java_exception.getMessage(), str) and "none" in error.java_exception.getMessage()
else:
    raise AssertionError("a file that is not there")
spark.range(3).write.csv(f"file://{folder}/csv")
assert spark.read.csv(f"file://{folder}/csv").count() == 3
"""

#: Stands in the place of the real one, and tells that it was called.
CHMOD = """#!/bin/sh
echo "$@" >> "$0.calls"
exec /bin/chmod "$@"
"""


@pytest.mark.parametrize(("kind", "called_for_all"), [
    ("emrlite.LocalFiles", False), ("org.apache.hadoop.fs.LocalFileSystem", True)], ids=["ours", "Hadoop's"])
def test_local_files_have_the_permissions_that_they_are_given(
        emulator: Emulator, cluster: str, kind: str, called_for_all: bool) -> None:
    chmod = emulator.home / "clusters" / cluster / "master" / "bin" / "chmod"
    chmod.write_text(CHMOD)
    chmod.chmod(0o755)
    app = emulator.put("files.py", FILES)
    try:
        step = emulator.run_step(
            cluster, "spark-submit", "--master", "local[1]", "--conf", f"spark.hadoop.fs.file.impl={kind}",
            "--conf", "spark.eventLog.enabled=false", app)
        called = chmod.with_name("chmod.calls").read_text()
    finally:
        chmod.unlink()
        chmod.with_name("chmod.calls").unlink(missing_ok=True)
    assert step["State"] == "COMPLETED", step["stdout"] + step["stderr"]
    assert f"class {kind}\n" in step["stdout"]
    assert "1770" in called, "the sticky bit is left to Hadoop"
    assert ("0640" in called, "0644" in called) == (called_for_all, called_for_all), called
