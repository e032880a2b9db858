"""An engine is found whole or not at all, and set up only where something is missing."""

import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import zipfile

import pytest

from emrlite.errors import EngineMissing, SetupError
from emrlite.node import aws_cli, doctor, engines, java, overlay, own_classes, parts
from emrlite.node.java import Java
from emrlite.node.lockfile import Jar, Locked
from emrlite.settings import Settings

CONTENT = b"an archive"
JAR = Jar(group="hdfs", coordinates="org.example:own:1", sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))
LOCK = Locked(
    spark="4.1.1",
    scala="2.13",
    hadoop="3.4.2",
    jars=(JAR,),
    s3proxy=dataclasses.replace(JAR, coordinates="x:s3proxy:1"),
)


@pytest.fixture
def pyspark(tmp_path):
    """What the package pyspark looks like, as far as an engine cares."""
    package = tmp_path / "site" / "pyspark"
    for folder in ("jars", "bin", "python/lib"):
        (package / folder).mkdir(parents=True)
    with zipfile.ZipFile(package / "python/lib/py4j-0.10-src.zip", "w") as archive:
        archive.writestr("py4j/__init__.py", "words = 'of Py4J'\n")
    (package / "version.py").write_text("__version__: str = '4.1.1'\n")
    (package / "jars" / "spark-core.jar").write_bytes(b"spark")
    return package


@pytest.fixture
def home(tmp_path, pyspark, monkeypatch):
    """A home, with a space in its path, where everything is set up."""
    home = tmp_path / "a home"
    cache = parts.jar_cache(home)
    cache.mkdir(parents=True)
    (cache / JAR.name).write_bytes(CONTENT)
    (cache / LOCK.s3proxy.name).write_bytes(CONTENT)
    overlay.build(home, LOCK, pyspark, cache, lambda _line: None)
    overlay.place(cache, LOCK.s3proxy, home / "tools")
    monkeypatch.setattr(own_classes, "wrong", lambda _home: None)
    monkeypatch.setattr(engines, "locked", lambda _spark: LOCK)
    monkeypatch.setattr(aws_cli, "ready", lambda _home: True)
    monkeypatch.setattr(java, "find", lambda _home: Java(home=tmp_path / "jdk", version="17.0.1", source="PATH"))
    return home


def test_one_class_path_holds_sparks_archives_and_ours(home):
    engine = engines.find(Settings(home=home))
    names = sorted(path.name for path in (engine.home / "jars").iterdir())
    assert names == ["emrlite.jar", "own-1.jar", "spark-core.jar"]
    assert engine.classpath == f"{engine.home}/own/*:{engine.home}/jars/*"
    assert (engine.home / "bin").is_dir()
    assert list((engine.home / "own").iterdir()) == [], "nothing is compiled yet"


def test_an_engine_tells_what_sparks_classes_need(home, tmp_path):
    assert engines.find(Settings(home=home)).environment == {
        "SPARK_HOME": f"{home}/engines/spark-4.1.1/home",
        "SPARK_SCALA_VERSION": "2.13",
        "JAVA_HOME": f"{tmp_path}/jdk",
    }


def test_an_emptied_cache_breaks_no_engine(home):
    for path in parts.jar_cache(home).iterdir():
        path.unlink()
    engine = engines.find(Settings(home=home))
    assert (engine.home / "jars" / JAR.name).read_bytes() == CONTENT


def test_an_engine_that_is_there_is_not_set_up_again(home):
    said = []
    engines.ensure(Settings(home=home), said.append)
    assert said == []


def test_a_truncated_archive_of_the_engine_is_refused_by_name(home):
    (home / "engines/spark-4.1.1/home/jars" / JAR.name).unlink()
    (home / "engines/spark-4.1.1/home/jars" / JAR.name).write_bytes(CONTENT[:3])
    with pytest.raises(EngineMissing, match=r"own-1\.jar is missing or of the wrong size; run `emrlite setup`"):
        engines.find(Settings(home=home))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda pyspark: (pyspark / "version.py").write_text("__version__: str = '4.0.0'\n"), id="another"),
        pytest.param(lambda pyspark: os.utime(pyspark / "jars", (1, 1)), id="installed anew"),
        pytest.param(shutil.rmtree, id="its environment was removed"),
    ],
)
def test_an_engine_whose_pyspark_was_replaced_or_removed_is_built_anew(home, pyspark, change):
    assert engines.find(Settings(home=home))
    change(pyspark)
    with pytest.raises(EngineMissing, match="gone or changed"):
        engines.find(Settings(home=home))


