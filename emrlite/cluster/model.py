"""What is asked (spec) and what is (status) of one cluster.

API handlers write the spec, the reconciler writes the status, nobody writes both.
Times are seconds since the epoch, as the EMR API sends them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from emrlite.cluster.states import ClusterState, InstanceState, StepState


class Role(StrEnum):
    """``InstanceRoleType`` of the EMR API."""

    MASTER = "MASTER"
    CORE = "CORE"
    TASK = "TASK"


class ActionOnFailure(StrEnum):
    """What a failed step does to its cluster (``TERMINATE_JOB_FLOW`` is the old synonym)."""

    TERMINATE_JOB_FLOW = "TERMINATE_JOB_FLOW"
    TERMINATE_CLUSTER = "TERMINATE_CLUSTER"
    CANCEL_AND_WAIT = "CANCEL_AND_WAIT"
    CONTINUE = "CONTINUE"


class CancelOption(StrEnum):
    """``StepCancellationOption`` of the EMR API: SIGTERM or SIGKILL."""

    SEND_INTERRUPT = "SEND_INTERRUPT"
    TERMINATE_PROCESS = "TERMINATE_PROCESS"


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One classification; ``*-env`` ones hold an ``export`` inside."""

    classification: str
    properties: Mapping[str, str] = field(default_factory=dict)
    configurations: tuple[Configuration, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InstanceGroup:
    """A uniform instance group as asked for."""

    id: str
    role: Role
    instance_type: str
    count: int
    name: str = ""
    market: str = "ON_DEMAND"
    bid_price: str | None = None
    configurations: tuple[Configuration, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NodeSpec:
    """One node.  ``index`` is 1 for the master and gives the last part of its address."""

    id: str  #: ``ci-…``
    instance_id: str  #: ``i-…``, what logs are filed under
    group_id: str
    role: Role
    instance_type: str
    index: int
    name: str  #: ``master``, ``core-1``, ``task-1``: the node's directory, and what people type


@dataclass(frozen=True, kw_only=True)
class BootstrapAction:
    """A script that runs on every node before its daemons."""

    name: str
    path: str
    args: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StepSpec:
    """A ``HadoopJarStep`` with its name, and when it was added."""

    id: str
    name: str
    jar: str
    args: tuple[str, ...] = ()
    main_class: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    action_on_failure: ActionOnFailure = ActionOnFailure.TERMINATE_CLUSTER
    execution_role_arn: str | None = None
    created: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ClusterSpec:
    """What the user asked for.  Only API handlers write it."""

    id: str
    account: str
    region: str
    name: str
    release_label: str
    created: float
    groups: tuple[InstanceGroup, ...]
    nodes: tuple[NodeSpec, ...]
    applications: tuple[str, ...] = ()
    steps: tuple[StepSpec, ...] = ()
    cancels: Mapping[str, CancelOption] = field(default_factory=dict)  #: step id -> how
    bootstrap_actions: tuple[BootstrapAction, ...] = ()
    configurations: tuple[Configuration, ...] = ()
    keep_alive: bool = False
    termination_protected: bool = False
    step_concurrency: int = 1
    log_uri: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    terminate: bool = False
    #: Members of RunJobFlow that are only handed back (ServiceRole, Ec2InstanceAttributes, …),
    #: under the names that DescribeCluster gives them.
    echo: Mapping[str, Any] = field(default_factory=dict)

    @property
    def master(self) -> NodeSpec:
        return next(node for node in self.nodes if node.role is Role.MASTER)

    def step(self, step_id: str) -> StepSpec:
        """Return the step with *step_id*, or raise ``KeyError``."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """``FailureDetails`` of a step."""

    reason: str
    message: str
    log_file: str


@dataclass(frozen=True, kw_only=True)
class StepStatus:
    """How far a step is."""

    state: StepState = StepState.PENDING
    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    failure: Failure | None = None


@dataclass(frozen=True, kw_only=True)
class NodeStatus:
    """How far a node is.  ``address`` is where its daemons listen, once it is provisioned."""

    state: InstanceState = InstanceState.AWAITING_FULFILLMENT
    address: str | None = None
    reason_code: str | None = None
    reason: str = ""
    created: float | None = None
    ready: float | None = None
    ended: float | None = None


@dataclass(frozen=True, kw_only=True)
class ErrorDetail:
    """One of ``ErrorDetails``: what ended a cluster, for programs to read (emr-troubleshoot-error-errordetail)."""

    code: str
    message: str
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ClusterStatus:
    """How far a cluster is.  Only its reconciler writes it."""

    state: ClusterState = ClusterState.STARTING
    reason_code: str | None = None
    reason: str = ""
    errors: tuple[ErrorDetail, ...] = ()
    ready: float | None = None
    ending: float | None = None  #: when it began to terminate
    ended: float | None = None
    steps: Mapping[str, StepStatus] = field(default_factory=dict)
    nodes: Mapping[str, NodeStatus] = field(default_factory=dict)  #: by node name
    #: What really runs, e.g. ``{"Spark": "4.1.1", "Hadoop": "3.4.2"}``.
    versions: Mapping[str, str] = field(default_factory=dict)

    def step(self, step_id: str) -> StepStatus:
        return self.steps.get(step_id, StepStatus())

    def node(self, name: str) -> NodeStatus:
        return self.nodes.get(name, NodeStatus())


@dataclass(frozen=True, kw_only=True)
class AppUi:
    """A persistent application UI: the history of a cluster's applications, asked for by `CreatePersistentAppUI`."""

    id: str
    cluster: str
    created: float
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One change of state, with its reason."""

    time: float
    subject: str  #: a cluster, step or node: ``j-…``, ``s-…``, ``core-1``
    state: str
    reason: str = ""
