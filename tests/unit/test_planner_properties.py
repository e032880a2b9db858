"""Whatever is asked of a cluster, whatever happens to it: what always holds."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulation import spec, step

from emrlite.cluster.model import ActionOnFailure, CancelOption, ClusterSpec, ClusterStatus, Event
from emrlite.cluster.planner import plan
from emrlite.cluster.reconciler import Reconciler
from emrlite.cluster.states import ClusterState, InstanceState, StepState, check_transition, is_final
from emrlite.cluster.store import Record, Store
from emrlite.node.driver import FakeDriver

ACTIVE = (StepState.RUNNING, StepState.CANCEL_PENDING)

#: How a step ends: by an exit code, not by itself, or so that nobody knows how.
ENDS = st.sampled_from([0, 0, 1, 3, -9, "hangs", "vanishes"])
STEPS = st.lists(st.tuples(st.sampled_from(list(ActionOnFailure)), ENDS), max_size=4)
SPECS = st.fixed_dictionaries({
    "core": st.integers(0, 2), "bootstraps": st.integers(0, 2), "keep_alive": st.booleans(),
    "termination_protected": st.booleans(), "step_concurrency": st.integers(1, 3),
    "applications": st.sampled_from([(), ("Spark",), ("Hadoop", "Spark")]),
})
EDITS = st.lists(st.one_of(
    st.tuples(st.just("tick"), st.integers(1, 6)),
    st.tuples(st.just("add"), st.tuples(st.sampled_from(list(ActionOnFailure)), ENDS)),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("kill"), st.sampled_from(["master", "core-1", "core-2", "task-1"])),
    st.tuples(st.just("level"), st.integers(1, 3)),
    st.tuples(st.just("keep"), st.booleans()),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("finish"), st.integers(0, 5)),
), max_size=12)


class MemoryStore(Store):
    """A store of one cluster without a file, which looks at all that is written."""

    def __init__(self, asked: ClusterSpec) -> None:
        self.at = Record(spec=asked, generation=1, status=ClusterStatus())
        self.story: list[Event] = []

    def record(self, cluster_id: str) -> Record:
        return self.at

    def ask(self, **changes: object) -> None:
        self.at = Record(
            spec=replace(self.at.spec, **changes), generation=self.at.generation + 1, status=self.at.status)

    def save_status(self, cluster_id, status, *, generation, final, events=()) -> bool:
        if generation != self.at.generation:
            return False
        check(self.at, status, list(events))
        assert final is is_final(status.state)
        self.at = replace(self.at, status=status)
        self.story += events
        return True

    def add_events(self, cluster_id, events) -> None:
        raise AssertionError(f"a pass failed: {list(events)}")


def check(record: Record, new: ClusterStatus, events: list[Event]) -> None:
    """What holds for every status that is written."""
    asked, old = record.spec, record.status
    told: dict[str, list[str]] = {}
    for event in events:
        told.setdefault(event.subject, []).append(event.state)

    def moved(subject, before, after, kind) -> None:
        path = [kind(state) for state in told.get(subject, [])]
        for state in path:
            if state is not before:
                check_transition(subject, before, state)
            before = state
        assert before is after, f"{subject} came to {after} without an event"

    moved("cluster", old.state, new.state, ClusterState)
    for each in asked.steps:
        moved(each.id, old.step(each.id).state, new.step(each.id).state, StepState)
        if new.step(each.id).state is StepState.COMPLETED:
            assert new.step(each.id).exit_code == 0
        if new.step(each.id).exit_code == 0:
            assert new.step(each.id).state is not StepState.FAILED
    for node in asked.nodes:
        moved(node.name, old.node(node.name).state, new.node(node.name).state, InstanceState)

    states = [new.step(each.id).state for each in asked.steps]
    if is_final(new.state):
        assert all(is_final(state) for state in states), "a final cluster has steps that are not"
        assert new.ended is not None
        errors = (new.reason_code or "").endswith(("_FAILURE", "_ERROR"))
        assert (new.state is ClusterState.TERMINATED_WITH_ERRORS) is errors
    if new.state in (ClusterState.STARTING, ClusterState.BOOTSTRAPPING):
        assert not set(states) - {StepState.PENDING, StepState.CANCELLED}
    if new.state is ClusterState.WAITING:
        assert all(is_final(state) for state in states), "it waits, and there is work"


class Driver(FakeDriver):
    """Looks at how steps are started, and lets some vanish without an exit code."""

    def __init__(self, store: MemoryStore, ends: dict[str, object], bootstrap_exits: dict[str, int]) -> None:
        super().__init__(bootstrap_exits=bootstrap_exits)
        self.store, self.ends = store, ends

    def run_step(self, asked, each) -> None:
        if each.id in self.steps:
            return
        how = self.ends[each.id]
        self.exits = {each.id: 0 if isinstance(how, str) else how}
        self.hang = frozenset([each.id] if how == "hangs" else [])
        super().run_step(asked, each)
        if how == "vanishes":
            self.steps[each.id] = replace(self.steps[each.id], exit_code=None)
        before = [other.id for other in asked.steps[: [at.id for at in asked.steps].index(each.id)]]
        status = self.store.at.status
        waiting = [at for at in before if at not in self.steps and status.step(at).state is StepState.PENDING]
        assert waiting == [], f"{each.id} overtook {waiting}"
        # Those that have ended since the loop looked are still counted by it.
        at_work = sum(status.step(other.id).state in ACTIVE for other in asked.steps if other.id != each.id)
        assert at_work < asked.step_concurrency, "more steps run than may"


def settle(reconciler: Reconciler) -> None:
    for _ in range(200):
        if not reconciler.tick():
            return
    raise AssertionError("never settled")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked=SPECS, steps=STEPS, edits=EDITS, broken=st.none() | st.sampled_from(["master", "core-1", "task-1"]))
def test_whatever_happens_the_rules_hold_and_the_cluster_ends_when_it_shall(asked, steps, edits, broken) -> None:
    ends: dict[str, object] = {}

    def new(action: ActionOnFailure, end: object):
        each = step(f"x{len(ends)}", str(action))
        ends[each.id] = end
        return each

    first = spec(*(new(*each) for each in steps), task=1 if asked["core"] else 0, **asked)
    store = MemoryStore(first)
    driver = Driver(store, ends, {broken: 1} if broken else {})
    reconciler = Reconciler(store, first.id, driver)
    for what, how in edits:
        ended = is_final(store.at.status.state)
        if what == "tick":
            for _ in range(how):
                reconciler.tick()
        elif what == "add" and not ended:
            store.ask(steps=(*store.at.spec.steps, new(*how)))
        elif what == "cancel" and how < len(store.at.spec.steps):
            cancels = {**store.at.spec.cancels, store.at.spec.steps[how].id: CancelOption.SEND_INTERRUPT}
            store.ask(cancels=cancels)
        elif what == "kill" and how in driver.nodes:
            driver.kill_daemons(how)
        elif what == "level":
            store.ask(step_concurrency=how)
        elif what == "keep":
            store.ask(keep_alive=how)
        elif what == "restart":  # another emulator takes over; it knows what was written down
            reconciler = Reconciler(store, first.id, driver)
        elif what == "finish" and how < len(store.at.spec.steps):
            at = driver.steps.get(store.at.spec.steps[how].id)
            if at and at.running:
                driver.steps[store.at.spec.steps[how].id] = replace(at, ended=at.started + 1, exit_code=how % 2)
    settle(reconciler)
    store.ask(terminate=True)
    settle(reconciler)
    assert is_final(store.at.status.state)
    assert driver.released
    assert all(node.stopped for node in driver.nodes.values())
    assert not any(at.running for at in driver.steps.values())
    nothing = plan(store.at.spec, store.at.status, driver.observe(store.at.spec))
    assert nothing.actions == ()


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(ENDS, min_size=1, max_size=5), cut=st.integers(1, 12))
def test_a_crash_between_writing_and_acting_changes_nothing_in_the_end(steps, cut) -> None:
    """Each pass writes first and acts second; a pass whose actions are lost is made up for."""
    def ends_of(crash: bool) -> list[str]:
        ends: dict[str, object] = {}
        asked = []
        for end in steps:
            each = step(f"x{len(ends)}")
            ends[each.id] = 0 if end == "hangs" else end
            asked.append(each)
        store = MemoryStore(spec(*asked, keep_alive=False))
        driver = Driver(store, ends, {})
        reconciler = Reconciler(store, store.at.spec.id, driver)
        for _ in range(cut):
            reconciler.tick()
        if crash:
            reconciler._carry_out = lambda *_: None  # type: ignore[method-assign]
            reconciler.tick()
            reconciler = Reconciler(store, store.at.spec.id, driver)
        settle(reconciler)
        return [str(store.at.status.state), *(str(store.at.status.step(each.id).state) for each in asked)]

    assert ends_of(crash=True) == ends_of(crash=False)