def test_what_stands_for_an_archive_of_python_serves_compiled_modules(home):
    library = overlay.engine_root(home, "4.1.1") / "home/python/lib/py4j-0.10-src.zip"
    show = "import py4j; print(py4j.words, py4j.__cached__, py4j.__file__)"
    told = subprocess.run([sys.executable, "-B", "-c", show], env={"PYTHONPATH": str(library)}, capture_output=True,
                          text=True, check=True, timeout=30).stdout
    assert told.startswith("of Py4J")
    compiled, = library.glob("py4j/__pycache__/__init__.*.pyc")
    assert str(compiled) in told


def test_an_engine_of_a_container_image_is_used(home, pyspark):
    """An image keeps whole seconds of the times of its files."""
    second = int((pyspark / "jars").stat().st_mtime)
    os.utime(pyspark / "jars", (second, second))
    assert engines.find(Settings(home=home))


def test_the_pyspark_that_is_installed_is_told_from_the_next():
    """Its own file is looked at, for a copy of our making once had other quotes than it, and no change was seen."""
    installed = overlay.installed_pyspark("4.1.1")
    if installed is None:
        pytest.skip("pyspark is not installed beside emrlite")
    assert overlay.stamp(installed, "4.1.1")
    assert overlay.stamp(installed, "4.0.0") is None


def test_a_new_list_of_archives_asks_for_a_new_engine(home, monkeypatch):
    other = dataclasses.replace(LOCK, jars=(dataclasses.replace(JAR, sha256="0" * 64),))
    monkeypatch.setattr(engines, "locked", lambda _spark: other)
    with pytest.raises(EngineMissing, match="another list of archives"):
        engines.find(Settings(home=home))


def test_an_empty_home_names_the_cure(tmp_path):
    with pytest.raises(EngineMissing, match=r"Spark 4\.1\.1 is not set up in .*run `emrlite setup`"):
        engines.find(Settings(home=tmp_path))


def test_too_little_disk_is_said_before_anything_is_fetched(tmp_path, monkeypatch):
    made = []
    part = parts.Part(name="all", fetch=5, disk=10**18, make=made.append)
    monkeypatch.setattr(engines, "missing_parts", lambda *_: [part])
    said = []
    with pytest.raises(SetupError, match="free disk, set-up needs 1000000000000 MB"):
        engines.ensure(Settings(home=tmp_path), said.append)
    assert made == []
    assert "0 MB to fetch" in said[1]


def test_a_home_with_a_colon_is_refused(tmp_path):
    with pytest.raises(SetupError, match="colon"):
        engines.ensure(Settings(home=tmp_path / "a:b"), lambda _line: None)


def test_what_is_missing_is_listed_in_the_order_of_making(tmp_path):
    names = [part.name for part in parts.missing_parts(tmp_path, LOCK)]
    assert names[-7:] == [
        "aws CLI", "archives", "engine home", "emrlite's own classes", "class data", "S3 server",
        "class data of the S3 server"]


def test_what_can_be_made_beside_other_parts_is_and_is_waited_for(tmp_path, monkeypatch):
    begun, end = threading.Event(), threading.Event()

    def slow(_say):
        begun.set()
        assert end.wait(10)

    def next_(_say):
        assert begun.wait(10)
        end.set()

    made = [
        parts.Part(name="slow", fetch=0, disk=0, make=slow, beside=True),
        parts.Part(name="next", fetch=0, disk=0, make=next_),
    ]
    monkeypatch.setattr(engines, "missing_parts", lambda *_: made)
    with pytest.raises(EngineMissing):  # these parts are no engine, which is only seen when both are made
        engines.ensure(Settings(home=tmp_path), lambda _line: None)
    assert end.is_set()


def test_an_engine_without_class_data_is_used_and_set_up_completes_it(home, monkeypatch):
    assert engines.find(Settings(home=home)).archive is None
    made = []
    part = parts.Part(name="class data", fetch=0, disk=0, make=made.append)
    monkeypatch.setattr(engines, "missing_parts", lambda *_: [part])
    engines.ensure(Settings(home=home), lambda _line: None)
    assert made == []
    engines.ensure(Settings(home=home), lambda _line: None, whole=True)
    assert len(made) == 1


def test_executors_find_no_archive_to_put_before_the_class_path_of_all(home, pyspark):
    (pyspark / "jars" / "slf4j-api-2.0.17.jar").write_bytes(b"slf4j")
    overlay.build(home, LOCK, pyspark, parts.jar_cache(home), lambda _line: None)
    jars = home / "engines/spark-4.1.1/home/jars"
    assert (jars / "slf4j-api.jar").resolve() == pyspark / "jars" / "slf4j-api-2.0.17.jar"
    assert list(jars.glob("slf4j-api-*")) == []


