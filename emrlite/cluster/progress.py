"""How a status moves: each change checked against the table of states, each with its event."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from emrlite.cluster import error_details
from emrlite.cluster.model import ClusterSpec, ClusterStatus, ErrorDetail, Event, Failure, Role
from emrlite.cluster.states import ClusterState, InstanceState, StepState, check_transition
from emrlite.node.driver import NodeSeen, Observed, ProcessSeen

UNKNOWN_EXIT = "The exit code is unknown: the step's process disappeared without leaving one."


class Progress:
    """A status on its way to the next one.  Holds no clock: *now* comes from what was observed."""

    def __init__(self, status: ClusterStatus, now: float) -> None:
        self.status, self.now = status, now
        self.events: list[Event] = []

    @property
    def state(self) -> ClusterState:
        return self.status.state

    def move(self, state: ClusterState, message: str = "", code: str | None = None) -> None:
        """Bring the cluster to *state*; nothing happens if it is there with this message."""
        if self.status.state is state and self.status.reason == message:
            return
        if self.status.state is not state:
            check_transition("cluster", self.status.state, state)
        self.status = replace(self.status, state=state, reason=message, reason_code=code)
        self._event("cluster", state, message)

    def ready(self) -> None:
        """Note that every node is up."""
        self.status = replace(self.status, ready=self.now)

    def end(self, code: str, message: str, errors: tuple[ErrorDetail, ...] = ()) -> None:
        """Begin to terminate."""
        self.status = replace(self.status, ending=self.now, errors=errors)
        self.move(ClusterState.TERMINATING, message, code)

    def finish(self) -> None:
        """Write down the final state: a code that ends in _FAILURE or _ERROR is an end with errors."""
        code = self.status.reason_code or ""
        errors = code.endswith(("_FAILURE", "_ERROR"))
        state = ClusterState.TERMINATED_WITH_ERRORS if errors else ClusterState.TERMINATED
        self.status = replace(self.status, ended=self.now)
        self.move(state, self.status.reason, self.status.reason_code)

    def node(self, name: str, state: InstanceState, **changes: Any) -> None:
        """Bring node *name* to *state*."""
        old = self.status.node(name)
        check_transition(name, old.state, state)
        new = replace(old, state=state, **changes)
        self.status = replace(self.status, nodes={**self.status.nodes, name: new})
        self._event(name, state, new.reason)

    def step(self, step_id: str, state: StepState, *, reason: str = "", **changes: Any) -> None:
        """Bring step *step_id* to *state*."""
        old = self.status.step(step_id)
        check_transition(step_id, old.state, state)
        self.status = replace(self.status, steps={**self.status.steps, step_id: replace(old, state=state, **changes)})
        self._event(step_id, state, reason)

    def step_ended(self, step_id: str, at: ProcessSeen) -> None:
        """Write down how a step ended: COMPLETED for exit code 0 and for nothing else."""
        ended: dict[str, Any] = {"ended": at.ended, "exit_code": at.exit_code}
        if at.stopped:
            interrupted = self.status.reason_code == "USER_REQUEST" and self.state is ClusterState.TERMINATING
            asked = self.status.step(step_id).state is StepState.CANCEL_PENDING
            state = StepState.INTERRUPTED if interrupted and not asked else StepState.CANCELLED
            self.step(step_id, state, reason="stopped", **ended)
        elif at.exit_code == 0:
            self.step(step_id, StepState.COMPLETED, reason="exit code 0", **ended)
        else:
            unknown = Failure(reason="Unknown Error.", message=UNKNOWN_EXIT, log_file="")
            failure = at.failure or (unknown if at.exit_code is None else None)
            reason = UNKNOWN_EXIT if at.exit_code is None else f"exit code {at.exit_code}"
            self.step(step_id, StepState.FAILED, reason=reason, failure=failure, **ended)

    def _event(self, subject: str, state: str, reason: str) -> None:
        self.events.append(Event(time=self.now, subject=subject, state=str(state), reason=reason))


def lost_nodes(spec: ClusterSpec, seen: Observed, status: ClusterStatus) -> dict[str, str]:
    """Name the nodes that lost a daemon, or are not there at all any more, each with what happened."""
    lost = {
        node.name: f"{node.name} ({node.instance_id}) disappeared: nothing of it is left"
        for node in spec.nodes
        if node.name not in seen.nodes and status.node(node.name).state is not InstanceState.AWAITING_FULFILLMENT
    }
    for node in spec.nodes:
        if dead := _dead_daemons(seen.nodes.get(node.name)):
            names = " and ".join(name for name, _ in dead)
            lost[node.name] = f"{names} of {node.name} ({node.instance_id}) {_how(dead[0][1])}"
    return lost


#: A code, a message and the details.
End = tuple[str, str, tuple[ErrorDetail, ...]]


def first_failure(spec: ClusterSpec, seen: Observed, status: ClusterStatus) -> End | None:
    """Return what ends the cluster with errors, if anything does."""
    if seen.rebooted:
        return "INSTANCE_FAILURE", "All instances in the job flow are terminated: the machine was restarted", ()
    for node in spec.nodes:
        at = seen.nodes.get(node.name)
        for number, action in enumerate(at.bootstrap if at else (), start=1):
            if not action.running and action.exit_code != 0:
                kind = "master" if node.role is Role.MASTER else "core" if node.role is Role.CORE else "task"
                how = "returned a non-zero return code" if action.exit_code is not None else "disappeared"
                where = f"On the {kind} instance ({node.instance_id})"
                errors = error_details.of_bootstrap(node, number, spec.bootstrap_actions[number - 1], action)
                return "BOOTSTRAP_FAILURE", f"{where}, bootstrap action {number} {how}", errors
    lost = lost_nodes(spec, seen, status)
    if spec.master.name in lost:
        return "INSTANCE_FAILURE", "The master node was terminated", ()
    core = [node.name for node in spec.nodes if node.role is Role.CORE]
    if core and all(name in lost for name in core):
        return "INSTANCE_FAILURE", "All instances in the job flow are terminated", ()
    if lost and status.ready is None:
        return "INSTANCE_FAILURE", next(iter(lost.values())), ()
    return None


def _dead_daemons(at: NodeSeen | None) -> list[tuple[str, ProcessSeen]]:
    return [] if at is None else [(name, daemon) for name, daemon in at.daemons.items() if not daemon.running]


def _how(at: ProcessSeen) -> str:
    how = "disappeared" if at.exit_code is None else f"ended with exit code {at.exit_code}"
    return f"{how}: {at.failure.message}" if at.failure else how
