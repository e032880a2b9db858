"""Who may be given a driver that was started ahead; what it is started with."""

import json

import pytest

from emrlite.node import spare, submit
from emrlite.node.submit_arguments import parse


@pytest.mark.parametrize(("words", "suits"), [
    ("app.py 1 2", True),
    ("--num-executors 2 --conf a.b=c s3://b/app.py", True),
    ("--class A app.jar", False),
    ("--conf spark.pyspark.python=/x app.py", False),
    ("--remote sc://a app.py", False),
])
def test_only_a_python_driver_of_the_usual_python_is_one_started_ahead(words, suits):
    assert spare.suits(parse(words.split())) is suits


def test_a_spare_is_started_as_a_driver_without_options_would_be(info, tmp_path):
    argv, env = spare.prepare(tmp_path / "spare-1", info, {"HOME": "/home/hadoop", "TZ": "UTC"})
    usual = submit.translate(parse(["any.py"]), info, {}, {}, submit.machine_memory())

    assert argv[:-2] == list(usual.argv[:usual.argv.index(submit.MAIN)])
    assert argv[-2:] == [spare.MAIN, str(tmp_path / "spare-1")]
    assert env["HOME"] == "/home/hadoop"
    record = json.loads((tmp_path / "spare-1" / "started.json").read_text())
    assert record["environ"]["TZ"] == "UTC"
    assert spare.waits(tmp_path / "spare-1")
    assert len((tmp_path / "spare-1" / "secret").read_text()) == 32


def test_without_a_spare_that_waits_nothing_is_taken(info, tmp_path):
    usual = submit.translate(parse(["any.py"]), info, {}, {}, 4096)
    spare.take(tmp_path, usual.argv, {})
    spare.prepare(tmp_path / "spare-1", info, {})  # not ready: it has no port yet
    spare.take(tmp_path, usual.argv, {})
    assert spare.waits(tmp_path / "spare-1")
