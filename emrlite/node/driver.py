"""Where nodes and steps really run: what a driver is asked, and what it sees.

Every call returns at once and is idempotent; what came of it is learned from
`Driver.observe`, and from nothing else.  Only `Driver.wipe_hdfs` is done when it returns.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from emrlite.cluster.model import CancelOption, ClusterSpec, Failure, NodeSpec, Role, StepSpec

#: Programs whose JVMs a cluster starts ahead (`emrlite.node.spare`).
SpareKind = Literal["driver", "executor"]
SPARE_KINDS: tuple[SpareKind, ...] = ("driver", "executor")


@dataclass(frozen=True, kw_only=True)
class ProcessSeen:
    """One process of a node.  It runs while ``ended`` is ``None``."""

    started: float
    ended: float | None = None
    exit_code: int | None = None  #: of an ended one; ``None``: nobody saw how it ended
    stopped: bool = False  #: it was told to stop before it ended
    ready: bool = False  #: of a daemon: it answers, and its master knows it
    failure: Failure | None = None  #: of a step that failed, a daemon that died; of a bootstrap action: no script came

    @property
    def running(self) -> bool:
        return self.ended is None


@dataclass(frozen=True, kw_only=True)
class NodeSeen:
    """A provisioned node."""

    address: str
    bootstrap: tuple[ProcessSeen, ...] = ()  #: the bootstrap actions started so far, in order
    daemons: Mapping[str, ProcessSeen] = field(default_factory=dict)
    stopped: bool = False  #: nothing of it runs any more, and nothing will


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What the driver saw a moment ago."""

    now: float
    nodes: Mapping[str, NodeSeen] = field(default_factory=dict)  #: by node name
    steps: Mapping[str, ProcessSeen] = field(default_factory=dict)  #: those that were started
    spares: frozenset[SpareKind] = frozenset(SPARE_KINDS)  #: of these a JVM waits for a step, or none can
    shipped: bool = False  #: the logs of an ended cluster are where LogUri says
    released: bool = False  #: its HDFS, address and processes are gone
    rebooted: bool = False  #: the machine was restarted under the cluster


class Driver(Protocol):
    """`LocalDriver` starts processes; `FakeDriver` is as good a citizen."""

    def observe(self, spec: ClusterSpec) -> Observed: ...
    def news(self) -> bool: ...  #: whether something has ended since: costs next to nothing
    def adopt(self, spec: ClusterSpec) -> None: ...  #: the cluster is somebody's now: it is *spec* from here on
    def provision(self, spec: ClusterSpec, node: NodeSpec) -> None: ...
    def run_bootstrap(self, spec: ClusterSpec, node: NodeSpec, number: int) -> None: ...
    def start_daemons(self, spec: ClusterSpec, node: NodeSpec) -> None: ...
    def stop_nodes(self, spec: ClusterSpec, nodes: Sequence[NodeSpec]) -> None: ...
    def start_spare(self, spec: ClusterSpec, kind: SpareKind, step: StepSpec | None) -> None: ...
    def run_step(self, spec: ClusterSpec, step: StepSpec) -> None: ...
    def cancel_step(self, spec: ClusterSpec, step_id: str, how: CancelOption) -> None: ...
    def ship_logs(self, spec: ClusterSpec) -> None: ...
    def release(self, spec: ClusterSpec) -> None: ...
    def wipe_hdfs(self) -> None: ...
    def close(self) -> None: ...


#: Daemons of each role, in the order in which they start.
_DAEMONS = {
    Role.MASTER: ("namenode", "spark-master"),
    Role.CORE: ("datanode", "spark-worker"),
    Role.TASK: ("spark-worker",),
}


def daemons_of(spec: ClusterSpec, node: NodeSpec) -> tuple[str, ...]:
    """Name the daemons of a node; Spark's only where Spark is among the applications.

    A cluster of one node has all of them on its master, as on EMR.
    """
    spark = any(name.lower() == "spark" for name in spec.applications)
    names = _DAEMONS[node.role] + (_DAEMONS[Role.CORE] if len(spec.nodes) == 1 else ())
    return tuple(name for name in names if spark or not name.startswith("spark"))