def test_jvms_that_run_find_our_archive_until_there_is_another(home, pyspark, monkeypatch):
    own = own_classes.archive(home / "engines/spark-4.1.1/home")
    own.write_bytes(b"of an older version")
    overlay.build(home, LOCK, pyspark, parts.jar_cache(home), lambda _line: None)
    assert own.read_bytes() == b"of an older version"

    def compile_(_java, _jars, _main, *words):
        assert own.exists()
        assert str(own) not in words[words.index("-classpath") + 1].split(":")
        raise SetupError("no compiler")

    monkeypatch.setattr(own_classes, "run", compile_)
    with pytest.raises(SetupError, match="no compiler"):
        own_classes.make(own.parent.parent, java.find(home))
    assert own.exists()
    assert not (own.parent.parent / "classes.sha256").exists(), "it does not count"


@pytest.mark.parametrize("text", [b"<configuration><property>", b""])
def test_an_archive_of_hadoop_with_broken_settings_is_told(home, monkeypatch, text):
    monkeypatch.setattr(own_classes, "run", lambda *_: None)
    jars = home / "engines/spark-4.1.1/home/jars"
    with zipfile.ZipFile(jars / "hadoop-client-api-3.4.2.jar", "w") as file:
        file.writestr("core-default.xml", text)
    with pytest.raises(SetupError, match="settings and web pages of Hadoop's archives cannot be read"):
        own_classes.make(jars.parent, java.find(home))


def test_a_signed_archive_of_pyspark_is_copied_without_its_signature(home, pyspark):
    with zipfile.ZipFile(pyspark / "jars" / "janino-3.1.9.jar", "w", zipfile.ZIP_DEFLATED) as signed:
        for name in ("META-INF/MANIFEST.MF", "META-INF/A.SF", "META-INF/A.RSA", "org/Janino.class", "x/META-INF/A.SF"):
            signed.writestr(name, name)
    overlay.build(home, LOCK, pyspark, parts.jar_cache(home), lambda _line: None)
    with zipfile.ZipFile(home / "engines/spark-4.1.1/home/jars/janino-3.1.9.jar") as plain:
        assert plain.namelist() == ["META-INF/MANIFEST.MF", "org/Janino.class", "x/META-INF/A.SF"]
        assert plain.read("org/Janino.class") == b"org/Janino.class"


def test_an_archive_that_pyspark_has_already_is_refused(home, pyspark):
    (pyspark / "jars" / JAR.name).write_bytes(b"another one")
    with pytest.raises(SetupError, match=r"own-1\.jar is in pyspark 4\.1\.1 already"):
        overlay.build(home, LOCK, pyspark, parts.jar_cache(home), lambda _line: None)
    # The engine that was there before is still there.
    assert (home / "engines/spark-4.1.1/home/jars" / JAR.name).is_file()


def test_what_takes_long_can_be_left_for_later_and_is_left_once(home, monkeypatch):
    made, later = [], []
    missing = [
        parts.Part(name="class data", fetch=0, disk=10**18, make=lambda _: made.append("class data"), optional=True),
        parts.Part(name="engine home", fetch=0, disk=0, make=lambda _: made.append("engine home")),
    ]
    monkeypatch.setattr(engines, "missing_parts", lambda *_: missing)
    monkeypatch.setattr(engines, "_there", lambda *_, **__: None)
    engines.ensure(Settings(home=home), lambda _line: None, later=lambda: later.append(list(made)))
    assert made == ["engine home"]
    assert later == [["engine home"]], "asked for when all else is there"
    missing[:] = missing[1:]
    engines.ensure(Settings(home=home), lambda _line: None, later=lambda: later.append(list(made)))
    assert len(later) == 1


def test_an_aws_cli_that_is_still_missing_is_asked_for_again(home, monkeypatch):
    later = []
    engines.ensure(Settings(home=home), lambda _line: None, later=lambda: later.append(1))
    assert later == []
    monkeypatch.setattr(aws_cli, "ready", lambda _home: False)
    engines.ensure(Settings(home=home), lambda _line: None, later=lambda: later.append(1))
    assert later == [1]


def test_a_set_up_at_work_is_seen(tmp_path):
    assert not engines.set_up_at_work(tmp_path)
    with engines._alone(tmp_path, lambda _line: None):
        assert engines.set_up_at_work(tmp_path)
    assert not engines.set_up_at_work(tmp_path)


def test_doctor_tells_class_data_that_is_on_its_way_from_none(home):
    assert doctor._class_data(home, LOCK).detail.endswith("it was not made yet")
    with engines._alone(home, lambda _line: None):
        assert doctor._class_data(home, LOCK).detail.endswith("it was not made yet, set-up is at work")
