"""The legal lives of a cluster, a step and an instance.  Pure data; nothing here does I/O."""

from __future__ import annotations

from enum import StrEnum

from emrlite.errors import EmrliteError


class ClusterState(StrEnum):
    """``ClusterState`` of the EMR API."""

    STARTING = "STARTING"
    BOOTSTRAPPING = "BOOTSTRAPPING"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    TERMINATED_WITH_ERRORS = "TERMINATED_WITH_ERRORS"


class StepState(StrEnum):
    """``StepState`` of the EMR API."""

    PENDING = "PENDING"
    CANCEL_PENDING = "CANCEL_PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"


class InstanceState(StrEnum):
    """``InstanceState`` of the EMR API."""

    AWAITING_FULFILLMENT = "AWAITING_FULFILLMENT"
    PROVISIONING = "PROVISIONING"
    BOOTSTRAPPING = "BOOTSTRAPPING"
    RUNNING = "RUNNING"
    TERMINATED = "TERMINATED"


C, S, N = ClusterState, StepState, InstanceState

# One table for each enum: members of two StrEnums that share a value are equal and hash
# alike (C.RUNNING == S.RUNNING), so one merged table would silently lose rows.
TRANSITIONS: dict[type[StrEnum], dict[StrEnum, set[StrEnum]]] = {
    ClusterState: {
        C.STARTING: {C.BOOTSTRAPPING, C.TERMINATING},
        C.BOOTSTRAPPING: {C.RUNNING, C.WAITING, C.TERMINATING},
        C.RUNNING: {C.WAITING, C.TERMINATING},
        C.WAITING: {C.RUNNING, C.TERMINATING},
        C.TERMINATING: {C.TERMINATED, C.TERMINATED_WITH_ERRORS},
        C.TERMINATED: set(),
        C.TERMINATED_WITH_ERRORS: set(),
    },
    StepState: {
        S.PENDING: {S.RUNNING, S.CANCELLED},
        S.RUNNING: {S.COMPLETED, S.FAILED, S.CANCELLED, S.CANCEL_PENDING, S.INTERRUPTED},
        # A step can end by itself in the moment in which its cancel is asked for.
        S.CANCEL_PENDING: {S.CANCELLED, S.COMPLETED, S.FAILED, S.INTERRUPTED},
        S.COMPLETED: set(),
        S.CANCELLED: set(),
        S.FAILED: set(),
        S.INTERRUPTED: set(),
    },
    InstanceState: {
        N.AWAITING_FULFILLMENT: {N.PROVISIONING, N.TERMINATED},
        N.PROVISIONING: {N.BOOTSTRAPPING, N.TERMINATED},
        N.BOOTSTRAPPING: {N.RUNNING, N.TERMINATED},
        N.RUNNING: {N.TERMINATED},
        N.TERMINATED: set(),
    },
}


class InvalidTransition(EmrliteError):
    """A bug in emrlite: nobody may ask for a transition that is not in the table."""

    def __init__(self, subject: str, old: StrEnum, new: StrEnum) -> None:
        super().__init__(f"{subject}: {old} -> {new} is not a legal transition")
        self.subject, self.old, self.new = subject, old, new


def check_transition(subject: str, old: StrEnum, new: StrEnum) -> None:
    """Raise `InvalidTransition` unless *old* -> *new* is in the table."""
    if new not in TRANSITIONS[type(old)][old]:
        raise InvalidTransition(subject, old, new)


def is_final(state: StrEnum) -> bool:
    """Tell whether nothing can follow *state*."""
    return not TRANSITIONS[type(state)][state]
