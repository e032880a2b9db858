"""The programs of a node, with a Java that only says what it was started with."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from emrlite.node import handover, programs


def test_spark_submit_becomes_java(node):
    words = node.words("spark-submit", "--master", "yarn", "app.py", "a b")

    assert words[-2:] == ["app.py", "a b"]
    assert "org.apache.spark.deploy.SparkSubmit" in words
    assert words[words.index("--master") + 1] == "spark://127.9.9.1:7077"


def test_exit_code_and_output_are_the_jvms_own(node):
    node.does.write_text("echo out; echo err >&2; exit 7")

    done = node.run("spark-submit", "app.py")

    assert done.returncode == 7
    assert done.stdout.endswith("out\n")
    assert done.stderr.endswith("err\n")


def test_defaults_of_the_node_count_and_a_file_of_the_users_takes_their_place(node, tmp_path):
    (node.info.layout.conf / "spark-defaults.conf").write_text("spark.driver.memory 700m\n")
    own = tmp_path / "own.conf"
    own.write_text("spark.driver.cores 1\n")

    assert "-Xmx700m" in node.words("spark-submit", "app.py")
    assert "-Xmx1024m" in node.words("spark-submit", "--properties-file", str(own), "app.py")
    assert "-Xmx700m" in node.words("spark-submit", "--load-spark-defaults", "--properties-file", str(own), "app.py")
    assert "none.conf cannot be read" in node.run("spark-submit", "--properties-file", "none.conf", "app.py").stderr


def test_spark_env_reaches_the_driver(node):
    (node.info.layout.conf / "spark-env.sh").write_text(
        'export MY="of $USER"\nexport PYSPARK_PYTHON="/usr/bin/python3"\n'
    )
    node.does.write_text('echo "$MY $PYSPARK_PYTHON"')

    assert node.run("spark-submit", "app.py").stdout.endswith(f"of hadoop {node.info.python}\n")


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (
            ["--executor-memory", "16g", "app.py"],
            'Exception in thread "main" java.lang.IllegalArgumentException: Required executor',
        ),
        (["--bogus"], "Unrecognized option '--bogus'."),
        (["--master"], "Missing argument for option '--master'."),
    ],
)
def test_what_cannot_run_fails_before_a_jvm_starts(args, text, node):
    done = node.run("spark-submit", *args)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(text)


def test_spark_sql_and_the_shell_bring_their_application(node):
    sql = node.words("spark-sql", "--num-executors", "1", "-f", "q.sql")
    assert sql[-3:] == ["spark-internal", "-f", "q.sql"]
    assert "-Dscala.usejavacp=true" in node.words("spark-shell")


@pytest.mark.parametrize("words", [
    ["run-example", "--num-executors", "1", "SparkPi", "10"],
    ["spark-submit", "--class", "org.apache.spark.examples.SparkPi", "/usr/lib/spark/examples/jars/spark-examples.jar",
     "10"],
])  # fmt: skip
def test_an_example_runs_as_its_python_twin(words, node):
    assert node.words(*words)[-2:] == [f"{node.info.root}/usr/lib/spark/examples/src/main/python/pi.py", "10"]
    assert "no example 'Nothing'" in node.run("run-example", "Nothing").stderr


def test_without_spark_there_is_no_spark_submit(node):
    assert "spark-submit" not in programs.scripts(replace(node.info, applications=("Hadoop",)))


@pytest.mark.parametrize(
    ("argv", "main", "rest"),
    [
        (("hadoop", "fs", "-ls", "/a b"), "org.apache.hadoop.fs.FsShell", ["-ls", "/a b"]),
        (("hdfs", "dfs", "-ls"), "org.apache.hadoop.fs.FsShell", ["-ls"]),
        (("hdfs", "dfsadmin", "-report"), "org.apache.hadoop.hdfs.tools.DFSAdmin", ["-report"]),
        (("hadoop", "version"), "org.apache.hadoop.util.VersionInfo", []),
        (("hadoop", "org.some.Tool", "x"), "org.some.Tool", ["x"]),
    ],
)
def test_hadoops_tools_are_started_directly(argv, main, rest, node):
    words = node.words(*argv, HADOOP_CLIENT_OPTS="-Da=b -Dc=d")

    assert words[-1 - len(rest) :] == [main, *rest]
    assert {"-Da=b", "-Dc=d"} <= set(words[: words.index(main)])


@pytest.mark.parametrize(
    "argv",
    [
        ("hadoop", "bogus"),
        ("hdfs", "namenode"),
        ("hadoop",),
        ("hadoop", "distcp", "a", "b"),
        ("yarn", "top"),
        ("s3-dist-cp",),
    ],
)
def test_what_is_not_here_says_so(argv, node):
    done = node.run(*argv)

    assert done.returncode == 1
    assert done.stderr.startswith(("emrlite: ", "usage: "))


def jar(path: Path, main: str | None) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "META-INF/MANIFEST.MF",
            f"Manifest-Version: 1.0\r\n{f'Main-Class: {main}{chr(13)}{chr(10)}' if main else ''}",
        )
    return str(path)


@pytest.mark.parametrize(
    ("main", "given", "tail"),
    [
        ("a.Own", None, ["org.apache.hadoop.util.RunJar", "{jar}", "x"]),
        ("a.Own", "a.Own", ["org.apache.hadoop.util.RunJar", "{jar}", "x"]),
        (None, "a.B", ["org.apache.hadoop.util.RunJar", "{jar}", "a.B", "x"]),
        ("a.Own", "a.B", ["a.B", "x"]),
    ],
)
def test_the_class_of_a_jar_is_the_steps_or_the_manifests(main, given, tail, node, tmp_path):
    path = jar(tmp_path / "my app.jar", main)

    words = node.words("jar-runner", "--property=k=v w", *([f"--main-class={given}"] if given else []), path, "x")

    assert words[-len(tail) :] == [word.format(jar=path) for word in tail]
    assert "-Dk=v w" in words


def test_a_jar_that_is_none_is_refused_by_name(node, tmp_path):
    (tmp_path / "no.jar").write_text("no")

    assert node.run("hadoop", "jar", str(tmp_path / "no.jar")).stderr == f"Not a valid JAR: {tmp_path}/no.jar\n"
    assert f"{tmp_path}/none.jar does not exist" in node.run("hadoop", "jar", str(tmp_path / "none.jar")).stderr


@pytest.mark.parametrize(
    ("argv", "out"),
    [
        (("sudo", "echo", "a b"), "a b\n"),
        (("sudo", "-u", "hadoop", "-E", "FOO=x y", "sh", "-c", 'echo "$FOO"'), "x y\n"),
        (("sudo", "--", "echo", "-u"), "-u\n"),
        (("sudo", "/usr/bin/python3", "-c", "import sys; print(sys.prefix)"), None),
    ],
)
def test_sudo_runs_the_command_as_who_we_are(argv, out, node):
    done = node.run(*argv)

    assert done.returncode == 0, done.stderr
    assert done.stdout == (out or node.run("python3", "-c", "import sys; print(sys.prefix)").stdout)


@pytest.mark.parametrize(
    "argv", [("shutdown", "-h", "now"), ("sudo", "reboot"), ("sudo", "/usr/bin/yum", "install", "x"), ("mount",)]
)
def test_the_users_machine_is_left_alone(argv, node):
    done = node.run(*argv)

    assert done.returncode == 1
    assert "was not carried out" in done.stderr


def test_pip_installs_for_this_node_only(node, tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "only_here.py").write_text("X = 5\n")
    (package / "pyproject.toml").write_text('[project]\nname = "only-here"\nversion = "1"\n')
    probe = ("python3", "-c", "import os; print(os.environ.get('PIP_TARGET'), os.environ['PYTHONPATH'].split(':')[0])")

    assert node.run(*probe).stdout == f"None {node.info.root}/usr/local/lib/python\n"
    shown = node.run("pip", "config", "debug")
    assert f"PIP_TARGET='{node.info.root}/usr/local/lib/python'" in shown.stdout


def test_yarn_in_the_code_of_a_python_driver_is_the_clusters_master(node, tmp_path):
    fake = tmp_path / "fake/pyspark"
    fake.mkdir(parents=True)
    (fake / "__init__.py").write_text("")
    (fake / "conf.py").write_text("class SparkConf:\n    def set(self, key, value):\n        print(key, value)\n")
    code = (
        "from pyspark.conf import SparkConf as C\n"
        "for key, value in ('spark.master', 'yarn'), ('spark.master', 'local'), ('x', 'yarn'): C().set(key, value)"
    )

    done = node.run("python3", "-c", code, PYTHONPATH=str(tmp_path / "fake"))

    assert done.stdout == "spark.master spark://127.9.9.1:7077\nspark.master local\nx yarn\n"
    assert '.master("yarn") in code' in done.stderr


def test_a_sitecustomize_of_the_users_still_runs(node, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('own')\n")

    assert node.run("python3", "-c", "print('then')", PYTHONPATH=str(tmp_path)).stdout == "own\nthen\n"


@pytest.mark.parametrize("files", [
    (), ("started.json", "taken"), ("started.json", "retired"), ("started.json",), ("started.json", "port"),
])
def test_what_a_worker_takes_for_java_is_java_unless_a_jvm_that_suits_waits(node, files):
    """The last two have flags of another kind: nobody waits for them, or asks them."""
    spare = node.info.layout.processes / "spare-executor-1"
    spare.mkdir(parents=True)
    for name in files:
        (spare / name).write_text(json.dumps({"java": ["other"], "environ": {}, "limits": []}))
    java = str(node.info.layout.executor_java / "bin/java")
    words = ["-Xmx1024M", handover.EXECUTOR, "--executor-id", "a b"]
    assert node.words(java, *words) == words
    assert sorted(path.name for path in spare.iterdir()) == sorted(files)
