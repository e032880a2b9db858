"""Spark's history server over the event logs of a home's clusters, live or long gone.

One server for all of them: a JVM for each would cost 200 MB a cluster.  What it reads is a directory of links
(`emrlite.node.event_logs.gather`), which is brought up to date while somebody looks.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from emrlite.errors import StorageError
from emrlite.node import event_logs
from emrlite.node.configuration import LOG4J2
from emrlite.node.engines import Engine
from emrlite.node.event_logs import EventLog
from emrlite.node.java_options import DAEMON, MODULE_OPTIONS, own_archives, sharing
from emrlite.node.service import Service

MAIN = "org.apache.spark.deploy.history.HistoryServer"
#: Where EMR has it, and where its presigned URLs lead to.
PORT, BASE = 18080, "/shs"
#: How often it looks for what is new, and how long it may take to read what it was given.
PERIOD, READ_SECONDS = "2s", 60.0
#: Its heap; what it shows of an application is held in memory.
_HEAP = 1024


def argv(engine: Engine, directory: Path, port: int, base: str = "") -> list[str]:
    """Lay *directory* out and return the command line of a server of its links (`links`) on *port*.

    *base* is the path at which something else hands it on; its pages' links begin with it.
    """
    links(directory).mkdir(parents=True, exist_ok=True)
    log4j2 = directory / "history-log4j2.properties"
    log4j2.write_text(LOG4J2)
    properties = {
        "java.io.tmpdir": directory,
        "java.net.preferIPv4Stack": "true",
        "log4j2.configurationFile": log4j2,
        # Taken as it stands: an escaped space would be a part of the name, other than in `spark.eventLog.dir`.
        "spark.history.fs.logDirectory": f"file://{links(directory)}",
        "spark.history.fs.update.interval": PERIOD,
        "spark.history.ui.port": port,
        **({"spark.ui.proxyBase": base} if base else {}),
    }
    return [
        str(engine.java_home / "bin" / "java"), *DAEMON, f"-Xmx{_HEAP}m", *MODULE_OPTIONS,
        *sharing(str(engine.archive or "")), *(f"-D{name}={value}" for name, value in properties.items()),
        "-cp", f"{engine.classpath}:{directory}", MAIN,
    ]


def environment(engine: Engine) -> dict[str, str]:
    """What it needs besides: it listens on loopback only, and reads no configuration of somebody else's Spark."""
    return {**engine.environment, "SPARK_CONF_DIR": own_archives(str(engine.home)), "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_PUBLIC_DNS": "127.0.0.1", "SPARK_NO_DAEMONIZE": "1", "HADOOP_USER_NAME": "hadoop"}


def links(directory: Path) -> Path:
    """The one directory that a server in *directory* reads."""
    return directory / "event-logs"


def answers(url: str) -> bool:
    """Tell whether a history server serves at *url*."""
    return _get(url, "/api/v1/version") is not None


def listed(url: str) -> dict[str, dict[str, Any]]:
    """The applications that the server at *url* shows: id -> what its REST interface says of each."""
    found = _get(url, "/api/v1/applications")
    return {app["id"]: app for app in found} if isinstance(found, list) else {}


def application_path(application: str) -> str:
    """Where the server shows an application."""
    return f"/history/{application}/jobs/"


def wait_for(url: str, applications: Collection[str], seconds: float = READ_SECONDS) -> set[str]:
    """Wait until the server shows *applications*; return those that it does not show by then."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while missing := set(applications) - set(listed(url)):
        if time.monotonic() > deadline:
            return missing
        pause.wait(0.1)
    return set()


class History:
    """The history server of one emulator, started when it is first asked for."""

    def __init__(self, service: Service, directory: Path, logs: Callable[[], Iterable[EventLog]]) -> None:
        self.service, self._directory, self._logs = service, directory, logs

    def refresh(self) -> None:
        """Show what is new; costs a listing of the clusters' directories."""
        event_logs.gather(links(self._directory), self._logs())

    @property
    def url(self) -> str | None:
        """Where it is, once it was asked for."""
        return self.service.url if self.service.wanted else None

    def keep(self) -> None:
        """Once it was asked for: start it again if it died, and show what is new."""
        if self.service.wanted:
            self.refresh()
        self.service.keep()

    def attach(self) -> bool:
        """Start it unless it runs; tell whether it answers already."""
        self.refresh()
        self.service.start()
        return answers(self.service.url)

    def show(self, application: str | None = None) -> str:
        """Return the path of its list, or of an application, once it is there.  Raises `StorageError`."""
        self.refresh()
        url = self.service.ensure()
        if application is None:
            return "/"
        if wait_for(url, [application]):
            raise StorageError(f"the history server does not show {application}; see {self.service.log_file}")
        return application_path(application)


def _get(url: str, path: str) -> Any:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    with suppress(OSError, http.client.HTTPException, ValueError):
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            return json.loads(body) if answer.status == 200 else None
        finally:
            connection.close()
    return None
