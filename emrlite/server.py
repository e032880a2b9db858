"""The emulator: the only module that knows all rooms, and puts them together."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil

from emrlite import __version__, home
from emrlite.api import neighbours
from emrlite.api.guard import Guard
from emrlite.api.http import Application, Endpoint, listen
from emrlite.cluster import releases, standby
from emrlite.cluster.model import ClusterSpec, Event
from emrlite.cluster.reconcilers import Limits, Reconcilers
from emrlite.cluster.standby import Standby
from emrlite.cluster.store import Store
from emrlite.errors import EngineMissing, ValidationException
from emrlite.node import engines, event_logs, history, isolation
from emrlite.node.app_pages import AppPages
from emrlite.node.driver import Driver, FakeDriver
from emrlite.node.engines import Engine
from emrlite.node.history import History
from emrlite.node.java_options import LASTING, sharing
from emrlite.node.local import LocalDriver
from emrlite.node.process import MARK_VARIABLE, OWNER_VARIABLE, Tether, orphans, reap
from emrlite.node.provision import Surroundings
from emrlite.node.service import Service, connects
from emrlite.node.view import Found, Kept
from emrlite.settings import Settings
from emrlite.storage import s3
from emrlite.storage.emrfs import S3Access

if TYPE_CHECKING:
    from emrlite.api.aws import Aws

log = logging.getLogger(__name__)

#: How often servers beside us are looked after, and how long an orderly end may take.
WATCH_SECONDS, END_SECONDS = 1.0, 60.0

#: Of the machine's memory, what clusters may count on unless the setting says otherwise.
MEMORY_SHARE = 0.75


def usable_memory(settings: Settings) -> int:
    """Return the MiB that all clusters together may count on."""
    return settings.memory or int(psutil.virtual_memory().total / 2**20 * MEMORY_SHARE)


class Emulator:
    """
    One emulator, as a context manager.

    *Durable*: clusters and servers outlive a crash of this process and are found again by the
    next one; an orderly end takes them along.  *Tethered*: every process ends with this one,
    even by ``kill -9``.

    Engines are those of *engines_home*, where the settings' home is a place for this emulator only.
    """

    def __init__(self, settings: Settings, *, tethered: bool, say: Callable[[str], None] = log.info,
                 engines_home: Path | None = None) -> None:
        self.settings, self._tethered, self._say = settings, tethered, say
        self._engines_home = engines_home or settings.home
        self._stack = ExitStack()
        self._stop = threading.Event()
        self._client_lock = threading.Lock()
        self._tether: Tether | None = None
        self._engine: Engine | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._ownership = home.Ownership(self.settings.home, tethered=self._tethered)
            stack.callback(self._ownership.release)
            socket = listen(self.settings.host, 0 if self._tethered else self.settings.port)
            stack.callback(socket.close)
            self.url = "http://{}:{}".format(*socket.getsockname()[:2])
            if self.settings.timing != "instant":
                log.debug("%s", self.engine)  # set up before anything is promised
            self.store = Store(self.settings.home / "emrlite.db")
            if self._tethered:
                self._tether = Tether()
                stack.callback(self._tether.close)
            for service in (self._s3proxy, self._moto, *([self._history.service] if self._history else [])):
                stack.callback(service.stop)
            if self._tethered:
                self._start_s3()  # whoever this one is for waits for it; meanwhile the rest is made
            self.clusters = stack.enter_context(Reconcilers(
                self.store, self._driver, self._limits(), owner=self._ownership.owner, hold=self.settings.hold,
                standby=self._standby))
            stack.callback(self._end_clusters)
            self._take_over()
            app = Application(Guard.of(self.settings), self._aws(), {"/_emrlite/health": self._health})
            stack.enter_context(Endpoint(socket, app))
            watch = threading.Thread(target=self._watch, name="services")
            watch.start()
            stack.callback(watch.join)
            stack.callback(self._stop.set)
            self._ownership.announce(self.url)
            if self._tethered and self.settings.timing != "instant":
                log.debug("%s", self._view)  # while the S3 server comes up there is time for it
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def abandon(self) -> None:
        """Let every tethered process be killed now, without an orderly end."""
        if self._tether:
            self._tether.close()

    @property
    def engine(self) -> Engine:
        """The engine of the settings' Spark, set up if need be; what is made of it later counts from then on."""
        at = replace(self.settings, home=self._engines_home)
        if self._engine is None:
            self._engine = engines.ensure(at, self._say, later=partial(engines.complete_in_background, at, self._say))
        elif self._engine.archive is None:
            with suppress(EngineMissing):  # it has changed under us: what was found first goes on as far as it can
                self._engine = engines.find(at)
        return self._engine

    # S3 and the other services

    @property
    def s3_url(self) -> str:
        """Where Spark and the logs reach S3; for servers of ours, whether it answers already or not."""
        return server.url if (server := self._s3_server) else self.settings.s3

    def s3(self) -> Any:
        """Return an S3 client, once the server answers."""
        if server := self._s3_server:
            server.start()  # it takes longer than the client
        with self._client_lock:  # botocore's sessions are not made side by side
            client = self._s3_client
        self._s3_up()
        return client

    @cached_property
    def _s3_client(self) -> Any:
        return s3.client(self._s3_access)

    @cached_property
    def _s3_access(self) -> S3Access:
        access_key, secret_key = s3.DUMMY_KEYS if self.settings.s3 in ("local", "moto") else s3.users_keys()
        return S3Access(endpoint=self.s3_url, region=self.settings.region, access_key=access_key, secret_key=secret_key,
                        wants_signatures=self.settings.s3 != "local")

    def _start_s3(self) -> None:
        """Have the server come up, if it is ours; where no Spark runs, when somebody asks it for something."""
        if self.settings.timing != "instant" and (server := self._s3_server):
            server.start()

    def _s3_up(self) -> str:
        return server.ensure() if (server := self._s3_server) else self.s3_url

    @property
    def _s3_server(self) -> Service | None:
        """The server that is ours."""
        match self.settings.s3:
            case "local":
                return self._s3proxy
            case "moto":
                return self._moto
            case _:
                return None

    @cached_property
    def _s3proxy(self) -> Service:
        return self._service("s3", self._s3proxy_argv, {}, s3.answers)

    def _s3proxy_argv(self, port: int) -> list[str]:
        properties = self._services / "s3.properties"
        flags = [*LASTING, *sharing(str(self.engine.s3proxy_archive or ""))]
        return s3.s3proxy_argv(self.engine.java_home, self.engine.s3proxy, self.buckets, properties, port, flags)

    @cached_property
    def _moto(self) -> Service:
        return self._service("moto", neighbours.argv, neighbours.environment(), connects)

    @cached_property
    def _history(self) -> History | None:
        """Spark's history server; there is none where no Spark runs."""
        if self.settings.timing == "instant":
            return None
        service = self._service("history", self._history_argv, history.environment(self.engine), history.answers)
        return History(service, self._services, lambda: event_logs.of_clusters(self._clusters))

    def _history_argv(self, port: int) -> list[str]:
        return history.argv(self.engine, self._services, port, history.BASE)

    @property
    def _clusters(self) -> Path:
        return self.settings.home / "clusters"

    @property
    def buckets(self) -> Path:
        """The folder of local buckets."""
        return self.settings.home / "s3"

    @property
    def _services(self) -> Path:
        return self.settings.home / "services" / self._ownership.owner

    def _service(
        self, name: str, argv: Callable[[int], list[str]], env: dict[str, str], answers: Callable[[str], bool]
    ) -> Service:
        keep = ("PATH", "HOME", "LANG", "PYTHONPATH")
        base = {key: os.environ[key] for key in keep if key in os.environ}
        marked = {**base, **env, OWNER_VARIABLE: self._mark}
        return Service(name, self._services, argv=argv, env=marked, tether=self._tether, answers=answers)

    def _aws(self) -> Aws:
        from emrlite.api.aws import Aws, Neighbourhood  # a third of what this imports; S3's server comes up meanwhile

        local = self.settings.s3 == "local"
        return Aws(self.settings, self.clusters, Neighbourhood(
            s3_url=self._s3_up, moto_url=self._moto.ensure, moto_runs=lambda: self._moto.wanted,
            bucket_exists=lambda bucket: s3.bucket_exists(self.s3(), bucket), buckets=self.buckets if local else None,
            pages=AppPages(self._clusters, self._history, lambda: self.url) if self._history else None,
            history_url=lambda: self._history.url if self._history else None), self._stop)

    def _watch(self) -> None:
        beside = [service.keep for service in (self._s3proxy, self._moto, self._history) if service]
        while not self._stop.wait(WATCH_SECONDS):
            for keep in (*beside, self._keep_standby):
                # This loop must outlive whatever one look meets, a full disk too.
                try:
                    keep()
                except Exception:
                    log.exception("what is beside the clusters could not be looked after")

    def _keep_standby(self) -> None:
        """One that came up beside a set-up would do without what that is about to make."""
        if not engines.set_up_at_work(self._engines_home):
            self.clusters.look_after_standby()

    # Clusters

    @property
    def _mark(self) -> str:
        return f"{self.settings.home}#{self._ownership.owner}"

    def _driver(self, spec: ClusterSpec) -> Driver:
        if self.settings.timing == "instant":
            return FakeDriver()
        self._start_s3()

        def trouble(text: str) -> None:
            self.store.add_events(spec.id, [Event(time=0, subject="cluster", state="TROUBLE", reason=text)])

        return LocalDriver(
            spec.id, self._clusters / spec.id, around=self._around,
            ahead=self.settings.ahead != "nothing", addresses_mode=self.settings.addresses, owner=self._mark,
            tether=self._tether, client=self.s3, trouble=trouble)

    @cached_property
    def _standby(self) -> Standby | None:
        """A cluster for the next who asks; not where all ends with its user, or starts nothing."""
        wanted = self.settings.ahead == "all" and self.settings.timing != "instant" and not self._tethered
        return Standby(self._clusters, self._driver) if wanted else None

    def _around(self) -> Surroundings:
        found, kept = self._view
        return Surroundings(engine=self.engine, aws_endpoint=self.url, s3=self._s3_access, environ=os.environ,
                            view=found, kept=kept)

    @cached_property
    def _view(self) -> tuple[Found, Kept]:
        """What of a view of its own this machine lets a node have; tried when the first node is made."""
        found = isolation.find(self.settings.home, self.settings.namespace)
        log.info("namespace: %s", isolation.describe(found))
        return found, isolation.kept(self.settings.home, self.engine, os.environ) if found.kind else Kept()

    def _limits(self) -> Limits:
        instant = self.settings.timing == "instant"
        versions = {} if instant else {"Spark": self.engine.spark, "Hadoop": self.engine.hadoop}
        return Limits(memory=usable_memory(self.settings), versions=versions, admit=self._admit,
                      ahead=self.settings.ahead != "nothing")

    def _admit(self, spec: ClusterSpec) -> str | None:
        different = releases.difference(spec.release_label, self.settings.spark)
        if different and self.settings.releases == "strict":
            raise ValidationException(
                f"The supplied release label is invalid: {spec.release_label}. "
                f"{different}, and the setting releases is strict.")
        return different

    def _take_over(self) -> None:
        """Attach to clusters that nobody looks after any more; kill what belongs to none."""
        left = {cluster_id: owner for cluster_id, owner in self.store.owners().items()
                if owner == self._ownership.owner or not home.is_alive(self.settings.home, owner)}
        self.clusters.attach(list(left))
        known = {str(self._clusters / cluster_id) for cluster_id in self.store.owners()}
        found = [process for process in orphans(OWNER_VARIABLE, self._mark) if not self._belongs(process, known)]
        if found:
            log.warning("killed processes that belong to no cluster: %s", reap(found))
        if self._ownership.owner == home.DURABLE:
            standby.remove_left(self._clusters, self.store.knows)

    def _belongs(self, process: psutil.Process, known: set[str]) -> bool:
        try:
            mark = process.environ().get(MARK_VARIABLE, "")
        except psutil.Error:
            return True  # it has ended meanwhile
        return not mark or any(mark.startswith(f"{cluster}/") for cluster in known)

    def _end_clusters(self) -> None:
        try:
            with ExitStack() as stack:
                if self._standby:
                    stack.callback(self._standby.close, END_SECONDS)
                self.clusters.end_all(END_SECONDS)
        except TimeoutError as error:
            log.error(  # noqa: TRY400  its words say it all
                "%s; their processes are killed by the next `emrlite start`", error)

    def _health(self, query: Any) -> dict[str, Any]:
        return {
            "version": __version__, "pid": os.getpid(), "home": str(self.settings.home), "url": self.url,
            "s3": {"kind": self.settings.s3, "url": self.s3_url}, "clusters": len(self.store.live()),
            "standby": self._standby.cluster if self._standby else None,
            "spark": self.settings.spark, "tethered": self._tethered,
        }
