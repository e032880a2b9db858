"""The daemons of a cluster of four nodes as somebody would start them by hand: default flags, no archive of class data.

A NameNode on a fresh directory, DataNodes, Spark's master, workers.  The masters start
together, and the others as soon as their master listens: started all at once, a worker or
DataNode that is first waits for its next try, 5 to 15 s.  Formatting is not part of the time.
"""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import look
from benchmarks.emulator import stop
from emrlite.node.engines import MODULE_OPTIONS, Engine

READY_SECONDS = 300.0
_NAMENODE = "org.apache.hadoop.hdfs.server.namenode.NameNode"
_DATANODE = "org.apache.hadoop.hdfs.server.datanode.DataNode"
_DEPLOY = "org.apache.spark.deploy"


class Daemons:
    """A JVM for each; `start` returns when all know one another."""

    def __init__(self, engine: Engine, folder: Path, datanodes: int, workers: int) -> None:
        self.folder, self._engine, self._datanodes, self._workers = folder, engine, datanodes, workers
        self._ports = dict(zip(("rpc", "http", "master", "master-ui"), free_ports(4), strict=True))
        self._running: list[subprocess.Popen[Any]] = []
        self._format()

    def start(self) -> None:
        self._start("namenode", _NAMENODE)
        self._start("master", f"{_DEPLOY}.master.Master", "--host", "127.0.0.1", "--port", str(self._ports["master"]),
                    "--webui-port", str(self._ports["master-ui"]), heap="1g")
        todo: dict[str, Callable[[], None]] = {"rpc": self._start_datanodes, "master": self._start_workers}
        self._until(lambda: self._start_those_of_masters(todo), "the masters do not listen")
        self._until(self._all_know_one_another, "not all daemons have registered")

    def rss(self) -> int:
        """Bytes of all daemons together, each as if it were alone."""
        return sum(look.rss(process.pid) for process in self._running)

    def stop(self) -> None:
        with ExitStack() as stack:
            for process in self._running:
                stack.callback(stop, process)

    def _format(self) -> None:
        conf = self._conf("namenode", {})
        subprocess.run(self._java(conf, _NAMENODE, "-format", "-force", "-nonInteractive"), check=True, timeout=120,
                       env=self._env(conf), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _start_those_of_masters(self, todo: dict[str, Callable[[], None]]) -> bool:
        for port in [port for port in todo if listens(self._ports[port])]:
            todo.pop(port)()
        return not todo

    def _start_datanodes(self) -> None:
        for number in range(self._datanodes):
            data, http, ipc = free_ports(3)
            self._start(f"datanode-{number}", _DATANODE, hdfs={
                "dfs.datanode.data.dir": (self.folder / f"data-{number}").as_uri(),
                "dfs.datanode.address": f"127.0.0.1:{data}", "dfs.datanode.http.address": f"127.0.0.1:{http}",
                "dfs.datanode.ipc.address": f"127.0.0.1:{ipc}"})

    def _start_workers(self) -> None:
        for number in range(self._workers):
            port, ui = free_ports(2)
            self._start(f"worker-{number}", f"{_DEPLOY}.worker.Worker", "--host", "127.0.0.1", "--port", str(port),
                        "--webui-port", str(ui), "--cores", "4", "--memory", "12g", "--work-dir",
                        str(self.folder / f"work-{number}"), f"spark://127.0.0.1:{self._ports['master']}", heap="1g")

    def _all_know_one_another(self) -> bool:
        live = ask(f"http://127.0.0.1:{self._ports['http']}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState")
        master = ask(f"http://127.0.0.1:{self._ports['master-ui']}/json/")
        return (bool(live.get("beans")) and live["beans"][0]["NumLiveDataNodes"] == self._datanodes
                and master.get("aliveworkers") == self._workers)

    def _start(self, name: str, main: str, *words: str, heap: str = "", hdfs: dict[str, str] | None = None) -> None:
        conf = self._conf(name, hdfs or {})
        with (self.folder / f"{name}.log").open("w") as log:
            self._running.append(subprocess.Popen(
                self._java(conf, main, *words, heap=heap), env=self._env(conf), cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True))

    def _java(self, conf: Path, main: str, *words: str, heap: str = "") -> list[str]:
        # Spark's scripts give a daemon 1 GiB; Hadoop's leave it to Java.
        return [str(self._engine.java_home / "bin" / "java"), *([f"-Xmx{heap}"] if heap else []), *MODULE_OPTIONS,
                "-cp", f"{conf}:{self._engine.home}/jars/*", main, *words]

    def _env(self, conf: Path) -> dict[str, str]:
        return {**self._engine.environment, "PATH": "/usr/bin:/bin", "HADOOP_CONF_DIR": str(conf),
                "SPARK_CONF_DIR": str(conf), "SPARK_LOCAL_IP": "127.0.0.1"}

    def _conf(self, name: str, hdfs: dict[str, str]) -> Path:
        conf = self.folder / f"conf-{name}"
        conf.mkdir(exist_ok=True)
        base = {
            "dfs.namenode.name.dir": (self.folder / "name").as_uri(),
            "dfs.namenode.rpc-address": f"127.0.0.1:{self._ports['rpc']}",
            "dfs.namenode.http-address": f"127.0.0.1:{self._ports['http']}",
            "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        }
        core = {"fs.defaultFS": f"hdfs://127.0.0.1:{self._ports['rpc']}", "hadoop.tmp.dir": str(self.folder / "tmp")}
        (conf / "hdfs-site.xml").write_text(xml({**base, **hdfs}))
        (conf / "core-site.xml").write_text(xml(core))
        return conf

    def _until(self, ready: Callable[[], bool], why: str) -> None:
        deadline, pause = time.monotonic() + READY_SECONDS, threading.Event()
        while not ready():
            gone = [process for process in self._running if process.poll() is not None]
            if gone or time.monotonic() > deadline:
                raise SystemExit(f"{why}; their logs: {self.folder}\n{[process.args for process in gone]}")
            pause.wait(0.05)


@contextmanager
def daemons(engine: Engine, folder: Path, *, datanodes: int, workers: int) -> Iterator[Daemons]:
    """Daemons that are formatted but not started; they end with the block."""
    found = Daemons(engine, folder, datanodes, workers)
    try:
        yield found
    finally:
        found.stop()


def free_ports(count: int) -> Sequence[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def ask(url: str) -> dict[str, Any]:
    """Return what *url* answers, nothing where nobody does yet."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except (OSError, ValueError):
        return {}


def xml(values: dict[str, str]) -> str:
    rows = (f"<property><name>{name}</name><value>{value}</value></property>" for name, value in values.items())
    return f"<configuration>{''.join(rows)}</configuration>\n"