class FakeDriver:
    """Obeys at once and never starts a process (timing ``instant``).

    ``exits`` scripts how steps end (step id or name -> exit code), ``bootstrap_exits`` how
    bootstrap actions do (node name -> exit code); ``hang`` holds ids or names of steps that
    do not end by themselves.
    """

    def __init__(self, *, exits: Mapping[str, int] | None = None, bootstrap_exits: Mapping[str, int] | None = None,
                 hang: frozenset[str] = frozenset()) -> None:
        self.exits, self.bootstrap_exits, self.hang = dict(exits or {}), dict(bootstrap_exits or {}), hang
        self.nodes: dict[str, NodeSeen] = {}
        self.steps: dict[str, ProcessSeen] = {}
        self.shipped = self.released = False
        self.calls: list[tuple[str, str]] = []

    def observe(self, spec: ClusterSpec) -> Observed:
        return Observed(now=time.time(), nodes=dict(self.nodes), steps=dict(self.steps), shipped=self.shipped,
                        released=self.released)

    def news(self) -> bool:
        return False

    def adopt(self, spec: ClusterSpec) -> None:
        self.calls.append(("adopt", spec.name))

    def provision(self, spec: ClusterSpec, node: NodeSpec) -> None:
        self.nodes.setdefault(node.name, NodeSeen(address=f"127.0.0.{node.index}"))

    def run_bootstrap(self, spec: ClusterSpec, node: NodeSpec, number: int) -> None:
        seen = self.nodes[node.name]
        if len(seen.bootstrap) < number:
            now = time.time()
            done = ProcessSeen(started=now, ended=now, exit_code=self.bootstrap_exits.get(node.name, 0))
            self.nodes[node.name] = replace(seen, bootstrap=(*seen.bootstrap, done))

    def start_daemons(self, spec: ClusterSpec, node: NodeSpec) -> None:
        seen = self.nodes[node.name]
        started = {daemon: ProcessSeen(started=time.time(), ready=True) for daemon in daemons_of(spec, node)}
        self.nodes[node.name] = replace(seen, daemons={**started, **seen.daemons})

    def kill_daemons(self, node_name: str) -> None:
        """Let the daemons of a node die, as ``kill -9`` would."""
        seen = self.nodes[node_name]
        dead = {daemon: replace(at, ended=time.time(), exit_code=-9, ready=False)
                for daemon, at in seen.daemons.items()}
        self.nodes[node_name] = replace(seen, daemons=dead)

    def stop_nodes(self, spec: ClusterSpec, nodes: Sequence[NodeSpec]) -> None:
        for node in nodes:
            self.nodes[node.name] = replace(self.nodes[node.name], stopped=True)

    def start_spare(self, spec: ClusterSpec, kind: SpareKind, step: StepSpec | None) -> None:
        """Nothing to start: steps begin at once."""

    def run_step(self, spec: ClusterSpec, step: StepSpec) -> None:
        if step.id in self.steps:
            return
        self.calls.append(("run_step", step.id))
        now = time.time()
        if {step.id, step.name} & self.hang:
            self.steps[step.id] = ProcessSeen(started=now)
            return
        code = self.exits.get(step.id, self.exits.get(step.name, 0))
        failure = Failure(reason="Unknown Error.", message=f"exit code {code}", log_file="") if code else None
        self.steps[step.id] = ProcessSeen(started=now, ended=now, exit_code=code, failure=failure)

    def cancel_step(self, spec: ClusterSpec, step_id: str, how: CancelOption) -> None:
        self.calls.append(("cancel_step", step_id))
        if (seen := self.steps.get(step_id)) and seen.running:
            self.steps[step_id] = replace(seen, ended=time.time(), exit_code=-15, stopped=True)

    def ship_logs(self, spec: ClusterSpec) -> None:
        self.shipped = True

    def release(self, spec: ClusterSpec) -> None:
        self.released = True

    def wipe_hdfs(self) -> None:
        self.calls.append(("wipe_hdfs", ""))

    def close(self) -> None:
        """Nothing to close: nothing runs."""
