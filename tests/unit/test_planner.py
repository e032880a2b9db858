"""Histories of clusters: what is asked, what happens, and what EMR's rules make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from simulation import Simulation, nodes, spec, step

from emrlite.cluster.model import CancelOption, ClusterStatus, NodeStatus, StepStatus
from emrlite.cluster.planner import (
    CancelStep,
    Plan,
    Provision,
    RunBootstrap,
    RunStep,
    ShipLogs,
    StartDaemons,
    StartSpare,
    StopNodes,
    plan,
)
from emrlite.cluster.states import ClusterState, InstanceState, StepState
from emrlite.node.driver import NodeSeen, Observed, ProcessSeen, SpareKind

UP = ["BOOTSTRAPPING", "RUNNING"]
IDLE = ["BOOTSTRAPPING", "WAITING"]
DOWN = ["TERMINATING", "TERMINATED"]
BROKEN = ["TERMINATING", "TERMINATED_WITH_ERRORS"]

READY = ("WAITING", None, "Cluster ready to run steps.")
READY_AGAIN = ("WAITING", None, "Cluster ready after last step completed.")
BUSY = ("RUNNING", None, "Running step")
COMPLETED = ("TERMINATED", "ALL_STEPS_COMPLETED", "Steps completed")
WITH_ERRORS = ("TERMINATED", "ALL_STEPS_COMPLETED", "Steps completed with errors")
BY_USER = ("TERMINATED", "USER_REQUEST", "Terminated by user request")
STEP_FAILED = ("TERMINATED_WITH_ERRORS", "STEP_FAILURE", "Shut down as step failed")


@dataclass(frozen=True)
class History:
    """What is asked of a cluster, how its steps end, and what comes of it."""

    steps: tuple[tuple[str, str], ...] = ()
    asked: dict[str, Any] = field(default_factory=dict)
    fake: dict[str, Any] = field(default_factory=dict)
    then: Callable[[Simulation], None] = lambda sim: None  #: once the cluster has settled
    states: list[str] = field(default_factory=list)
    ends: str = ""  #: the states of the steps
    end: tuple[str, str | None, str] = READY


def steps(*names: str, action: str = "CONTINUE") -> tuple[tuple[str, str], ...]:
    return tuple((name, action) for name in names)


def terminate(sim: Simulation) -> None:
    sim.ask(terminate=True)


def cancel(*names: str, how: CancelOption = CancelOption.SEND_INTERRUPT) -> Callable[[Simulation], None]:
    return lambda sim: sim.ask(cancels={**sim.spec.cancels, **{f"s-{name.upper()}": how for name in names}})


def add(*names: str) -> Callable[[Simulation], None]:
    return lambda sim: sim.add(*(step(name) for name in names))


HISTORIES = {
    "a cluster without steps waits": History(states=IDLE),
    "a cluster waits after its steps": History(
        steps=steps("a", "b"), states=[*UP, "WAITING"], ends="COMPLETED COMPLETED", end=READY_AGAIN),
    "a transient cluster ends after its steps": History(
        steps=steps("a", "b"), asked={"keep_alive": False}, states=[*UP, *DOWN], ends="COMPLETED COMPLETED",
        end=COMPLETED),
    "a transient cluster without steps ends at once": History(
        asked={"keep_alive": False}, states=["BOOTSTRAPPING", *DOWN], end=COMPLETED),
    "a cluster of one node runs steps": History(
        steps=steps("a"), asked={"core": 0, "keep_alive": False}, states=[*UP, *DOWN], ends="COMPLETED", end=COMPLETED),
    "a waiting cluster takes a step": History(
        then=add("a"), states=[*IDLE, "RUNNING", "WAITING"], ends="COMPLETED", end=READY_AGAIN),
    "keep-alive that is taken away ends an idle cluster": History(
        then=lambda sim: sim.ask(keep_alive=False), states=[*IDLE, *DOWN], end=COMPLETED),
    "a user ends an idle cluster": History(then=terminate, states=[*IDLE, *DOWN], end=BY_USER),

    # ActionOnFailure, one step at a time
    "CONTINUE goes on": History(
        steps=steps("a", "b"), fake={"exits": {"a": 1}}, states=[*UP, "WAITING"], ends="FAILED COMPLETED",
        end=READY_AGAIN),
    "CONTINUE ends a transient cluster without errors of its own": History(
        steps=steps("a", "b"), asked={"keep_alive": False}, fake={"exits": {"a": 1}}, states=[*UP, *DOWN],
        ends="FAILED COMPLETED", end=WITH_ERRORS),
    "CANCEL_AND_WAIT cancels what is pending": History(
        steps=(("a", "CANCEL_AND_WAIT"), *steps("b", "c")), fake={"exits": {"a": 3}}, states=[*UP, "WAITING"],
        ends="FAILED CANCELLED CANCELLED", end=READY_AGAIN),
    "CANCEL_AND_WAIT lets a transient cluster end": History(
        steps=(("a", "CANCEL_AND_WAIT"), ("b", "CONTINUE")), asked={"keep_alive": False}, fake={"exits": {"a": 3}},
        states=[*UP, *DOWN], ends="FAILED CANCELLED", end=WITH_ERRORS),
    "TERMINATE_CLUSTER ends the cluster": History(
        steps=(("a", "CONTINUE"), ("b", "TERMINATE_CLUSTER"), ("c", "CONTINUE")), fake={"exits": {"b": 1}},
        states=[*UP, *BROKEN], ends="COMPLETED FAILED CANCELLED", end=STEP_FAILED),
    "TERMINATE_JOB_FLOW is the same": History(
        steps=steps("a", "b", action="TERMINATE_JOB_FLOW"), fake={"exits": {"a": 1}}, states=[*UP, *BROKEN],
        ends="FAILED CANCELLED", end=STEP_FAILED),
    "TERMINATE_CLUSTER spares a protected cluster that stays": History(
        steps=steps("a", "b", action="TERMINATE_CLUSTER"), asked={"termination_protected": True},
        fake={"exits": {"a": 1}}, states=[*UP, "WAITING"], ends="FAILED CANCELLED", end=READY_AGAIN),
    "TERMINATE_CLUSTER ends a protected cluster that ends by itself": History(
        steps=steps("a", "b", action="TERMINATE_CLUSTER"), asked={"termination_protected": True, "keep_alive": False},
        fake={"exits": {"a": 1}}, states=[*UP, *BROKEN], ends="FAILED CANCELLED", end=STEP_FAILED),
    "protection does not hinder a cluster that ends by itself": History(
        steps=steps("a"), asked={"termination_protected": True, "keep_alive": False}, states=[*UP, *DOWN],
        ends="COMPLETED", end=COMPLETED),
    "a signal is a failure": History(
        steps=steps("a"), fake={"exits": {"a": -9}}, states=[*UP, "WAITING"], ends="FAILED", end=READY_AGAIN),

    # Side by side, failures do not act
    **{
        f"{action} does not act side by side": History(
            steps=(("a", action), *steps("b", "c")), asked={"step_concurrency": 2}, fake={"exits": {"a": 1}},
            states=[*UP, "WAITING"], ends="FAILED COMPLETED COMPLETED", end=READY_AGAIN)
        for action in ("CANCEL_AND_WAIT", "TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW")
    },
    "no more steps run than may": History(
        steps=steps("a", "b", "c"), asked={"step_concurrency": 2}, fake={"hang": frozenset("abc")}, states=UP,
        ends="RUNNING RUNNING PENDING", end=BUSY),

    # Cancels
    "a running step is cancelled, the next one runs": History(
        steps=steps("a", "b", action="TERMINATE_CLUSTER"), fake={"hang": frozenset("a")}, then=cancel("a"),
        states=[*UP, "WAITING"], ends="CANCELLED COMPLETED", end=READY_AGAIN),
    "a pending step is cancelled": History(
        steps=steps("a", "b", "c"), fake={"hang": frozenset("a")}, then=cancel("b", "c"), states=UP,
        ends="RUNNING CANCELLED CANCELLED", end=BUSY),
    "all steps of a transient cluster are cancelled": History(
        steps=steps("a", "b"), asked={"keep_alive": False}, fake={"hang": frozenset("a")}, then=cancel("a", "b"),
        states=[*UP, *DOWN], ends="CANCELLED CANCELLED", end=COMPLETED),
    "a cancel of a step that has ended changes nothing": History(
        steps=steps("a"), then=cancel("a"), states=[*UP, "WAITING"], ends="COMPLETED", end=READY_AGAIN),

    # Ends by a user
    "what runs is interrupted and what is pending cancelled": History(
        steps=steps("a", "b"), fake={"hang": frozenset("a")}, then=terminate, states=[*UP, *DOWN],
        ends="INTERRUPTED CANCELLED", end=BY_USER),
    "a failing step does not make a user's end one with errors": History(
        steps=steps("a", action="TERMINATE_CLUSTER"), fake={"exits": {"a": 1}, "hang": frozenset("a")}, then=terminate,
        states=[*UP, *DOWN], ends="INTERRUPTED", end=BY_USER),

    # Nodes that die
    "a lost task node is shown": History(
        asked={"task": 1}, then=lambda sim: sim.driver.kill_daemons("task-1"), states=IDLE),
    "one of two core nodes is lost": History(
        asked={"core": 2}, then=lambda sim: sim.driver.kill_daemons("core-1"), states=IDLE),
    "a lost master ends the cluster": History(
        then=lambda sim: sim.driver.kill_daemons("master"), states=[*IDLE, *BROKEN],
        end=("TERMINATED_WITH_ERRORS", "INSTANCE_FAILURE", "The master node was terminated")),
    "a lost Spark master is a lost master": History(
        steps=steps("a"), fake={"hang": frozenset("a")}, states=[*UP, *BROKEN], ends="CANCELLED",
        then=lambda sim: sim.driver.kill_daemons("master"),
        end=("TERMINATED_WITH_ERRORS", "INSTANCE_FAILURE", "The master node was terminated")),
    "all core nodes are lost": History(
        asked={"core": 2, "task": 1}, states=[*IDLE, *BROKEN],
        then=lambda sim: [sim.driver.kill_daemons(name) for name in ("core-1", "core-2")],
        end=("TERMINATED_WITH_ERRORS", "INSTANCE_FAILURE", "All instances in the job flow are terminated")),
    "a protected cluster ends with its master": History(
        asked={"termination_protected": True}, states=[*IDLE, *BROKEN],
        then=lambda sim: sim.driver.kill_daemons("master"),
        end=("TERMINATED_WITH_ERRORS", "INSTANCE_FAILURE", "The master node was terminated")),

    # Bootstrap actions
    "bootstrap actions run before the daemons": History(asked={"bootstraps": 2, "task": 1}, states=IDLE),
    **{
        f"a bootstrap action that fails on the {role} node ends the cluster": History(
            steps=steps("a"), asked={"bootstraps": 2, "task": 1}, fake={"bootstrap_exits": {name: 1}},
            states=["BOOTSTRAPPING", *BROKEN], ends="CANCELLED",
            end=("TERMINATED_WITH_ERRORS", "BOOTSTRAP_FAILURE",
                 f"On the {role} instance (i-{number:017d}), bootstrap action 1 returned a non-zero return code"))
        for number, (role, name) in enumerate([("master", "master"), ("core", "core-1"), ("task", "task-1")], start=1)
    },
    "a task node without Spark waits for its bootstrap action": History(
        asked={"bootstraps": 1, "task": 1, "applications": ("Hadoop",)}, fake={"bootstrap_exits": {"task-1": 2}},
        states=["BOOTSTRAPPING", *BROKEN],
        end=("TERMINATED_WITH_ERRORS", "BOOTSTRAP_FAILURE",
             "On the task instance (i-00000000000000003), bootstrap action 1 returned a non-zero return code")),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_history(name: str, tmp_path: Path) -> None:
    told = HISTORIES[name]
    sim = Simulation(tmp_path, spec(*(step(*each) for each in told.steps), **told.asked), **told.fake).settle()
    told.then(sim)
    sim.settle()
    assert sim.history() == told.states
    assert sim.steps() == told.ends
    assert sim.end() == told.end
    ended = told.end[0].startswith("TERMINATED")
    assert (sim.status.ended is not None) is ended
    assert sim.driver.released is ended
    if ended:
        assert {str(sim.status.node(node.name).state) for node in sim.spec.nodes} == {"TERMINATED"}


@pytest.mark.parametrize("state", ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"])
def test_a_cluster_can_be_ended_in_every_state(state: str, tmp_path: Path) -> None:
    some = [step("a")] if state == "RUNNING" else []
    sim = Simulation(tmp_path, spec(*some, bootstraps=1), hang=frozenset("a"))
    sim.until(lambda: sim.status.state == state)
    sim.ask(terminate=True)
    sim.settle()
    assert sim.end() == BY_USER
    assert all(seen.stopped for seen in sim.driver.nodes.values())


def test_steps_that_are_added_while_a_cluster_comes_up_run_in_their_order(tmp_path: Path) -> None:
    sim = Simulation(tmp_path, spec(step("a"), keep_alive=False))
    sim.until(lambda: sim.status.state == "BOOTSTRAPPING")
    sim.add(step("b"), step("c"))
    sim.settle()
    assert [what for what in sim.driver.calls if what[0] == "run_step"] == [
        ("run_step", "s-A"), ("run_step", "s-B"), ("run_step", "s-C")]
    assert sim.end() == COMPLETED


def test_a_step_that_is_added_while_a_transient_cluster_decides_to_end_runs_first(tmp_path: Path) -> None:
    sim = Simulation(tmp_path, spec(step("a"), keep_alive=False))
    sim.until(lambda: sim.status.step("s-A").state is StepState.RUNNING or "s-A" in sim.driver.steps)
    look = sim.driver.observe

    def look_and_be_late(asked: Any) -> Observed:
        seen = look(asked)
        if not any(known.name == "b" for known in sim.spec.steps):
            sim.add(step("b"))  # after the loop has looked, and before it writes down that the cluster ends
        return seen

    sim.driver.observe = look_and_be_late  # type: ignore[method-assign]
    sim.settle()
    assert sim.steps() == "COMPLETED COMPLETED"
    assert sim.end() == COMPLETED


def test_an_end_that_is_asked_for_in_the_middle_of_a_pass_is_not_lost(tmp_path: Path) -> None:
    sim = Simulation(tmp_path, spec())
    look = sim.driver.observe
    sim.driver.observe = lambda asked: (look(asked), sim.ask(terminate=True))[0]  # type: ignore[method-assign]
    sim.settle()
    assert sim.end() == BY_USER


def test_lowering_the_level_lets_running_steps_go_on(tmp_path: Path) -> None:
    sim = Simulation(
        tmp_path, spec(step("a"), step("b"), step("c"), step_concurrency=2), hang=frozenset("abc")).settle()
    sim.ask(step_concurrency=1)
    sim.settle()
    assert sim.steps() == "RUNNING RUNNING PENDING"
    cancel("a")(sim)
    sim.settle()
    assert sim.steps() == "CANCELLED RUNNING PENDING"
    cancel("b")(sim)
    sim.settle()
    assert sim.steps() == "CANCELLED CANCELLED RUNNING"


def test_a_failure_at_level_one_with_others_still_running(tmp_path: Path) -> None:
    """CANCEL_AND_WAIT does not act then, TERMINATE_CLUSTER does (emr-concurrent-steps)."""
    ends = {"CANCEL_AND_WAIT": "FAILED RUNNING PENDING", "TERMINATE_CLUSTER": "FAILED CANCELLED CANCELLED"}
    for action, end in ends.items():
        asked = spec(step("a", action), step("b"), step("c"), step_concurrency=2)
        sim = Simulation(tmp_path, asked, hang=frozenset("ab"))
        sim.settle()
        sim.ask(step_concurrency=1)
        sim.settle()
        at = sim.driver.steps["s-A"]
        sim.driver.steps["s-A"] = replace(at, ended=at.started + 1, exit_code=1)
        sim.settle()
        assert sim.steps() == end


def test_a_cancel_says_so_before_the_step_has_ended(tmp_path: Path) -> None:
    sim = Simulation(tmp_path, spec(step("a")), hang=frozenset("a")).settle()
    sim.driver.cancel_step = lambda *_: None  # type: ignore[method-assign]  # it does not listen
    cancel("a")(sim)
    sim.reconciler.tick()
    assert sim.steps() == "CANCEL_PENDING"
    at = sim.driver.steps["s-A"]
    sim.driver.steps["s-A"] = replace(at, ended=at.started + 1, exit_code=0)  # it was done before the signal came
    sim.settle()
    assert sim.steps() == "COMPLETED"


def test_without_spark_no_daemon_of_spark_starts(tmp_path: Path) -> None:
    sim = Simulation(tmp_path, spec(task=1, applications=("Hadoop",))).settle()
    assert sim.end() == READY
    assert {name: set(seen.daemons) for name, seen in sim.driver.nodes.items()} == {
        "master": {"namenode"}, "core-1": {"datanode"}, "task-1": set()}


def test_a_cluster_of_one_node_has_every_daemon_on_its_master(tmp_path: Path) -> None:
    sim = Simulation(tmp_path, spec(core=0)).settle()
    assert set(sim.driver.nodes["master"].daemons) == {"namenode", "datanode", "spark-master", "spark-worker"}


def test_a_lost_node_is_stopped_and_its_instance_says_why(tmp_path: Path) -> None:
    sim = Simulation(tmp_path, spec(core=2)).settle()
    sim.driver.kill_daemons("core-2")
    sim.settle()
    node = sim.status.node("core-2")
    assert (node.state, node.reason_code) == (InstanceState.TERMINATED, "INSTANCE_FAILURE")
    assert node.reason == "datanode and spark-worker of core-2 (i-00000000000000003) ended with exit code -9"
    assert sim.driver.nodes["core-2"].stopped
    assert not sim.driver.nodes["core-1"].stopped
    assert sim.status.node("core-1").state is InstanceState.RUNNING


def test_a_daemon_that_dies_while_the_cluster_comes_up_ends_it(tmp_path: Path) -> None:
    sim = Simulation(tmp_path, spec(task=1))
    sim.until(lambda: "task-1" in sim.driver.nodes and "spark-worker" in sim.driver.nodes["task-1"].daemons)
    sim.driver.kill_daemons("task-1")
    sim.settle()
    assert sim.end() == ("TERMINATED_WITH_ERRORS", "INSTANCE_FAILURE",
                         "spark-worker of task-1 (i-00000000000000003) ended with exit code -9")


def test_a_finished_cluster_is_held_in_terminating(tmp_path: Path) -> None:
    sim = Simulation(tmp_path, spec(keep_alive=False), hold=3600.0).settle()
    assert sim.status.state is ClusterState.TERMINATING
    assert sim.driver.released


# Single plans: what only a crash or a restart of the machine makes


def running(**changes: Any) -> tuple[Any, ClusterStatus, Observed]:
    """A cluster of two nodes whose step runs."""
    asked = spec(step("a", "TERMINATE_CLUSTER"), step("b"))
    at = {
        "master": NodeSeen(address="127.0.0.1", daemons=dict.fromkeys(
            ("namenode", "spark-master"), ProcessSeen(started=1, ready=True))),
        "core-1": NodeSeen(address="127.0.0.2", daemons=dict.fromkeys(
            ("datanode", "spark-worker"), ProcessSeen(started=1, ready=True))),
    }
    seen = Observed(now=9.0, nodes=at, steps={"s-A": ProcessSeen(started=2)})
    status = ClusterStatus(
        state=ClusterState.RUNNING, reason="Running step", ready=1.0,
        nodes={node.name: NodeStatus(state=InstanceState.RUNNING) for node in nodes()},
        steps={"s-A": StepStatus(state=StepState.RUNNING, started=2)})
    return asked, status, replace(seen, **changes)


def test_what_is_as_it_shall_be_needs_no_plan() -> None:
    planned = plan(*running())
    assert (planned.actions, planned.events) == ((), ())


def test_a_final_state_plans_nothing() -> None:
    asked, status, seen = running(nodes={}, steps={})
    for state in (ClusterState.TERMINATED, ClusterState.TERMINATED_WITH_ERRORS):
        ended = replace(status, state=state)
        assert plan(replace(asked, terminate=True), ended, seen).actions == ()
        assert plan(replace(asked, terminate=True), ended, seen).status == ended


def test_a_new_cluster_asks_for_all_nodes_at_once() -> None:
    asked = spec(core=2)
    assert plan(asked, ClusterStatus(), Observed(now=1.0)).actions == tuple(Provision(node) for node in asked.nodes)


def test_the_daemons_of_all_nodes_start_at_once_but_a_node_with_bootstrap_actions_does_those_first() -> None:
    asked = spec(bootstraps=1)
    master, core = asked.nodes
    done = ProcessSeen(started=1, ended=2, exit_code=0)
    seen = {"master": NodeSeen(address="a", bootstrap=(done,)), "core-1": NodeSeen(address="b")}
    first = plan(asked, ClusterStatus(), Observed(now=1.0, nodes=seen))
    assert first.actions == (StartDaemons(master), RunBootstrap(core, 1))
    seen["core-1"] = NodeSeen(address="b", bootstrap=(done,))
    then = plan(asked, first.status, Observed(now=2.0, nodes=seen))
    assert then.actions == (StartDaemons(master), StartDaemons(core))



def test_an_unknown_exit_code_is_a_failure_that_acts() -> None:
    planned = plan(*running(steps={"s-A": ProcessSeen(started=2, ended=8)}))
    at = planned.status.step("s-A")
    assert (at.state, at.exit_code) == (StepState.FAILED, None)
    assert at.failure is not None
    assert "exit code is unknown" in at.failure.message
    assert planned.status.step("s-B").state is StepState.CANCELLED
    assert planned.status.state is ClusterState.TERMINATING


def test_a_step_whose_record_is_gone_has_failed_and_is_not_awaited() -> None:
    planned = plan(*running(steps={}))
    assert planned.status.step("s-A").state is StepState.FAILED
    assert planned.status.reason_code == "STEP_FAILURE"


def test_a_failure_its_cancels_and_the_end_are_one_transition() -> None:
    planned = plan(*running(steps={"s-A": ProcessSeen(started=2, ended=8, exit_code=1)}))
    told = [(event.subject, event.state) for event in planned.events]
    assert told == [("s-A", "FAILED"), ("s-B", "CANCELLED"), ("cluster", "TERMINATING")]


def test_a_restarted_machine_is_said_to_be_one() -> None:
    planned = plan(*running(rebooted=True, steps={"s-A": ProcessSeen(started=2, ended=8)}))
    assert planned.status.reason_code == "INSTANCE_FAILURE"
    assert "the machine was restarted" in planned.status.reason
    assert planned.status.step("s-A").state is StepState.FAILED


def test_a_node_of_which_nothing_is_left_is_lost() -> None:
    asked, status, seen = running()
    planned = plan(asked, status, replace(seen, nodes={}))
    assert planned.status.reason_code == "INSTANCE_FAILURE"
    assert "nothing of it is left" in planned.status.node("core-1").reason


def test_while_ending_steps_go_before_nodes_and_nodes_before_logs() -> None:
    asked, status, seen = running()
    asked = replace(asked, terminate=True)
    first = plan(asked, status, seen)
    assert first.actions == (CancelStep("s-A", CancelOption.SEND_INTERRUPT),)
    seen = replace(seen, steps={"s-A": ProcessSeen(started=2, ended=10, exit_code=-15, stopped=True)})
    second = plan(asked, first.status, seen)
    assert second.actions == (StopNodes(asked.nodes),)
    seen = replace(seen, nodes={name: replace(at, stopped=True) for name, at in seen.nodes.items()})
    assert plan(asked, second.status, seen).actions == (ShipLogs(),)


def test_a_step_whose_start_was_not_written_down_is_not_started_twice() -> None:
    """The loop died between starting a step and saving that it runs."""
    asked, status, seen = running()
    planned = plan(asked, replace(status, steps={}), seen)
    assert not [action for action in planned.actions if isinstance(action, RunStep)]
    assert planned.status.step("s-A").state is StepState.RUNNING


NO_SPARE: frozenset[SpareKind] = frozenset()


def ahead(planned: Plan) -> set[tuple[str, str | None]]:
    """The JVMs that are started ahead, and for which step."""
    return {(action.kind, action.step and action.step.id)
            for action in planned.actions if isinstance(action, StartSpare)}


@pytest.mark.parametrize(("args", "keep", "starts"), [
    (("spark-submit", "s3://b/a.py"), False, {("driver", "s-A")}), (("bash", "-c", "true"), False, set()),
    (None, True, set())])
def test_a_driver_is_started_ahead_while_the_cluster_comes_up_for_a_step_of_spark(
    args: tuple[str, ...] | None, keep: bool, starts: set[tuple[str, str | None]]
) -> None:
    asked = spec(*([step("a", args=args)] if args else []), keep_alive=keep)
    coming = ProcessSeen(started=1)
    seen = Observed(now=2.0, spares=NO_SPARE, nodes={
        "master": NodeSeen(address="a", daemons={"namenode": coming, "spark-master": coming}),
        "core-1": NodeSeen(address="b", daemons={"datanode": coming, "spark-worker": coming})})
    assert ahead(plan(asked, ClusterStatus(), seen)) == starts
    assert not ahead(plan(asked, ClusterStatus(), replace(seen, spares=frozenset({"driver"}))))


@pytest.mark.parametrize(("args", "spares", "starts"), [
    (("spark-submit", "s3://b/a.py"), NO_SPARE, {("executor", "s-A")}),
    (("spark-submit", "s3://b/a.py"), frozenset({"executor"}), set()),
    (("bash", "-c", "true"), NO_SPARE, set())])
def test_a_step_of_spark_begins_with_the_jvm_of_its_executor_beside_it(
    args: tuple[str, ...], spares: frozenset[SpareKind], starts: set[tuple[str, str | None]]
) -> None:
    asked = spec(step("a", args=args), step("b", args=args))
    status, seen = running()[1:]
    begins = plan(asked, replace(status, steps={}), replace(seen, spares=spares, steps={}))
    assert [action.step.id for action in begins.actions if isinstance(action, RunStep)] == ["s-A"]
    assert ahead(begins) == starts


def test_jvms_are_started_ahead_for_any_step_while_a_cluster_waits_but_never_while_one_runs() -> None:
    asked, status, seen = running()
    assert not ahead(plan(asked, status, replace(seen, spares=NO_SPARE)))
    ended = ProcessSeen(started=1, ended=2, exit_code=0)
    done = replace(seen, spares=NO_SPARE, steps={step.id: ended for step in asked.steps})
    waiting = replace(asked, keep_alive=True)
    assert ahead(plan(waiting, status, done)) == {("driver", None), ("executor", None)}
    assert ahead(plan(waiting, status, replace(done, spares=frozenset({"driver"})))) == {("executor", None)}
    without = replace(waiting, applications=("Hadoop",))
    nodes = {name: replace(at, daemons={key: it for key, it in at.daemons.items() if not key.startswith("spark")})
             for name, at in seen.nodes.items()}
    assert not ahead(plan(without, status, replace(done, nodes=nodes)))
