"""Nodes as directories and processes of this machine.

The driver keeps nothing in memory that is not on disk too: whoever opens the directory of a
cluster, the emulator that made it or the one after a crash, sees the same processes.
"""

from __future__ import annotations

import logging
import shutil
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from emrlite.cluster.model import CancelOption, ClusterSpec, Failure, NodeSpec, StepSpec
from emrlite.errors import NodeError
from emrlite.node import (
    addresses,
    controller,
    daemon_ends,
    daemons,
    failures,
    fresh_hdfs,
    hdfs,
    own_classes,
    places,
    script_runner,
    spare,
    starvation,
    steps,
)
from emrlite.node import provision as rendering
from emrlite.node.addresses import Network
from emrlite.node.driver import SPARE_KINDS, NodeSeen, Observed, ProcessSeen, SpareKind, daemons_of
from emrlite.node.layout import Layout, NodeInfo
from emrlite.node.process import (
    MARK_VARIABLE,
    OWNER_VARIABLE,
    Process,
    Seen,
    Tether,
    kill_all,
    orphans,
    processes,
    reap,
)
from emrlite.node.provision import Surroundings
from emrlite.node.readiness import Readiness
from emrlite.node.resources import Refused
from emrlite.node.shipping import Shipping
from emrlite.node.spares import Spares
from emrlite.node.submit_arguments import UsageError
from emrlite.storage import logs

log = logging.getLogger(__name__)

TAIL = 64 * 1024


