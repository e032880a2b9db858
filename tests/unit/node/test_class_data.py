"""The class-data archive: who is started with it, when it is passed over, what it is made from."""

import gzip
import hashlib
import json
import os
import shlex
import subprocess
import threading

import pytest

from emrlite.errors import SetupError
from emrlite.node import class_data, java_options, jvm, parts, s3_class_data, train
from emrlite.node.java import Java
from emrlite.node.java_options import sharing


@pytest.fixture
def java(tmp_path):
    """As much of a Java as tells it from another."""
    library = tmp_path / "jdk" / "lib" / "server" / "libjvm.so"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"machine code")
    return Java(home=tmp_path / "jdk", version="17.0.1", source="PATH")


@pytest.fixture
def home(tmp_path, java, monkeypatch):
    """An engine home with an archive that *java* has made."""
    names = tmp_path / "classes.list.gz"
    names.write_bytes(gzip.compress(b"java/lang/Object\n"))
    monkeypatch.setattr(class_data, "conf", lambda _name: names)
    home = tmp_path / "an engine"
    (home / "jars").mkdir(parents=True)
    (home / "own").mkdir()
    (home / "own" / "linked.jar").write_bytes(b"linked")
    (home / "jars" / "a.jar").write_bytes(b"an archive")
    class_data.path(home).write_bytes(b"classes")
    found = (java.home / "lib/server/libjvm.so").stat()
    identity = [java.version, str(java.home / "lib/server/libjvm.so"), found.st_size, int(found.st_mtime)]
    made_from = {"form": class_data._FORM, "home": str(home), "java": identity}
    record = {**made_from, "list": hashlib.sha256(names.read_bytes()).hexdigest(),
              "archives": class_data._archives(home), "size": 7}
    class_data.path(home).with_suffix(".json").write_text(json.dumps(record))
    return home


def test_an_archive_is_found_by_the_java_that_made_it_at_whatever_path_that_is(home, java, tmp_path):
    assert class_data.find(home, java, "4.1.1") == home / "classes.jsa"
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay" / "lib").symlink_to(java.home / "lib")
    same = Java(home=tmp_path / "overlay", version=java.version, source="JAVA_HOME")
    assert class_data.find(home, same, "4.1.1") == home / "classes.jsa"


def test_a_changed_java_passes_the_archive_over(home, java):
    os.utime(java.home / "lib/server/libjvm.so", (1, 1))
    assert class_data.find(home, java, "4.1.1") is None
    assert "another Java" in class_data.wrong(home, java, "4.1.1")


def test_an_archive_from_another_list_or_cut_short_is_passed_over(home, java, tmp_path):
    class_data.path(home).write_bytes(b"cla")
    assert "damaged" in class_data.wrong(home, java, "4.1.1")
    class_data.path(home).write_bytes(b"classes")
    (tmp_path / "classes.list.gz").write_bytes(gzip.compress(b"java/lang/String\n"))
    assert "another list" in class_data.wrong(home, java, "4.1.1")
    class_data.path(home).unlink()
    assert "not made yet" in class_data.wrong(home, java, "4.1.1")


@pytest.mark.parametrize("change", [
    lambda jar: jar.write_bytes(b"another archive"), lambda jar: os.utime(jar, (1, 1)), lambda jar: jar.unlink(),
    lambda jar: jar.with_name("b.jar").touch(), lambda jar: jar.rename(jar.with_name("b.jar")),
])
def test_an_archive_for_other_jars_is_passed_over(home, java, change):
    change(home / "jars" / "a.jar")
    assert "of other archives" in class_data.wrong(home, java, "4.1.1")


def test_without_what_is_linked_ahead_its_archive_is_passed_over(home, java):
    (home / "own" / "linked.jar").unlink()
    assert "of other archives" in class_data.wrong(home, java, "4.1.1")


def test_an_engine_that_has_lost_its_jars_has_no_archive(home, java):
    (home / "jars" / "a.jar").unlink()
    (home / "jars" / "a.jar").symlink_to(home / "gone.jar")
    assert "of other archives" in class_data.wrong(home, java, "4.1.1")
    (home / "jars" / "a.jar").unlink()
    (home / "jars").rmdir()
    assert "not made yet" in class_data.wrong(home, java, "4.1.1")


