"""Who may be given a JVM that was started ahead; what it is started with."""

import json
import shlex
import threading

import pytest
from simulation import spec, step

from emrlite.node import handover, java_options, jvm, resources, spare, spares, submit
from emrlite.node.java_options import OPEN_CLASS_PATH
from emrlite.node.provision import offered
from emrlite.node.submit_arguments import parse

#: Of the words that Spark 4.1.1's worker starts an executor with, those that it adds by itself.
OF_WORKER = (
    "-Dspark.port.maxRetries=64",
    "-Dspark.driver.port=38419",
    "-Djava.net.preferIPv6Addresses=false",
    "-XX:+IgnoreUnrecognizedVMOptions",
    "--add-modules=jdk.incubator.vector",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    "-Djdk.reflect.useDirectMethodHandle=false",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dio.netty.allocator.type=pooled",
    "-Dio.netty.handler.ssl.defaultEndpointVerificationAlgorithm=NONE",
    "--enable-native-access=ALL-UNNAMED",
)


@pytest.mark.parametrize(("words", "suits"), [
    ("app.py 1 2", True),
    ("--num-executors 2 --conf a.b=c s3://b/app.py", True),
    ("--class A app.jar", False),
    ("--conf spark.pyspark.python=/x app.py", False),
    ("--remote sc://a app.py", False),
])
def test_only_a_python_driver_of_the_usual_python_is_one_started_ahead(words, suits):
    assert submit.has_usual_python(parse(words.split())) is suits


def of_spark(words):
    return step("a", args=("spark-submit", *words.split()))


@pytest.mark.parametrize(("asks", "words", "rounds", "heap"), [
    (None, "any.py", spare.ROUNDS, "-Xms96m"),
    (of_spark("s3://b/a.py x"), "any.py", 0, "-Xms192m"),
    (of_spark("--driver-memory 700m s3://b/a.py"), "--driver-memory 700m any.py", 0, "-Xms192m"),
])
def test_a_spare_driver_is_started_as_its_step_would_or_as_one_without_options(
    info, tmp_path, asks, words, rounds, heap
):
    directory = tmp_path / "spare-driver-1"
    environ = {"HOME": "/home/hadoop", "TZ": "UTC"}
    argv, env = spare.command("driver", directory, info, environ, steps=tmp_path, step=asks)
    usual = submit.translate(parse(words.split()), info, {}, {}, submit.this_machine())

    at = argv.index(spare.MAIN)
    own = ("--add-opens=java.base/sun.nio.fs=ALL-UNNAMED", OPEN_CLASS_PATH, heap)
    assert set(own) <= set(argv[:at])
    assert [word for word in argv[:at] if word not in own] == list(usual.argv[:usual.argv.index(submit.MAIN)])
    assert argv[at:] == [spare.MAIN, str(directory), "driver", str(rounds), str(tmp_path), ""]
    assert env["HOME"] == "/home/hadoop"
    assert json.loads((directory / "started.json").read_text())["environ"]["TZ"] == "UTC"
    assert not (directory / "taken").exists()
    assert len((directory / "secret").read_text()) == 32


@pytest.mark.parametrize(("kind", "words"), [
    ("driver", "--class A a.jar"), ("driver", "--deploy-mode cluster a.py"), ("executor", "--master local[2] a.py"),
    ("executor", "--conf spark.executor.extraClassPath=/x a.py"),
    ("driver", "--conf spark.driver.extraJavaOptions=-Xlog:gc:file=gc.log a.py"),
    ("driver", "--driver-java-options -XX:StartFlightRecording a.py"),
    ("driver", "--conf spark.driver.defaultJavaOptions=-Da=b a.py"),
    ("executor", "--conf spark.executor.extraJavaOptions=-XX:StartFlightRecording a.py"),
])
def test_no_spare_is_started_for_a_step_that_would_not_take_it(info, tmp_path, kind, words):
    with pytest.raises(resources.Refused):
        spare.command(kind, tmp_path / "spare", info, {}, steps=tmp_path, step=of_spark(words))
    assert not (tmp_path / "spare").exists()


def of_worker(info, *more):
    """How a worker starts an executor of a job without options."""
    options = [*shlex.split(jvm.executor_options("", info.archive)), *OF_WORKER, *more]
    path = f"{java_options.class_path(info.spark_home)}:{info.layout.conf}/"
    return [f"{info.java_home}/bin/java", "-cp", path, "-Xmx1024M", *options, handover.EXECUTOR, "--executor-id", "0"]