class LocalDriver:
    """The driver of one cluster; *root* is its directory, *around* tells of the emulator.

    *client* makes an S3 client for the logs, *trouble* is told what should be in the
    cluster's story but changes no state.  *ahead* is whether JVMs are started before steps ask for them.
    """

    def __init__(
        self, cluster_id: str, root: Path, *, around: Callable[[], Surroundings], ahead: bool, addresses_mode: str,
        owner: str, tether: Tether | None, client: Callable[[], Any], trouble: Callable[[str], None],
    ) -> None:
        self._id, self._root, self._around, self._mode = cluster_id, root, around, addresses_mode
        self._ahead = ahead
        self._owner, self._tether = owner, tether
        self._network: Network | None = None
        self._claim: socket.socket | None = None
        self._readiness: Readiness | None = None
        self._starvation = starvation.Watch(lambda: self._readiness.spark_master() if self._readiness else {})
        self._processes: dict[tuple[str, str], Process] = {}
        self._infos: dict[str, NodeInfo] = {}
        self._signalled: set[tuple[str, CancelOption]] = set()
        self._failures: dict[str, Failure] = {}
        self._died: dict[tuple[str, float | None], Failure | None] = {}
        self._shipping = Shipping(cluster_id, root, client=client, trouble=trouble)
        self._shipped_steps: set[str] = set()
        self._spares = Spares(root, lambda node: (name for at, name in self._processes if at == node))
        self._attach()

    # What there is

    def observe(self, spec: ClusterSpec) -> Observed:
        nodes: dict[str, NodeSeen] = {}
        seen: dict[str, dict[str, Seen]] = {}
        for node in spec.nodes:
            if node.name in self._infos:
                seen[node.name] = self._look(node.name)
        running = {
            node.name: list(daemons_of(spec, node)) for node in spec.nodes
            if (what := seen.get(node.name, {}).get(daemons.PROCESS)) is not None and what.ended is None
            and not self._marked(node.name, "stopped")
        }
        ready = self._readiness.look(spec, running) if self._readiness and any(running.values()) else set()
        for node in spec.nodes:
            if (found := seen.get(name := node.name)) is None:
                continue
            jvm = found.get(daemons.PROCESS)
            failure = self._died_of(node, jvm) if jvm else None
            nodes[name] = NodeSeen(
                address=self._infos[name].address,
                bootstrap=tuple(self._bootstrap_seen(name, number, what) for number, what in _numbered(found)),
                daemons={daemon: _process_seen(jvm, ready=(name, daemon) in ready, failure=failure)
                         for daemon in daemons_of(spec, node)} if jvm else {},
                stopped=self._marked(name, "stopped"),
            )
        done = {
            name.removeprefix("step-"): self._step_seen(spec, name.removeprefix("step-"), what)
            for name, what in seen.get(spec.master.name, {}).items() if name.startswith("step-")
        }
        self._starvation.look([self._layout(spec.master).step_logs(step_id) / "stderr"
                               for step_id, what in done.items() if what.ended is None])
        return Observed(
            now=time.time(), nodes=nodes, steps=done, shipped=(self._root / "shipped").exists(),
            released=(self._root / "released").exists(),
            spares=self._spares_that_wait(spec, seen),
            rebooted=any(what.rebooted for found in seen.values() for what in found.values()),
        )

    def news(self) -> bool:
        return any(process.news for process in self._processes.values())

    def _spares_that_wait(self, spec: ClusterSpec, seen: Mapping[str, Mapping[str, Seen]]) -> frozenset[SpareKind]:
        """Those of which no other is wanted; on a node that was lost, or is not there yet, none is."""
        if not self._ahead:
            return frozenset(SPARE_KINDS)
        nodes = {kind: spare.node(spec, kind).name for kind in SPARE_KINDS}
        return frozenset(
            kind for kind, node in nodes.items() if node not in self._infos or self._marked(node, "stopped")
            or self._spares.wait(spec, kind, seen.get(node, {})))

    def _look(self, node: str) -> dict[str, Seen]:
        """Look at every process of *node* that was ever started."""
        own = [process for (name, _), process in self._processes.items() if name == node]
        return {process.name: what for process in own if (what := process.see()) is not None}

    def _step_seen(self, spec: ClusterSpec, step_id: str, what: Seen) -> ProcessSeen:
        """A step that ended has its logs closed before anybody is told."""
        if what.ended is None:
            return _process_seen(what)
        layout = self._layout(spec.master)
        if step_id not in self._shipped_steps:
            self._shipped_steps.add(step_id)
            self._spares.forget_ended(spec)
            controller.end(layout.step_logs(step_id) / "controller", what="Step", exit_code=what.exit_code,
                           started=what.started, ended=what.ended, stopped=what.stopped)
            if what.exit_code != 0 and not what.stopped:
                self._reap_if_escaped(spec.master.name, f"step-{step_id}", what)
                self._failures[step_id] = self._explain(spec, step_id, what.exit_code)
            if not (self._root / "shipped").exists():
                self._shipping.upload(spec, [*logs.step_files(layout, step_id), *self._container_files(spec)])
        return _process_seen(what, failure=self._failures.get(step_id))

    def _explain(self, spec: ClusterSpec, step_id: str, exit_code: int | None) -> Failure:
        """What a step died of; what helps against it stands at the end of its standard error too, once."""
        folder = self._layout(spec.master).step_logs(step_id)
        stdout, stderr = logs.tail(folder / "stdout", TAIL), logs.tail(folder / "stderr", TAIL)
        failure = failures.explain(stdout, stderr, exit_code, logs.folder(spec, f"steps/{step_id}") or str(folder),
                                   self._infos.get(spec.master.name))
        hint = failures.hint_of(failure)
        if hint and hint not in stderr:
            with (folder / "stderr").open("a") as file:
                file.write(f"{hint}\n")
        return failure

    def _died_of(self, node: NodeSpec, jvm: Seen) -> Failure | None:
        """What a node's daemons ended with by themselves; looked up once."""
        if jvm.exit_code is None or not 0 < jvm.exit_code < 128 or jvm.stopped:  # above, a signal from outside
            return None
        if (key := (node.name, jvm.ended)) not in self._died:
            said = daemon_ends.died_of(self._layout(node).daemon_logs)
            self._died[key] = Failure(reason="", message=said, log_file="") if said else None
        return self._died[key]

    def _container_files(self, spec: ClusterSpec) -> list[logs.LogFile]:
        return [file for node in spec.nodes for file in logs.container_files(self._layout(node))]

    def _bootstrap_seen(self, node: str, number: int, what: Seen) -> ProcessSeen:
        if what.ended is not None:
            path = Layout(self._root / node).bootstrap_logs(number) / "controller"
            controller.end(path, what=f"Bootstrap action {number}", exit_code=what.exit_code, started=what.started,
                           ended=what.ended, stopped=what.stopped)
            if what.exit_code and (reason := script_runner.no_script(path.with_name("stderr"))):
                return _process_seen(what, failure=Failure(reason="", message=reason, log_file=""))
        return _process_seen(what)

    # Coming up

    def adopt(self, spec: ClusterSpec) -> None:
        self._spares.forget_ended(spec)
        for node in spec.nodes:
            if node.name in self._infos:
                rendering.describe_cluster(spec, self._layout(node), self._own_network())

    def provision(self, spec: ClusterSpec, node: NodeSpec) -> None:
        network = self._own_network()
        if len(spec.nodes) > network.largest:
            raise NodeError(f"{spec.id} has {len(spec.nodes)} nodes; {network.largest} fit")
        self._infos[node.name] = rendering.provision(spec, node, self._root, network, self._around())

    def run_bootstrap(self, spec: ClusterSpec, node: NodeSpec, number: int) -> None:
        action, layout = spec.bootstrap_actions[number - 1], self._layout(node)
        argv = [str(layout.bin / "script-runner"), action.path, *action.args]
        env = self._environment(node, f"bootstrap-{number}")
        folder = layout.bootstrap_logs(number)
        self._start(node, f"bootstrap-{number}", argv, env, layout.home, folder / "stdout", folder / "stderr",
                    what=f"Bootstrap action {number}: {action.name} ({action.path})")

    def start_daemons(self, spec: ClusterSpec, node: NodeSpec) -> None:
        layout, around = self._layout(node), self._around()
        own_classes.link_pages(around.engine.pages, layout.root)
        if "namenode" in daemons_of(spec, node):
            fresh_hdfs.unpack(around.engine.hadoop, layout.namenode)
        command = self.daemon_command(spec, node)
        self._process(node.name, daemons.PROCESS).start(
            # Executors are children of their worker: what pip installed on the node is theirs too.
            command.argv, cwd=layout.root,
            env={"PYTHONPATH": places.python_packages(self._infos[node.name]),
                 **self._environment(node, daemons.PROCESS), **command.env},
            stdout=layout.daemon_logs / f"{daemons.PROCESS}.log", tether=self._tether)

    def daemon_command(self, spec: ClusterSpec, node: NodeSpec) -> daemons.Command:
        """Return how the daemons of *node* are (or were) started."""
        cores, memory = rendering.offered(spec, node)
        pattern = rendering.application_ids(self._infos[node.name])
        return daemons.command(
            daemons_of(spec, node), node=node, network=self._own_network(), engine=self._around().engine,
            layout=self._layout(node), cores=cores, memory=memory, application_ids=pattern)

    # Steps

    def run_step(self, spec: ClusterSpec, step: StepSpec) -> None:
        layout, info = self._layout(spec.master), self._infos[spec.master.name]
        self._spares.forget_ended(spec)
        command = steps.command(step, info)
        folder = layout.step_logs(step.id)
        folder.mkdir(parents=True, exist_ok=True)
        for name in logs.STEP_FILES:
            (folder / name).touch()
        env = self._environment(spec.master, f"step-{step.id}", step.id)
        self._start(spec.master, f"step-{step.id}", list(command.argv), env, layout.step_work(step.id),
                    folder / "stdout", folder / "stderr",
                    what=f"Step {step.id} ({step.name}), jar {step.jar}", notes=command.notes)

    def start_spare(self, spec: ClusterSpec, kind: SpareKind, step: StepSpec | None) -> None:
        node = spare.node(spec, kind)
        directory = self._spares.following(spec, kind)
        environ = self._environment(node, directory.name)
        if kind == "executor":
            environ |= {**self.daemon_command(spec, node).env, "JAVA_HOME": self._infos[node.name].java_home}
        try:
            argv, env = spare.command(kind, directory, self._infos[node.name], environ,
                                      steps=self._layout(spec.master).processes, step=step)
        except (Refused, UsageError, ValueError, OSError) as error:  # every step will be told
            log.info("%s: no %s is started ahead: %s", self._id, kind, error)
            argv, env = ["false"], environ
        self._process(node.name, directory.name).start(
            argv, env=env, cwd=self._layout(node).home, stdout=directory / "log", tether=self._tether)

    def cancel_step(self, spec: ClusterSpec, step_id: str, how: CancelOption) -> None:
        if (step_id, how) in self._signalled:
            return
        if self._process(spec.master.name, f"step-{step_id}").stop(kill=how is CancelOption.TERMINATE_PROCESS):
            self._signalled.add((step_id, how))

    # Going down

    def stop_nodes(self, spec: ClusterSpec, nodes: Sequence[NodeSpec]) -> None:
        names = [node.name for node in nodes]
        found = [(node, process) for (node, _), process in self._processes.items() if node in names]
        kill_all([process for _, process in found])
        for node, process in found:
            self._reap_if_escaped(node, process.name, process.see())
        for name in names:
            if self._readiness:
                self._readiness.forget(name)
            (self._root / name / "stopped").touch()

    def ship_logs(self, spec: ClusterSpec) -> None:
        if self._shipping.busy or (self._root / "shipped").exists():
            return
        files = [file for node in spec.nodes for file in logs.node_files(self._layout(node), node)]
        files += [file for step in spec.steps for file in logs.step_files(self._layout(spec.master), step.id)]
        self._shipping.upload(spec, files, then=self._root / "shipped")

    def release(self, spec: ClusterSpec) -> None:
        """HDFS, scratch data and the address end with the cluster; configuration and logs stay."""
        for node in spec.nodes:
            layout = self._layout(node)
            for directory in (layout.hdfs, layout.namenode, layout.spark_work, layout.tmp, layout.home,
                              layout.root / "mnt/var/lib/hadoop"):
                shutil.rmtree(directory, ignore_errors=True)
            self._spares.remove(node)
        self._let_go()
        self._root.mkdir(parents=True, exist_ok=True)
        (self._root / "released").touch()

    def wipe_hdfs(self) -> None:
        """Bring HDFS back to what it is in a new cluster.  Raises `NodeError`; any thread may call it."""
        hdfs.wipe(self._own_network())

    def close(self) -> None:
        """Let go of threads and sockets; processes go on, unless they are tethered."""
        self._shipping.close()
        self._let_go()

    # Within

    def _attach(self) -> None:
        """Find what an earlier emulator left in the cluster's directory."""
        with suppress(FileNotFoundError):
            self._network = Network.parse((self._root / "network").read_text().strip())
            self._readiness = Readiness(self._network)
            if not (self._root / "released").exists():
                try:
                    self._claim = addresses.hold(self._network)
                except OSError as error:
                    log.warning("%s: another process holds %s: %s", self._id, self._network, error)
        for path in self._root.glob("*/node.json"):
            self._infos[path.parent.name] = NodeInfo.read(path.parent)
            for process in processes(Layout(path.parent).processes):
                self._processes[path.parent.name, process.name] = process

    def _own_network(self) -> Network:
        if self._network is None:
            self._network, self._claim = addresses.claim(self._id, self._mode)
            self._root.mkdir(parents=True, exist_ok=True)
            new = self._root / "network.new"
            new.write_text(f"{self._network}\n")
            new.replace(self._root / "network")
            self._readiness = Readiness(self._network)
        return self._network

    def _let_go(self) -> None:
        if self._claim is not None:
            self._claim.close()
            self._claim = None

    def _start(self, node: NodeSpec, name: str, argv: list[str], env: dict[str, str], cwd: Path, stdout: Path,
               stderr: Path, *, what: str, notes: tuple[str, ...] = ()) -> None:
        process = self._process(node.name, name)
        if not process.known:
            controller.begin(stdout.parent / "controller", what=what, argv=argv, env=env, cwd=cwd, notes=notes)
            process.start(argv, env=env, cwd=cwd, stdout=stdout, stderr=stderr, tether=self._tether)

    def _environment(self, node: NodeSpec, process: str, step_id: str | None = None) -> dict[str, str]:
        around = self._around()
        keys = {"AWS_ACCESS_KEY_ID": around.s3.access_key, "AWS_SECRET_ACCESS_KEY": around.s3.secret_key}
        marks = {OWNER_VARIABLE: self._owner, MARK_VARIABLE: self._mark(node.name, process)}
        environment = steps.environment(
            self._infos[node.name], step_id=step_id, credentials=keys, environ=around.environ)
        return {**environment, **marks}

    def _mark(self, node: str, process: str) -> str:
        return f"{self._root}/{node}#{process}"

    def _reap_if_escaped(self, node: str, process: str, what: Seen | None) -> None:
        """When a shim was killed, what it watched over may have escaped it."""
        if what is not None and what.ended is not None and what.exit_code is None:
            for _ in range(3):  # what was found may have started another before it was killed
                if not reap(orphans(MARK_VARIABLE, self._mark(node, process))):
                    break

    def _process(self, node: str, name: str) -> Process:
        at = (node, name)
        if at not in self._processes:
            layout = Layout(self._root / node)
            self._processes[at] = Process(layout.processes, name, layout.view)
        return self._processes[at]

    def _layout(self, node: NodeSpec) -> Layout:
        return Layout(self._root / node.name)

    def _marked(self, node: str, what: str) -> bool:
        return (self._root / node / what).exists()


def _process_seen(what: Seen, *, ready: bool = False, failure: Failure | None = None) -> ProcessSeen:
    return ProcessSeen(started=what.started, ended=what.ended, exit_code=what.exit_code, stopped=what.stopped,
                       ready=ready, failure=failure)


def _numbered(found: dict[str, Seen]) -> list[tuple[int, Seen]]:
    """The bootstrap actions among *found*, in order."""
    numbered = ((name.partition("bootstrap-")[2], what) for name, what in found.items())
    return sorted(((int(number), what) for number, what in numbered if number), key=lambda pair: pair[0])
