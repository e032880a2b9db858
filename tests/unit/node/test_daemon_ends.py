"""What the daemons of a node died of, out of their logs."""

import os
from pathlib import Path

import pytest

from emrlite.node.daemon_ends import died_of

HARMLESS = "26/11/22 03:00:00 WARN BlockSender: slow\njava.io.IOException: Connection reset by peer\n\tat a.B\n"
FATAL = """26/11/22 03:00:01 ERROR NameNode: Failed to start namenode.
java.net.BindException: Port in use: 127.1.2.3:9870
\tat org.apache.hadoop.http.HttpServer2.constructBindException(HttpServer2.java:1391)
Caused by: java.net.BindException: Address already in use
26/11/22 03:00:01 INFO ExitUtil: Exiting with status 1: java.net.BindException: Port in use: 127.1.2.3:9870
"""
PRINTED = """Exception in thread "main" java.lang.NumberFormatException: For input string: "many"
\tat java.base/java.lang.Integer.parseInt(Integer.java:652)
"""
NO_ROOM = """Error occurred during initialization of VM
Could not reserve enough space for 6291456KB object heap
"""
NO_OPTION = """Unrecognized VM option 'UseNothing'
Error: Could not create the Java Virtual Machine.
Error: A fatal exception has occurred. Program will exit.
"""


@pytest.mark.parametrize(("logs", "said"), [
    ({}, None),
    ({"datanode": HARMLESS}, None),
    ({"namenode": HARMLESS + FATAL + HARMLESS}, "java.net.BindException: Port in use: 127.1.2.3:9870"),
    ({"namenode": FATAL, "spark-master": HARMLESS}, "java.net.BindException: Port in use: 127.1.2.3:9870"),
    ({"namenode": FATAL, "daemons": PRINTED}, 'java.lang.NumberFormatException: For input string: "many"'),
    ({"daemons": NO_ROOM}, "Could not reserve enough space for 6291456KB object heap"),
    ({"daemons": NO_OPTION}, "Unrecognized VM option 'UseNothing'"),
    ({"daemons": "what it says in the end\n" + HARMLESS}, None),
])
def test_what_ended_the_daemons_is_told_from_what_did_no_harm(tmp_path, logs, said):
    for name, text in logs.items():
        (tmp_path / f"{name}.log").write_text(text)
    assert died_of(tmp_path) == said


def test_of_two_logs_that_hold_an_error_the_one_written_last_counts(tmp_path):
    for seconds, name, error in ((1, "namenode", "First"), (2, "spark-master", "Second")):
        (tmp_path / f"{name}.log").write_text(FATAL.replace("BindException", f"{error}Exception"))
        os.utime(tmp_path / f"{name}.log", (seconds, seconds))
    assert died_of(tmp_path).startswith("java.net.SecondException")


def test_it_is_one_line_of_a_bounded_length(tmp_path):
    (tmp_path / "daemons.log").write_text(PRINTED.replace("many", "many" * 10000))
    assert len(died_of(tmp_path)) < 600


def test_a_log_that_cannot_be_read_says_nothing(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError("not yours")

    (tmp_path / "daemons.log").write_text(PRINTED)
    monkeypatch.setattr(Path, "open", refuse)
    assert died_of(tmp_path) is None