@pytest.mark.parametrize(("more", "env", "taken"), [
    ([], {}, True),
    (["-Dspark.network.timeout=9s"], {}, True),
    (["-Dmine=1"], {}, False),
    (["-XX:+UseG1GC"], {}, False),
    ([], {"LD_LIBRARY_PATH": "/x"}, False),
    ([], {"EMR_STEP_ID": "s-1"}, True),
])
def test_an_executor_is_one_started_ahead_when_nothing_differs_that_is_settled_at_its_start(
    info, tmp_path, handed, more, env, taken
):
    directory = tmp_path / "spare-executor-1"
    spare.command("executor", directory, info, {"LANG": "C.UTF-8"}, steps=tmp_path)
    (directory / "port").write_text("1 2")
    handover.take(tmp_path, "executor", handover.EXECUTOR, of_worker(info, *more), {"LANG": "C.UTF-8", **env})

    assert (directory / "taken").exists() is taken
    if taken:
        (port, _, _, properties, main, words, given), = handed
        assert port == 1
        assert dict(zip(properties[::2], properties[1::2], strict=True))["spark.driver.port"] == "38419"
        assert (main, words) == (handover.EXECUTOR, ["--executor-id", "0"])
        assert env.items() <= given.items()


def test_the_spare_executor_of_a_step_has_the_memory_that_it_asks_for(info, tmp_path):
    asks = of_spark("--executor-memory 700m a.py")
    argv, _ = spare.command("executor", tmp_path / "spare-executor-1", info, {}, steps=tmp_path, step=asks)
    assert "-Xmx700M" in argv
    assert not [word for word in argv if word.startswith("-Xms")]
    at = argv.index(spare.MAIN)
    assert argv[at + 2:] == ["executor", str(spare.ROUNDS), str(tmp_path), ""], "not taken by the step, it practises"


@pytest.fixture
def handed(monkeypatch):
    """What was given to spares."""
    given = []
    monkeypatch.setattr(handover, "_can_be_opened", lambda _: True)
    monkeypatch.setattr(handover, "_hand_over", lambda *words: given.append(words))
    return given


def test_without_a_spare_that_waits_nothing_is_taken(info, tmp_path, handed):
    usual = submit.translate(parse(["any.py"]), info, {}, {}, submit.this_machine())
    handover.take(tmp_path, "driver", submit.MAIN, usual.argv, usual.env)
    directory = tmp_path / "spare-driver-1"
    spare.command("driver", directory, info, {}, steps=tmp_path)
    (tmp_path / "spare-driver-1.exit").write_text("1 2.0 0\n")  # it never was ready
    handover.take(tmp_path, "driver", submit.MAIN, usual.argv, usual.env)
    (tmp_path / "spare-driver-1.exit").unlink()
    (directory / "port").write_text("1 2")
    handover.take(tmp_path, "executor", submit.MAIN, usual.argv, usual.env)
    assert (not handed, (directory / "taken").exists()) == (True, False)
    handover.take(tmp_path, "driver", submit.MAIN, usual.argv, usual.env)
    assert (len(handed), (directory / "taken").exists()) == (1, True)


def test_a_spare_that_is_on_its_way_is_waited_for_where_it_suits(info, tmp_path, monkeypatch, handed):
    usual = submit.translate(parse(["any.py"]), info, {}, {}, submit.this_machine())
    directory = tmp_path / "spare-driver-1"
    spare.command("driver", directory, info, {}, steps=tmp_path)
    other = submit.translate(parse(["--driver-memory", "700m", "any.py"]), info, {}, {}, submit.this_machine())
    monkeypatch.setattr(handover, "SECONDS", 60.0)
    handover.take(tmp_path, "driver", submit.MAIN, other.argv, other.env)  # at once
    assert not handed
    comes = threading.Timer(0.1, (directory / "port").write_text, ["1 2"])
    comes.start()
    handover.take(tmp_path, "driver", submit.MAIN, usual.argv, usual.env)
    comes.join()
    assert len(handed) == 1


def test_the_patience_with_a_spare_on_its_way_has_an_end(info, tmp_path, monkeypatch, handed):
    usual = submit.translate(parse(["any.py"]), info, {}, {}, submit.this_machine())
    spare.command("driver", tmp_path / "spare-driver-1", info, {}, steps=tmp_path)
    monkeypatch.setattr(handover, "SECONDS", 0.05)
    handover.take(tmp_path, "driver", submit.MAIN, usual.argv, usual.env)
    assert not handed


def test_the_spare_executor_is_on_the_first_core_node_whose_worker_is_taken_first():
    asked, alone = spec(core=2, task=1), spec(core=0)
    at = spare.node(asked, "executor")
    assert (at.name, spare.node(asked, "driver")) == ("core-1", asked.master)
    assert spare.node(alone, "executor") == alone.master
    most = {node.name: offered(asked, node)[1] for node in asked.nodes if node != asked.master}
    assert most.pop("core-1") > max(most.values())


def test_a_spare_that_waited_in_vain_is_followed_by_another_only_when_a_step_has_come(info, tmp_path):
    directory = tmp_path / "spare-driver-1"
    spare.command("driver", directory, info, {}, steps=tmp_path)
    spares.forget(directory)
    assert not (directory / "taken").exists()
    (directory / "retired").write_text("1")
    assert not (directory / "taken").exists()
    spares.forget(directory)
    assert (directory / "taken").exists()