def test_what_was_made_for_another_class_path_does_not_count(home, java):
    (home / "contents").write_bytes(b"a list")
    class_data.forget(home)
    assert "not made yet" in class_data.wrong(home, java, "4.1.1")
    assert not (home / "contents").exists()


def test_an_archive_for_another_path_is_passed_over_but_links_to_a_home_do_not_matter(home, java, tmp_path):
    (tmp_path / "link").symlink_to(home)
    assert class_data.wrong(tmp_path / "link", java, "4.1.1") is None
    home.rename(tmp_path / "moved")
    assert "for the path" in class_data.wrong(tmp_path / "moved", java, "4.1.1")


def test_a_spark_that_nobody_trained_has_no_archive(home, java, monkeypatch):
    def missing(name):
        raise SetupError(f"{name} is missing")

    monkeypatch.setattr(class_data, "conf", missing)
    assert not class_data.possible("9.9.9")
    assert class_data.find(home, java, "9.9.9") is None
    with pytest.raises(SetupError, match=r"no classes-9\.9\.9\.list\.gz"):
        class_data.make(home, java, "9.9.9")


def test_while_it_is_made_set_up_says_so(tmp_path, home, java, monkeypatch):
    said, heard = [], threading.Event()

    def say(line):
        said.append(line)
        if "at work" in line:
            heard.set()

    def slow(*_):
        assert heard.wait(10), "no news"

    monkeypatch.setattr(parts, "NEWS_SECONDS", 0.01)
    monkeypatch.setattr(parts.class_data, "make", slow)
    monkeypatch.setattr(parts.java, "find", lambda _home: java)
    monkeypatch.setattr(parts.overlay, "engine_root", lambda _home, _spark: home.parent)
    home.rename(home.parent / "home")
    parts._class_data(tmp_path, parts.Locked(spark="4.1.1", scala="", hadoop="", jars=(), s3proxy=None), say)
    assert any(line.startswith("class data: at work for 0 s") for line in said)
    assert said[-1].startswith("class data: 0 MB in")


def test_a_java_that_cannot_make_it_is_told_but_fails_no_set_up(tmp_path, home, java, monkeypatch):
    (java.home / "bin").mkdir()
    (java.home / "bin" / "java").write_text("#!/bin/sh\necho no such thing as sharing >&2; exit 1\n")
    (java.home / "bin" / "java").chmod(0o755)
    monkeypatch.setattr(parts.java, "find", lambda _home: java)
    monkeypatch.setattr(parts.overlay, "engine_root", lambda _home, _spark: home.parent)
    monkeypatch.setattr(class_data.linked_ahead, "make", lambda *_: None)
    home.rename(home.parent / "home")
    said = []
    parts._class_data(tmp_path, parts.Locked(spark="4.1.1", scala="", hadoop="", jars=(), s3proxy=None), said.append)
    assert "clusters start slower" in said[-1]
    assert "no such thing as sharing" in said[-1]
    assert class_data.find(home.parent / "home", java, "4.1.1") is None


def test_a_java_that_is_killed_at_it_is_told_by_its_code(home, java, monkeypatch):
    killed = subprocess.CompletedProcess([], -9, stdout="", stderr="")
    monkeypatch.setattr(class_data.subprocess, "run", lambda *_, **__: killed)
    with pytest.raises(SetupError, match="LinkedAhead: Java ended with exit code -9"):
        class_data.make(home, java, "4.1.1")
    monkeypatch.setattr(class_data.linked_ahead, "make", lambda *_: None)
    with pytest.raises(SetupError, match="the class-data archive: Java ended with exit code -9"):
        class_data.make(home, java, "4.1.1")


def test_what_is_linked_ahead_is_taken_away_with_the_list_of_contents_before_another_is_made(home, java, monkeypatch):
    (home / "contents").write_bytes(b"a list")

    def link(engine_home, *_):
        assert [(engine_home / name).exists() for name in ("contents", "own/linked.jar", "classes.json")] == [False] * 3
        raise SetupError("as far as this")

    monkeypatch.setattr(class_data.linked_ahead, "make", link)
    with pytest.raises(SetupError, match="as far as this"):
        class_data.make(home, java, "4.1.1")


