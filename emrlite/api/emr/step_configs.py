"""``StepConfig`` to the record of a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emrlite.cluster import ids
from emrlite.cluster.model import ActionOnFailure, StepSpec
from emrlite.errors import ValidationException

#: Steps that are not over, of one cluster.
MAX_ACTIVE = 256
TOO_MANY = "Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') for cluster exceeded."


def read(
    configs: Sequence[Mapping[str, Any] | None], *, concurrency: int, role_arn: str | None, now: float
) -> tuple[StepSpec, ...]:
    """Return the records of *configs*; raises `ValidationException`."""
    if len(configs) > MAX_ACTIVE:
        raise ValidationException(TOO_MANY)
    return tuple(_read(config, concurrency, role_arn, now) for config in configs if config is not None)


def _read(config: Mapping[str, Any], concurrency: int, role_arn: str | None, now: float) -> StepSpec:
    if config.get("StepMonitoringConfiguration"):
        raise ValidationException("emrlite does not implement StepMonitoringConfiguration of a step.")
    jar_step = config["HadoopJarStep"]
    if not jar_step["Jar"].strip():
        raise ValidationException(f"The step '{config['Name']}' has an empty Jar.")
    action = ActionOnFailure(config.get("ActionOnFailure", "TERMINATE_CLUSTER"))
    if concurrency > 1 and action is not ActionOnFailure.CONTINUE:
        # On EMR actions do not fire while steps run side by side, so it takes none but CONTINUE.
        raise ValidationException(f"Action on failure '{action}' is invalid.")
    return StepSpec(
        id=ids.step_id(),
        name=config["Name"],
        jar=jar_step["Jar"],
        args=tuple(argument for argument in jar_step.get("Args") or () if argument is not None),
        main_class=jar_step.get("MainClass"),
        properties={item.get("Key", ""): item.get("Value", "") for item in jar_step.get("Properties") or () if item},
        action_on_failure=action,
        execution_role_arn=role_arn,
        created=now,
    )
