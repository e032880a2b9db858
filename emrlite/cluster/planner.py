"""Decide what to do next for one cluster.

`plan` is a pure function of what the user asked for (spec), what was last written down
(status) and what can be seen (observed).  It returns the actions to carry out and the
status that now holds, as one transition: "step failed, the pending ones are cancelled,
the cluster ends" is never seen by halves.  No clock, no process, no file.

The rules are EMR's; their sources are named where they are not obvious.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from emrlite.cluster.model import CancelOption, ClusterSpec, ClusterStatus, Event, NodeSpec, StepSpec
from emrlite.cluster.progress import Progress, first_failure, lost_nodes
from emrlite.cluster.states import ClusterState, InstanceState, StepState, is_final
from emrlite.node.driver import SPARE_KINDS, NodeSeen, Observed, ProcessSeen, SpareKind, daemons_of


@dataclass(frozen=True)
class Provision:
    node: NodeSpec


@dataclass(frozen=True)
class RunBootstrap:
    node: NodeSpec
    number: int  #: from 1


@dataclass(frozen=True)
class StartDaemons:
    node: NodeSpec


@dataclass(frozen=True)
class StopNodes:
    nodes: tuple[NodeSpec, ...]


@dataclass(frozen=True)
class StartSpare:
    """Start a JVM before a step asks for it."""

    kind: SpareKind
    step: StepSpec | None = None  #: which will ask for it, where that is known


@dataclass(frozen=True)
class RunStep:
    step: StepSpec


@dataclass(frozen=True)
class CancelStep:
    step_id: str
    how: CancelOption


@dataclass(frozen=True)
class ShipLogs:
    pass


@dataclass(frozen=True)
class Release:
    pass


Action = Provision | RunBootstrap | StartDaemons | StopNodes | StartSpare | RunStep | CancelStep | ShipLogs | Release


@dataclass(frozen=True)
class Plan:
    """What to do, and the status that holds now with the events that led to it."""

    actions: tuple[Action, ...]
    status: ClusterStatus
    events: tuple[Event, ...]


def plan(spec: ClusterSpec, status: ClusterStatus, seen: Observed, *, hold: float = 0.0) -> Plan:
    """Return what brings the cluster nearer to *spec*.

    ``hold`` is the time in seconds for which a finished cluster stays in TERMINATING.
    """
    progress = Progress(status, seen.now)
    actions: list[Action] = []
    if not is_final(status.state):
        _look_at_nodes(spec, seen, progress)
        if progress.state is not ClusterState.TERMINATING:
            _decide_end(spec, seen, progress)
        if progress.state is ClusterState.TERMINATING:
            _look_at_steps(spec, seen, progress)
            actions = _shut_down(spec, seen, progress, hold)
        elif status.ready is None:
            actions = [*_bring_up(spec, seen, progress), *_start_spares(spec, seen, progress)]
        else:
            actions = [*_work(spec, seen, progress), *_start_spares(spec, seen, progress)]
        if progress.state is not ClusterState.TERMINATING:
            actions += _stop_lost(spec, seen, progress)
    return Plan(tuple(actions), progress.status, tuple(progress.events))


# What is seen of nodes


def _look_at_nodes(spec: ClusterSpec, seen: Observed, progress: Progress) -> None:
    for node in spec.nodes:
        at = seen.nodes.get(node.name)
        state = progress.status.node(node.name).state
        if at is None or state is InstanceState.TERMINATED:
            continue
        if state is InstanceState.AWAITING_FULFILLMENT:
            progress.node(node.name, InstanceState.PROVISIONING, address=at.address, created=seen.now)
        if at.bootstrap or at.daemons:
            if progress.status.node(node.name).state is InstanceState.PROVISIONING:
                progress.node(node.name, InstanceState.BOOTSTRAPPING)
            if _is_ready(spec, node, at) and progress.status.node(node.name).state is InstanceState.BOOTSTRAPPING:
                progress.node(node.name, InstanceState.RUNNING, ready=seen.now)
        elif _is_ready(spec, node, at) and progress.status.node(node.name).state is InstanceState.PROVISIONING:
            progress.node(node.name, InstanceState.BOOTSTRAPPING)  # a node with nothing to start
            progress.node(node.name, InstanceState.RUNNING, ready=seen.now)
    if progress.state is ClusterState.TERMINATING:
        return
    for name, reason in lost_nodes(spec, seen, progress.status).items():
        if progress.status.node(name).state is not InstanceState.TERMINATED:
            progress.node(name, InstanceState.TERMINATED, ended=seen.now, reason_code="INSTANCE_FAILURE", reason=reason)


def _is_ready(spec: ClusterSpec, node: NodeSpec, at: NodeSeen) -> bool:
    wanted = daemons_of(spec, node)
    if len(at.bootstrap) < len(spec.bootstrap_actions) or any(action.exit_code != 0 for action in at.bootstrap):
        return False
    return all(
        name in at.daemons and at.daemons[name].ready and at.daemons[name].running for name in wanted
    )


def _stop_lost(spec: ClusterSpec, seen: Observed, progress: Progress) -> list[Action]:
    """A node is one thing: when one of its daemons is gone, the rest goes too."""
    lost = tuple(node for node in spec.nodes if (at := seen.nodes.get(node.name)) and not at.stopped
                 and progress.status.node(node.name).state is InstanceState.TERMINATED)
    return [StopNodes(lost)] if lost else []


# Whether the cluster ends


def _decide_end(spec: ClusterSpec, seen: Observed, progress: Progress) -> None:
    if spec.terminate:
        progress.end("USER_REQUEST", "Terminated by user request")
    elif failure := first_failure(spec, seen, progress.status):
        progress.end(*failure)


# Bringing up


def _bring_up(spec: ClusterSpec, seen: Observed, progress: Progress) -> list[Action]:
    for step in spec.steps:
        _cancel_pending(spec, step, seen, progress)
    missing: list[Action] = [Provision(node) for node in spec.nodes if node.name not in seen.nodes]
    if missing:
        return missing
    if progress.state is ClusterState.STARTING:
        progress.move(ClusterState.BOOTSTRAPPING)
    if all(progress.status.node(node.name).state is InstanceState.RUNNING for node in spec.nodes):
        progress.ready()
        return _work(spec, seen, progress)
    return [action for node in spec.nodes for action in _bring_up_node(spec, seen, node)]


def _bring_up_node(spec: ClusterSpec, seen: Observed, node: NodeSpec) -> list[Action]:
    at = seen.nodes[node.name]
    if at.stopped or any(action.running for action in at.bootstrap):
        return []
    if len(at.bootstrap) < len(spec.bootstrap_actions):
        return [RunBootstrap(node, len(at.bootstrap) + 1)]
    return [StartDaemons(node)] if not at.daemons and daemons_of(spec, node) else []


def _start_spares(spec: ClusterSpec, seen: Observed, progress: Progress) -> list[Action]:
    """JVMs for the steps to come, while the cluster waits; one that comes up with a step gets a driver's for that."""
    if progress.state is ClusterState.WAITING:
        return _spares(SPARE_KINDS, spec, seen)
    if progress.status.ready is None and progress.state is not ClusterState.TERMINATING and spec.steps:
        return _spares(("driver",), spec, seen, spec.steps[0])
    return []


