"""The operations on steps."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from emrlite.api.emr import describe, lookup, paging, step_configs
from emrlite.api.emr.waiting import Waiting
from emrlite.api.protocol import Call
from emrlite.cluster.model import CancelOption, ClusterSpec, StepSpec
from emrlite.cluster.states import is_final
from emrlite.cluster.store import Record
from emrlite.errors import InvalidRequestException, ValidationException

#: ListSteps shows as many of the newest steps.
LISTED = 1000


class StepOperations:
    """AddJobFlowSteps, DescribeStep, ListSteps, CancelSteps."""

    def __init__(self, clusters: lookup.Clusters, waiting: Waiting) -> None:
        self._clusters, self._waiting = clusters, waiting

    def add_job_flow_steps(
        self, call: Call, *, job_flow_id: str, steps: Sequence[Mapping[str, Any]], execution_role_arn: str | None = None
    ) -> Mapping[str, Any]:
        lookup.job_flow(self._clusters.store, call, job_flow_id)
        added: tuple[StepSpec, ...] = ()

        def change(record: Record) -> ClusterSpec:
            nonlocal added
            added = _to_add(record, steps, execution_role_arn)
            return replace(record.spec, steps=(*record.spec.steps, *added))

        self._clusters.store.change_spec(job_flow_id, change)
        self._clusters.poke(job_flow_id)
        return {"StepIds": [step.id for step in added]}

    def describe_step(self, call: Call, *, cluster_id: str, step_id: str) -> Mapping[str, Any]:
        record = lookup.cluster(self._clusters.store, call, cluster_id)
        step = _step(record, step_id)
        if call.waits:
            record = self._waiting.step(lambda: self._clusters.store.record(cluster_id), step_id)
        return {"Step": describe.step(record, step)}

    def list_steps(
        self, call: Call, *, cluster_id: str, step_states: Sequence[str] = (), step_ids: Sequence[str] = (),
        marker: str | None = None,
    ) -> Mapping[str, Any]:
        if step_ids and step_states:
            raise InvalidRequestException("Cannot specify both StepIds and StepStates.")
        if len(step_ids) > 10:
            raise InvalidRequestException("No more than 10 StepIds can be specified.")
        record = lookup.cluster(self._clusters.store, call, cluster_id)
        wanted = {_step(record, step_id).id for step_id in step_ids}
        newest = record.spec.steps[: -LISTED - 1 : -1]
        found, following = paging.page(
            newest, marker, lambda step: step.id,
            lambda step: (not wanted or step.id in wanted)
            and (not step_states or record.status.step(step.id).state in step_states),
        )
        return {"Steps": [describe.step(record, step) for step in found], "Marker": following}

    def cancel_steps(
        self, call: Call, *, cluster_id: str, step_ids: Sequence[str], step_cancellation_option: str = "SEND_INTERRUPT"
    ) -> Mapping[str, Any]:
        lookup.cluster(self._clusters.store, call, cluster_id)
        if not 1 <= len(step_ids) <= 256:
            raise InvalidRequestException("Specify 1 to 256 StepIds.")
        answers: list[Mapping[str, Any]] = []

        def change(record: Record) -> ClusterSpec:
            states = {step_id: record.status.step(_step(record, step_id).id).state for step_id in step_ids}
            answers.extend(_cancel_answer(step_id, state, is_final(state)) for step_id, state in states.items())
            how = CancelOption(step_cancellation_option)
            cancels = {step_id: how for step_id, state in states.items() if not is_final(state)}
            return replace(record.spec, cancels={**record.spec.cancels, **cancels})

        self._clusters.store.change_spec(cluster_id, change)
        self._clusters.poke(cluster_id)
        return {"CancelStepsInfoList": answers}


def _to_add(record: Record, steps: Sequence[Mapping[str, Any]], role_arn: str | None) -> tuple[StepSpec, ...]:
    lookup.must_be_modifiable(record)
    if not steps:
        raise ValidationException("The Steps list cannot be empty")
    active = sum(not is_final(record.status.step(step.id).state) for step in record.spec.steps)
    if active + len(steps) > step_configs.MAX_ACTIVE:
        raise ValidationException(step_configs.TOO_MANY)
    return step_configs.read(steps, concurrency=record.spec.step_concurrency, role_arn=role_arn, now=time.time())


def _step(record: Record, step_id: str) -> StepSpec:
    try:
        return record.spec.step(step_id)
    except KeyError:
        raise InvalidRequestException(f"Step id '{step_id}' is not valid.") from None


def _cancel_answer(step_id: str, state: str, over: bool) -> Mapping[str, Any]:
    if over:
        return {"StepId": step_id, "Status": "FAILED", "Reason": f"The step is {state} and cannot be cancelled."}
    return {"StepId": step_id, "Status": "SUBMITTED"}