def test_without_an_archive_no_flag_speaks_of_one(info):
    assert sharing("") == ()
    assert not any("Shared" in word for word in jvm.command(info, "Main", flags=jvm.driver_flags()))


def test_every_class_path_begins_with_the_one_that_the_archive_was_made_from(info):
    assert jvm.class_path(info).startswith(java_options.class_path(info.spark_home) + ":")


def test_a_path_with_a_space_reaches_executors_whole():
    (flag,) = [word for word in shlex.split(jvm.executor_options("", "/a home/x.jsa")) if "SharedArchiveFile" in word]
    assert flag == "-XX:SharedArchiveFile=/a home/x.jsa"


def test_where_the_users_archives_come_first_on_the_class_path_none_is_asked_for(info):
    shared = java_options.sharing("/a.jsa")
    info = type(info)(**{**info.__dict__, "archive": "/a.jsa"})
    assert set(shared) <= set(jvm.command(info, "Main", flags=()))
    assert not set(shared) & set(jvm.command(info, "Main", flags=(), extra="/mine.jar"))


def test_the_list_holds_what_every_jvm_can_find_by_name():
    first = (
        "# a comment\njava/lang/Object\njava/lang/Object id: 0\norg/x/A\norg/x/A$$Lambda$7\norg/x/A$$Lambda$7/0x08\n"
        "org/x/A$$Lambda$of7\norg/x/A$$Concat\ncut/sho"
    )
    second = (
        "org/x/B source: /a/jar\norg/x/B id: 1 super: 0 source: other.jar\ncom/sun/proxy/$Proxy12\norg/x/A\n"
        "@lambda-proxy org/x/A run ()V\n@lambda-form-invoker [LF_RESOLVE] java.lang.invoke.Invokers$Holder x L\n"
        "@lambda-form-invoker [SPECIES_RESOLVE] java.lang.invoke.BoundMethodHandle$Species_LI\n"
    )
    assert train.union([first, second]) == [
        "java/lang/Object", "java/lang/invoke/BoundMethodHandle$Species_LI", "org/x/A",
        "org/x/A$$Concat", "org/x/A$$Lambda$of7",
        "@lambda-form-invoker [LF_RESOLVE] java.lang.invoke.Invokers$Holder x L", "@lambda-proxy org/x/A run ()V",
    ]  # fmt: skip


def test_the_shipped_list_names_classes_of_every_daemon_and_no_path_of_a_machine():
    names = gzip.decompress(class_data.conf(class_data.list_name("4.1.1")).read_bytes()).decode().splitlines()
    for name in (
        "org/apache/hadoop/hdfs/server/namenode/NameNode", "org/apache/hadoop/hdfs/server/datanode/DataNode",
        "org/apache/spark/deploy/master/Master", "org/apache/spark/deploy/worker/Worker",
        "org/apache/spark/executor/CoarseGrainedExecutorBackend", "org/apache/hadoop/fs/FsShell",
        "org/apache/hadoop/fs/s3a/S3AFileSystem", "emrlite/ClassPath", "emrlite/Contents", "emrlite/DaemonLogs",
    ):  # fmt: skip
        assert name in names
    assert not [name for name in names if ".jar" in name or "/tmp/" in name or "/home/" in name]


def test_the_s3_servers_archive_is_another_for_a_copy_and_the_same_behind_a_link(tmp_path, java):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "s3.jar").write_bytes(b"an archive")
        os.utime(tmp_path / name / "s3.jar", (1, 1))
    (tmp_path / "link").symlink_to(tmp_path / "a")
    made, copied, linked = (s3_class_data.path(tmp_path / name / "s3.jar", java).name for name in ("a", "b", "link"))
    assert made == linked != copied
    os.utime(tmp_path / "a" / "s3.jar", (2, 2))
    assert s3_class_data.path(tmp_path / "a" / "s3.jar", java).name != made
