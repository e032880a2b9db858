"""Who may be given a JVM that was started ahead; what it is started with."""

import json
import shlex

import pytest
from simulation import spec

from emrlite.node import handover, java_options, jvm, spare, spares, spark_programs, submit
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
    assert spark_programs.suits_a_spare(parse(words.split())) is suits


@pytest.mark.parametrize(("rounds", "heap"), [(2, "-Xms96m"), (0, "-Xms192m")])
def test_a_spare_is_started_as_a_driver_without_options_would_be(info, tmp_path, rounds, heap):
    directory = tmp_path / "spare-driver-1"
    argv, env = spare.command("driver", directory, info, {"HOME": "/home/hadoop", "TZ": "UTC"}, rounds=rounds,
                              steps=tmp_path)
    usual = submit.translate(parse(["any.py"]), info, {}, {}, submit.machine_memory())

    at = argv.index(spare.MAIN)
    own = ("--add-opens=java.base/sun.nio.fs=ALL-UNNAMED", heap)
    assert set(own) <= set(argv[:at])
    assert [word for word in argv[:at] if word not in own] == list(usual.argv[:usual.argv.index(submit.MAIN)])
    assert argv[at:] == [spare.MAIN, str(directory), str(rounds), str(tmp_path)]
    assert env["HOME"] == "/home/hadoop"
    assert json.loads((directory / "started.json").read_text())["environ"]["TZ"] == "UTC"
    assert not (directory / "taken").exists()
    assert len((directory / "secret").read_text()) == 32


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
    info, tmp_path, monkeypatch, more, env, taken
):
    directory = tmp_path / "spare-executor-1"
    spare.command("executor", directory, info, {"LANG": "C.UTF-8"}, rounds=0, steps=tmp_path)
    (directory / "port").write_text("1 2")
    handed = []
    monkeypatch.setattr(handover, "_can_be_opened", lambda _: True)
    monkeypatch.setattr(handover, "_hand_over", lambda *given: handed.append(given))
    handover.take(tmp_path, "executor", handover.EXECUTOR, of_worker(info, *more), {"LANG": "C.UTF-8", **env})

    assert (directory / "taken").exists() is taken
    if taken:
        (port, _, _, properties, main, words, given), = handed
        assert port == 1
        assert dict(zip(properties[::2], properties[1::2], strict=True))["spark.driver.port"] == "38419"
        assert (main, words) == (handover.EXECUTOR, ["--executor-id", "0"])
        assert env.items() <= given.items()


def test_without_a_spare_that_waits_nothing_is_taken(info, tmp_path):
    usual = submit.translate(parse(["any.py"]), info, {}, {}, 4096)
    handover.take(tmp_path, "driver", submit.MAIN, usual.argv, {})
    spare.command("driver", tmp_path / "spare-driver-1", info, {}, rounds=0, steps=tmp_path)  # it has no port yet
    handover.take(tmp_path, "driver", submit.MAIN, usual.argv, {})
    assert not (tmp_path / "spare-driver-1/taken").exists()
    (tmp_path / "spare-driver-1/port").write_text("1 2")
    handover.take(tmp_path, "executor", submit.MAIN, usual.argv, {})
    assert not (tmp_path / "spare-driver-1/taken").exists()


def test_the_spare_executor_is_on_the_first_core_node_whose_worker_is_taken_first():
    asked, alone = spec(core=2, task=1), spec(core=0)
    at = spare.node(asked, "executor")
    assert (at.name, spare.node(asked, "driver")) == ("core-1", asked.master)
    assert spare.node(alone, "executor") == alone.master
    most = {node.name: offered(asked, node)[1] for node in asked.nodes if node != asked.master}
    assert most.pop("core-1") > max(most.values())


def test_a_spare_that_waited_in_vain_is_followed_by_another_only_when_a_step_has_come(info, tmp_path):
    directory = tmp_path / "spare-driver-1"
    spare.command("driver", directory, info, {}, rounds=0, steps=tmp_path)
    spares.forget(directory)
    assert not (directory / "taken").exists()
    (directory / "retired").write_text("1")
    assert not (directory / "taken").exists()
    spares.forget(directory)
    assert (directory / "taken").exists()
