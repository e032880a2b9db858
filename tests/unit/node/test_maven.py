"""Java packages that were fetched ahead."""

import zipfile

import pytest

from emrlite.errors import SetupError, WrongContent
from emrlite.node import maven, places, programs, spark_programs, submit
from emrlite.node.prefetch import Artifact, coordinate, keep
from emrlite.node.resources import Refused
from emrlite.node.submit_arguments import parse

NAME = "org.example:thing_2.13:1.0"


def artifact(tmp_path, name=NAME):
    path = tmp_path / f"{name.replace(':', '-')}.jar"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("A.class", "x" * 1000)
    return Artifact(name, path)


def test_packages_that_were_fetched_take_the_place_of_the_network(tmp_path):
    packages = tmp_path / "packages"
    keep(packages, NAME, [artifact(tmp_path), artifact(tmp_path, "org.example:below:2")])

    found, (note,) = maven.replaced(
        parse(["--packages", NAME, "--jars", "own.jar", "app.py"]), {"spark.yarn.dist.jars": "before.jar"}, packages)

    lib = packages / "jars"
    assert "--packages" not in found.options
    assert found.conf["spark.jars.packages"] == ""
    assert found.conf["spark.yarn.dist.jars"] == (
        f"before.jar,{lib}/org.example_thing_2.13-1.0.jar,{lib}/org.example_below-2.jar")
    assert "2 jars" in note


@pytest.mark.parametrize("line", [["--packages", NAME], ["--conf", f"spark.jars.packages={NAME}"], []])
def test_a_property_of_any_place_names_packages(line, tmp_path, info):
    keep(tmp_path / "p", NAME, [artifact(tmp_path)])
    defaults = {} if line else {"spark.jars.packages": NAME}

    found, _ = maven.replaced(parse([*line, "--jars", "own.jar", "app.py"]), defaults, tmp_path / "p")
    submission = submit.translate(found, info, defaults, {}, submit.this_machine())

    assert submission.extra["spark.jars"] == f"own.jar,{tmp_path}/p/jars/org.example_thing_2.13-1.0.jar"
    assert "spark.jars.packages=" in submission.argv


def test_what_was_not_fetched_is_left_to_spark_and_said(tmp_path):
    arguments = parse(["--packages", f"{NAME},other:b:1", "app.py"])

    found, (note,) = maven.replaced(arguments, {}, tmp_path)

    assert found == arguments
    assert f"`emrlite prefetch {NAME} other:b:1`" in note
    assert maven.replaced(parse(["app.py"]), {}, tmp_path)[1] == []


def test_a_package_whose_jar_has_gone_counts_as_not_fetched(tmp_path):
    (jar,) = keep(tmp_path, NAME, [artifact(tmp_path)])
    assert maven.jars(tmp_path, NAME) == [jar]

    jar.unlink()
    assert maven.jars(tmp_path, NAME) is None


def test_a_truncated_jar_is_refused_by_name_and_leaves_no_record(tmp_path):
    broken = artifact(tmp_path)
    broken.path.write_bytes(broken.path.read_bytes()[:-30])

    with pytest.raises(WrongContent, match="org.example:thing_2.13:1.0 arrived broken"):
        keep(tmp_path / "p", NAME, [broken])
    assert maven.jars(tmp_path / "p", NAME) is None


@pytest.mark.parametrize(("name", "there"), [
    ("org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.11.0", "iceberg/lib/iceberg-spark3-runtime.jar"),
    ("io.delta:delta-spark_4.1_2.13:4.2.0", "delta/lib/delta-spark.jar"),
    ("io.delta:delta-kernel-api:4.2.0", "delta/lib/delta-kernel-api.jar"),
])  # fmt: skip
def test_table_formats_lie_where_emr_has_them_on_every_node(name, there, info, tmp_path):
    info = info.__class__(**{**vars(info), "root": str(tmp_path / "clusters/j-1/master")})
    programs.write(info)
    keep(places.packages(info), name, [artifact(tmp_path, name)])

    with zipfile.ZipFile(places.resolve(f"/usr/share/aws/{there}", info)) as archive:
        assert archive.namelist() == ["A.class"]


def test_a_home_that_was_moved_keeps_its_table_formats(tmp_path):
    keep(tmp_path / "old", "io.delta:delta-storage:4.2.0", [artifact(tmp_path, "io.delta:delta-storage:4.2.0")])
    (tmp_path / "old").rename(tmp_path / "new")

    assert zipfile.is_zipfile(tmp_path / "new/aws/delta/lib/delta-storage.jar")


@pytest.mark.parametrize("name", ["iceberg-spark3-runtime.jar", "*.jar"])
def test_a_table_format_that_nobody_fetched_is_refused_with_the_command(name, info):
    arguments = parse(["--jars", f"/usr/share/aws/iceberg/lib/{name}", "app.py"])
    submission = submit.translate(arguments, info, {}, {}, submit.this_machine())

    with pytest.raises(Refused, match="`emrlite prefetch iceberg` fetches it"):
        spark_programs.check_table_formats(submission, info)


def test_words_are_the_versions_that_emr_has():
    assert coordinate("iceberg", "4.1.1") == "org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.11.0"
    assert coordinate("delta", "4.1.9").startswith("io.delta:delta-spark_4.1_2.13:")
    assert coordinate(NAME, "4.1.1") == NAME
    with pytest.raises(SetupError, match="'icebreg' is no package.*iceberg or delta"):
        coordinate("icebreg", "4.1.1")
    with pytest.raises(SetupError, match="'iceberg' is no package"):
        coordinate("iceberg", "3.5.6")