def _spares(
    kinds: Iterable[SpareKind], spec: ClusterSpec, seen: Observed, step: StepSpec | None = None
) -> list[Action]:
    """Those of the *kinds* that do not wait already: for any step, or for this one if it is Spark's."""
    master = seen.nodes.get(spec.master.name)
    of_spark = master is not None and any(name.startswith("spark") for name in master.daemons)
    wanted = of_spark and (step is None or "spark-submit" in step.args[:1])
    return [StartSpare(kind, step) for kind in kinds if wanted and kind not in seen.spares]


# Steps

_ACTIVE = (StepState.RUNNING, StepState.CANCEL_PENDING)


def _work(spec: ClusterSpec, seen: Observed, progress: Progress) -> list[Action]:
    """Run steps first in, first out; then say whether the cluster runs, waits or is done."""
    actions = _look_at_steps(spec, seen, progress)
    if progress.state is ClusterState.TERMINATING:
        return actions
    states = {step.id: progress.status.step(step.id).state for step in spec.steps}
    active = [step for step in spec.steps if states[step.id] in _ACTIVE]
    pending = [step for step in spec.steps if states[step.id] is StepState.PENDING]
    if active or pending:  # also a step that will have ended before the next look
        progress.move(ClusterState.RUNNING, "Running step")
    elif not spec.keep_alive:
        failed = any(state is StepState.FAILED for state in states.values())
        progress.end("ALL_STEPS_COMPLETED", "Steps completed with errors" if failed else "Steps completed")
        return actions
    else:
        ran = any(state is not StepState.CANCELLED for state in states.values())
        message = "Cluster ready after last step completed." if ran else "Cluster ready to run steps."
        progress.move(ClusterState.WAITING, message)
    begin = pending[: max(0, spec.step_concurrency - len(active))]
    # Its executor's JVM starts beside its driver, which has work for one core only until it asks for it.
    beside = _spares(("executor",), spec, seen, begin[0]) if begin else []
    return [*actions, *map(RunStep, begin), *beside]


