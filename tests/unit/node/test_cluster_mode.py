"""Where a driver in cluster mode lies, and what it finds there."""

import tarfile
import zipfile

import pytest

from emrlite.errors import StorageError
from emrlite.node import submit
from emrlite.node.cluster_mode import Container
from emrlite.node.localize import localize, own_python
from emrlite.node.submit_arguments import parse


def test_a_drivers_logs_move_to_the_id_that_spark_gives(info):
    container = Container(info)
    (container.logs / "stdout").write_text("x")
    first = container.application

    container.rename("application_1700000000500_0007")

    logs = info.layout.container_logs
    assert (logs / "application_1700000000500_0007/container_1700000000500_0007_01_000001/stdout").read_text() == "x"
    assert [path.name for path in logs.iterdir()] == ["application_1700000000500_0007"]
    assert first.startswith("application_")
    assert container.work.is_dir()


def test_two_drivers_at_one_moment_get_two_ids(info, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1700000001.0)

    assert Container(info).application == "application_1700000001000_0000"
    assert Container(info).application == "application_1700000001001_0000"


def localized(line, info, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = parse(line.split())
    work = tmp_path / "work"
    work.mkdir()
    return localize(submit.translate(arguments, info, {}, {}, submit.this_machine()), arguments, work, info), work


def test_files_and_archives_lie_in_the_drivers_working_directory(info, tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("a")
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.writestr("bin/python", "z")
    with tarfile.open(tmp_path / "e.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "a.txt", "in/a.txt")

    _, work = localized("--files a.txt,a.txt#b.txt --archives e.zip#env,e.tar.gz app.py", info, tmp_path, monkeypatch)

    assert (work / "a.txt").read_text() == (work / "b.txt").read_text() == "a"
    assert (work / "env/bin/python").read_text() == "z"
    assert (work / "e.tar.gz/in/a.txt").read_text() == "a"


def test_relative_paths_are_those_of_the_submitter(info, tmp_path, monkeypatch):
    for name in ("app.py", "h.py", "a.txt"):
        (tmp_path / name).write_text("")

    argv, _ = localized("--py-files h.py,s3://b/i.py --files a.txt app.py app.py", info, tmp_path, monkeypatch)

    assert argv[-2:] == [f"{tmp_path}/app.py", "app.py"]
    assert f"spark.submit.pyFiles={tmp_path}/h.py,s3://b/i.py" in argv
    assert f"spark.files={tmp_path}/a.txt" in argv


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("--files none.txt app.py", "none.txt does not exist"),
        ("--archives a.txt#x app.py", "a.txt cannot be unpacked"),
        ("--archives broken.zip app.py", "broken.zip cannot be unpacked"),
        ("--files a.txt#../../x app.py", "is no name of a file"),
    ],
)
def test_what_cannot_be_put_there_is_named(line, text, info, tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 no zip")

    with pytest.raises(StorageError, match=text):
        localized(line, info, tmp_path, monkeypatch)


OF_ARCHIVE = "--conf spark.pyspark.python=./env/bin/python"


@pytest.mark.parametrize(
    ("line", "unpacked"),
    [
        (f"{OF_ARCHIVE} --archives e.tar.gz#env app.py", True),
        ("--conf spark.pyspark.python=env/bin/python --conf spark.yarn.dist.archives=e.tar.gz#env app.py", True),
        ("--conf spark.pyspark.driver.python=./e.tar.gz/bin/python --archives e.tar.gz app.py", True),
        # The driver has a Python of its own; or it is in no archive, or a program of the PATH.
        (f"{OF_ARCHIVE} --conf spark.pyspark.driver.python=python3 --archives e.tar.gz#env app.py", False),
        ("--conf spark.pyspark.python=./other/bin/python --archives e.tar.gz#env app.py", False),
        ("--archives e.tar.gz#env app.py", False),
    ],
)
def test_the_archive_of_the_drivers_own_python_is_unpacked_in_client_mode(line, unpacked, info, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "python").symlink_to("/usr/bin/python3.99")  # as in a virtual environment: absolute, of elsewhere
    with tarfile.open(tmp_path / "e.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "python", "bin/python")
    submission = submit.translate(parse(line.split()), info, {}, {}, submit.this_machine())
    work = tmp_path / "work"
    work.mkdir()

    note = own_python(submission, submission.driver_python, work, info)

    assert bool(note) == unpacked
    assert [path.name for path in work.glob("*/bin/*")] == (["python"] if unpacked else [])
    assert own_python(submission, submission.driver_python, work, info) is None or not unpacked


def test_a_program_in_a_zip_can_be_run_when_it_is_unpacked(info, tmp_path, monkeypatch):
    (tmp_path / "python").write_text("#!/bin/sh")
    (tmp_path / "python").chmod(0o755)
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.write(tmp_path / "python", "bin/python")

    _, work = localized("--archives e.zip#env app.py", info, tmp_path, monkeypatch)

    assert (work / "env/bin/python").stat().st_mode & 0o111
