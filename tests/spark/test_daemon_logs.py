"""The logs of daemons, which `DaemonLogs` writes in the place of Log4j."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from rig import Emulator

from emrlite.node import engines
from emrlite.settings import Settings

#: As Spark's log4j2 on EMR: ``%d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex``.
LINE = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d (TRACE|DEBUG|INFO|WARN|ERROR) [\w$.-]+: ")


def test_each_daemon_writes_into_its_own_log(emulator: Emulator, cluster: str) -> None:
    begins = {
        "master": {"namenode": "INFO NameNode: STARTUP_MSG: ", "spark-master": "INFO Master: I have been elected"},
        "core-1": {"datanode": "INFO DataNode: STARTUP_MSG: ", "spark-worker": "INFO Worker: Successfully registered"},
    }
    for node, logs in begins.items():
        folder = emulator.home / "clusters" / cluster / node / "mnt/var/log/daemons"
        for daemon, text in logs.items():
            log = (folder / f"{daemon}.log").read_text()
            assert text in log
            assert LINE.match(log)
            assert not [other for other in logs.values() if other != text and other in log]
        assert "STARTUP_MSG" not in (folder / "daemons.log").read_text()


def test_a_log_tells_an_error_with_where_it_came_from(tmp_path: Path) -> None:
    engine = engines.ensure(Settings.load(), print)
    done = subprocess.run(
        [engine.java_home / "bin/java", "-Dslf4j.provider=emrlite.DaemonLogs", f"-Demrlite.logs={tmp_path}",
         "-Demrlite.loggers=org.apache.hadoop.hdfs=namenode", "-cp", engine.classpath,
         "org.apache.hadoop.hdfs.server.namenode.NameNode"],
        capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stderr
    log = (tmp_path / "namenode.log").read_text()
    assert re.search(r"ERROR NameNode: Failed to start namenode\.\njava\.lang\.Illegal\w+: .*\n\tat org", log)
    # What belongs to no daemon; and nothing about native libraries, which no machine of ours has.
    assert LINE.search(done.stderr)
    assert "NativeCodeLoader" not in log + done.stderr