def _look_at_steps(spec: ClusterSpec, seen: Observed, progress: Progress) -> list[Action]:
    """Write down which steps run and which have ended; let failures act; cancel what shall be."""
    actions: list[Action] = []
    for step in spec.steps:
        at = seen.steps.get(step.id)
        if at is None and progress.status.step(step.id).state in _ACTIVE:
            at = ProcessSeen(started=seen.now, ended=seen.now)  # its record is gone: nobody knows how it ended
        if at is None:
            _cancel_pending(spec, step, seen, progress)
            continue
        if progress.status.step(step.id).state is StepState.PENDING:
            progress.step(step.id, StepState.RUNNING, started=at.started)
        if is_final(progress.status.step(step.id).state):
            continue
        if not at.running:
            progress.step_ended(step.id, at)
            failed = progress.status.step(step.id).state is StepState.FAILED
            if failed and progress.state is not ClusterState.TERMINATING:
                _act_on_failure(spec, step, seen, progress)
        elif step.id in spec.cancels:
            if progress.status.step(step.id).state is StepState.RUNNING:
                progress.step(step.id, StepState.CANCEL_PENDING, reason="cancelled by the user")
            actions.append(CancelStep(step.id, spec.cancels[step.id]))
    return actions


def _cancel_pending(spec: ClusterSpec, step: StepSpec, seen: Observed, progress: Progress) -> None:
    pending = progress.status.step(step.id).state is StepState.PENDING and step.id not in seen.steps
    if pending and step.id in spec.cancels:
        progress.step(step.id, StepState.CANCELLED, ended=seen.now, reason="cancelled by the user")


def _act_on_failure(spec: ClusterSpec, step: StepSpec, seen: Observed, progress: Progress) -> None:
    """ActionOnFailure (API_StepConfig, emr-concurrent-steps): only at a concurrency of 1."""
    if spec.step_concurrency > 1 or step.action_on_failure == "CONTINUE":
        return
    others_run = any(progress.status.step(other.id).state in _ACTIVE for other in spec.steps)
    ends = step.action_on_failure in ("TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW")
    if not ends and others_run:
        return
    _cancel_all_pending(spec, seen, progress, f"{step.id} failed")
    # UsingEMR_TerminationProtection: a protected cluster stays, unless it ends by itself anyway.
    if ends and not (spec.termination_protected and spec.keep_alive):
        progress.end("STEP_FAILURE", "Shut down as step failed")


def _cancel_all_pending(spec: ClusterSpec, seen: Observed, progress: Progress, reason: str) -> None:
    for step in spec.steps:
        if progress.status.step(step.id).state is StepState.PENDING and step.id not in seen.steps:
            progress.step(step.id, StepState.CANCELLED, ended=seen.now, reason=reason)


# Ending


def _shut_down(spec: ClusterSpec, seen: Observed, progress: Progress, hold: float) -> list[Action]:
    """Steps first, then nodes, then logs; the state is final when all of it is gone."""
    _cancel_all_pending(spec, seen, progress, "the cluster terminates")
    if running := [step_id for step_id, at in seen.steps.items() if at.running]:
        return [CancelStep(step_id, CancelOption.SEND_INTERRUPT) for step_id in running]
    if standing := [node for node in spec.nodes if node.name in seen.nodes and not seen.nodes[node.name].stopped]:
        return [StopNodes(tuple(standing))]
    for node in spec.nodes:
        if progress.status.node(node.name).state is not InstanceState.TERMINATED:
            progress.node(node.name, InstanceState.TERMINATED, ended=seen.now, reason_code="CLUSTER_TERMINATED",
                          reason="Instance was terminated.")
    if not seen.shipped:
        return [ShipLogs()]
    if not seen.released:
        return [Release()]
    if progress.status.ending is not None and seen.now - progress.status.ending >= hold:
        progress.finish()
    return []
