"""Clusters without processes: specs to ask for, and the real loop and store over the driver that starts nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from emrlite.cluster.model import BootstrapAction, ClusterSpec, ClusterStatus, InstanceGroup, NodeSpec, Role, StepSpec
from emrlite.cluster.reconciler import Reconciler
from emrlite.cluster.store import Store
from emrlite.node.driver import FakeDriver

ID = "j-1ABCDEFGHIJKL"
_numbers = itertools.count(1)


def step(
    name: str, action: str = "CONTINUE", *, args: tuple[str, ...] = (), jar: str = "command-runner.jar"
) -> StepSpec:
    return StepSpec(id=f"s-{name.upper()}", name=name, jar=jar, args=args, action_on_failure=action, created=1.0)


def nodes(core: int = 1, task: int = 0) -> tuple[NodeSpec, ...]:
    roles = [Role.MASTER, *[Role.CORE] * core, *[Role.TASK] * task]
    numbers: dict[Role, int] = {}
    found = []
    for index, role in enumerate(roles, start=1):
        numbers[role] = numbers.get(role, 0) + 1
        name = "master" if role is Role.MASTER else f"{role.lower()}-{numbers[role]}"
        found.append(NodeSpec(
            id=f"ci-{index}", instance_id=f"i-{index:017d}", group_id=f"ig-{role}", role=role, index=index, name=name,
            instance_type="m5.xlarge"))
    return tuple(found)


def spec(*steps: StepSpec, core: int = 1, task: int = 0, bootstraps: int = 0, **changes: Any) -> ClusterSpec:
    """A cluster that stays when its steps are done, unless told otherwise."""
    groups = tuple(
        InstanceGroup(id=f"ig-{role}", role=role, instance_type="m5.xlarge", count=count)
        for role, count in ((Role.MASTER, 1), (Role.CORE, core), (Role.TASK, task)) if count
    )
    actions = tuple(BootstrapAction(name=f"b{number}", path="/bin/true") for number in range(bootstraps))
    asked: dict[str, Any] = {
        "id": ID, "account": "123456789012", "region": "us-east-1", "name": "demo", "release_label": "emr-7.12.0",
        "created": 1700000000.0, "groups": groups, "nodes": nodes(core, task), "applications": ("Hadoop", "Spark"),
        "steps": steps, "bootstrap_actions": actions, "keep_alive": True, **changes,
    }
    return ClusterSpec(**asked)


class Simulation:
    """One cluster under its reconciler, one pass at a time."""

    def __init__(self, path: Path, asked: ClusterSpec, *, hold: float = 0.0, driver: FakeDriver | None = None,
                 **fake: Any) -> None:
        self.id = asked.id
        self.store = Store(path / f"{next(_numbers)}.db")
        self.store.create(asked, ClusterStatus())
        self.driver = driver or FakeDriver(**fake)
        self.reconciler = Reconciler(self.store, asked.id, self.driver, hold=hold)

    @property
    def spec(self) -> ClusterSpec:
        return self.store.record(self.id).spec

    @property
    def status(self) -> ClusterStatus:
        return self.store.record(self.id).status

    def ask(self, **changes: Any) -> None:
        """Change the spec, as a handler of the API does."""
        self.store.change_spec(self.id, lambda record: replace(record.spec, **changes))

    def add(self, *steps: StepSpec) -> None:
        self.store.change_spec(self.id, lambda record: replace(record.spec, steps=(*record.spec.steps, *steps)))

    def settle(self, limit: int = 60) -> Simulation:
        """Tick until nothing changes."""
        return self.until(lambda: False, limit, settled=True)

    def until(self, reached: Callable[[], bool], limit: int = 60, *, settled: bool = False) -> Simulation:
        """Tick until *reached*."""
        for _ in range(limit):
            if reached():
                return self
            if not self.reconciler.tick():
                assert settled, "it settled without getting there"
                return self
        raise AssertionError(f"never settled: {self.status}")

    def history(self, subject: str = "cluster") -> list[str]:
        """The states that *subject* went through, as its events tell."""
        states = [event.state for event in self.store.events(self.id) if event.subject == subject]
        return [state for state, before in zip(states, [None, *states], strict=False) if state != before]

    def steps(self) -> str:
        """The states of all steps in order, in one word each."""
        return " ".join(str(self.status.step(step.id).state) for step in self.spec.steps)

    def end(self) -> tuple[str, str | None, str]:
        return str(self.status.state), self.status.reason_code, self.status.reason
