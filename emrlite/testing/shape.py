"""What a test's cluster looks like: a few words of ours, and RunJobFlow's own members over them.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from emrlite.cluster.releases import DEFAULT
from emrlite.errors import EmrliteError

__all__ = ["DEFAULT", "Shape", "UnknownWord"]


class UnknownWord(EmrliteError, TypeError):
    """A word of a cluster's shape that does not exist."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How a cluster of the tests is made, unless one says otherwise."""

    core: int = 1
    task: int = 0
    instance_type: str = "m5.xlarge"
    release: str = DEFAULT
    concurrency: int = 1
    log_uri: str | None = None

    def request(self, name: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of ``run_job_flow``.

        *overrides* in small letters are words of this class, others are members of RunJobFlow;
        those of ``Instances`` are laid over the ones made here.  Raises `UnknownWord`.
        """
        words = {word: value for word, value in overrides.items() if word[:1].islower()}
        known = {field.name for field in fields(self)}
        if unknown := sorted(words.keys() - known):
            raise UnknownWord(
                f"emr_clusters knows no {', '.join(unknown)}; it takes {', '.join(sorted(known))} "
                "and the members of RunJobFlow (Name, Steps, Instances …)")
        shape = replace(self, **words)
        return shape.run_job_flow(name, {word: value for word, value in overrides.items() if word not in words})

    def run_job_flow(self, name: str, members: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of ``run_job_flow``, with *members* over what this shape says."""
        counts = {"MASTER": 1, "CORE": self.core, "TASK": self.task}
        instances: dict[str, Any] = {"KeepJobFlowAliveWhenNoSteps": True}
        given = dict(members.get("Instances", {}))
        if not given.keys() & {"InstanceGroups", "InstanceFleets", "InstanceCount", "MasterInstanceType"}:
            instances["InstanceGroups"] = [
                {"Name": role.title(), "InstanceRole": role, "InstanceType": self.instance_type, "InstanceCount": count}
                for role, count in counts.items() if count]
        request: dict[str, Any] = {
            "Name": name, "ReleaseLabel": self.release, "Applications": [{"Name": "Spark"}],
            "ServiceRole": "EMR_DefaultRole", "JobFlowRole": "EMR_EC2_DefaultRole",
            "StepConcurrencyLevel": self.concurrency, **members, "Instances": {**instances, **given},
        }
        if self.log_uri is not None:
            request.setdefault("LogUri", self.log_uri)
        return request
