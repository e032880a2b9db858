"""A SparkSession whose driver is this process and whose executors are a cluster's workers.

It comes about as for ``python3 app.py`` on the master node: PySpark starts the JVM of the driver
through the node's own ``spark-submit``, in the environment that a step has, so that what holds
for steps (caps, ``s3://``, ``hdfs://``, YARN's words) holds here.  Executors run this very Python.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

from emrlite.cluster.states import ClusterState, is_final
from emrlite.errors import EmrliteError
from emrlite.jupyter import find
from emrlite.node import steps
from emrlite.node.layout import NodeInfo
from emrlite.settings import Settings
from emrlite.storage.s3 import DUMMY_KEYS

#: How long the JVM of a driver may take to go.
END_SECONDS = 10.0

_lock = threading.Lock()
#: The home and the id of the cluster that this process's JVM was started for.
_belongs_to: tuple[Path, str] | None = None


class SessionError(EmrliteError):
    """There can be no session; the message says why and what to do."""


def spark(cluster_id: str | None = None, home: str | Path | None = None, **conf: Any) -> Any:
    """Return a SparkSession: the driver is this process, the executors are the workers of the cluster.

    Without *cluster_id* it is the newest one of the home that is up.  *conf* are Spark's properties:
    ``spark(**{"spark.executor.instances": 2})``.  A second call for the same cluster returns the session
    that is there.
    """
    at = Settings.load({"home": home}).home
    record = find.up(at, cluster_id)
    if not any(name.lower() == "spark" for name in record.spec.applications):
        raise SessionError(f"cluster {record.spec.id} has no Spark: it was made without it among Applications")
    info = NodeInfo.read(at / "clusters" / record.spec.id / record.spec.master.name)
    _must_fit(info)
    properties = {"spark.app.name": "notebook", **{key: _text(value) for key, value in conf.items()}}
    with _lock:
        return _session(at, info, properties)


def ui_url(cluster_id: str) -> str | None:
    """Return the address of the application UI of this process's session, where it is on that cluster."""
    context = _active()
    if context is None or _belongs_to is None or _belongs_to[1] != cluster_id:
        return None
    return str(context.uiWebUrl) if context.uiWebUrl else None


def close(home: Path, cluster_id: str | None = None) -> None:
    """End this process's session, and its JVM, where it is on that cluster, or on any of the home."""
    with _lock:
        if _belongs_to is not None and _belongs_to[0] == home and cluster_id in (None, _belongs_to[1]):
            _end()


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _must_fit(info: NodeInfo) -> None:
    """The driver's PySpark talks to the cluster's Spark, so it is the same version."""
    ours = info.spark_version
    try:
        import pyspark
    except ImportError:
        raise SessionError(f"pyspark is not installed for {sys.executable}; the cluster runs Spark {ours}: "
                           f"pip install pyspark=={ours}") from None
    if pyspark.__version__ != ours:
        raise SessionError(
            f"this Python has pyspark {pyspark.__version__}, the cluster runs Spark {ours}: "
            f"pip install pyspark=={ours} and restart the notebook, or run a step, which needs no pyspark here")


def _active() -> Any:
    """Return the SparkContext of this process, if there is one."""
    if "pyspark" not in sys.modules:
        return None
    from pyspark import SparkContext

    return SparkContext._active_spark_context


def _session(home: Path, info: NodeInfo, properties: Mapping[str, str]) -> Any:
    from pyspark.sql import SparkSession

    if (context := _active()) is not None:
        if _belongs_to is None:
            raise SessionError(f"this process has a Spark session of another kind already (master {context.master}): "
                               "call its stop() first")
        if _belongs_to == (home, info.cluster_id) and _jvm_lives():
            return SparkSession.builder.config(map=_changeable(properties)).getOrCreate()
        if _belongs_to != (home, info.cluster_id) and _jvm_lives() and _lives(*_belongs_to):
            raise SessionError(f"this process has a session on cluster {_belongs_to[1]}, and Spark has one driver in a "
                               "process: call its stop() first")
    _end()
    return _begin(home, info, properties)


def _changeable(properties: Mapping[str, str]) -> dict[str, Any]:
    """What a session that is there takes: `spark.sql.*`; Spark itself warns of others."""
    return {key: value for key, value in properties.items() if key != "spark.app.name"}


def _lives(home: Path, cluster_id: str) -> bool:
    with suppress(find.NoCluster):
        state = find.find(home, cluster_id).status.state
        return not is_final(state) and state is not ClusterState.TERMINATING
    return False


def _begin(home: Path, info: NodeInfo, properties: Mapping[str, str]) -> Any:
    global _belongs_to  # noqa: PLW0603  PySpark has one JVM in a process too
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkRuntimeError
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    wanted = SparkConf(loadDefaults=False)
    wanted.setAll(list(properties.items()))
    log = info.layout.tmp / f"notebook-{os.getpid()}.log"
    access_key, secret_key = DUMMY_KEYS
    keys = {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}
    environment = {
        **steps.environment(info, step_id=None, credentials=keys, environ=os.environ),
        "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable,
    }
    with _environment(environment):
        with log.open("wb") as file:
            try:
                gateway = launch_gateway(wanted, {"stdout": file, "stderr": file})  # type: ignore[no-untyped-call]
            except PySparkRuntimeError as error:
                raise SessionError(f"the driver's JVM did not start: {_last_words(log)}") from error
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith("emrlite: note:"):
                print(line, file=sys.stderr)
        SparkContext._gateway, SparkContext._jvm = gateway, gateway.jvm
        _belongs_to = (home, info.cluster_id)
        try:
            return SparkSession.builder.config(map=dict(properties)).getOrCreate()
        except BaseException:
            _end()
            raise


def _last_words(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return " ".join(lines[-3:]).removeprefix('Exception in thread "main" ') or f"it said nothing in {log}"


def _end() -> None:
    """Stop the session that is there, and the JVM, which knows only the cluster that it was started for."""
    global _belongs_to  # noqa: PLW0603
    _belongs_to = None
    if "pyspark" not in sys.modules:
        return
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    session, context = SparkSession._instantiatedSession, SparkContext._active_spark_context
    if not _jvm_lives():  # it has died, and nobody is left who could stop anything
        SparkSession._instantiatedSession = SparkContext._active_spark_context = None
    elif session is not None:
        session.stop()
    elif context is not None:
        context.stop()
    gateway: Any = SparkContext._gateway
    if gateway is None:
        return
    gateway.shutdown()
    SparkContext._gateway = SparkContext._jvm = None
    if process := getattr(gateway, "proc", None):
        process.stdin.close()  # the JVM reads it, and ends with it
        try:
            process.wait(END_SECONDS)
        except TimeoutExpired:
            process.kill()
            process.wait(END_SECONDS)


def _jvm_lives() -> bool:
    from pyspark import SparkContext

    process = getattr(SparkContext._gateway, "proc", None)
    return process is not None and process.poll() is None


@contextmanager
def _environment(environment: Mapping[str, str]) -> Iterator[None]:
    """Let PySpark see the environment of a step while it starts, and nothing of the user's account."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
