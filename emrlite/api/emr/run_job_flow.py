"""RunJobFlow: what is asked becomes a `ClusterSpec`, or is refused with EMR's words.

What emrlite cannot do is refused by name where ignoring it would be a lie (an encryption, a
scaling policy), and handed back by DescribeCluster where it is harmless on one machine.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from emrlite.api.emr import applications, configurations, groups, step_configs, tags
from emrlite.api.protocol import Call
from emrlite.cluster import ids, releases
from emrlite.cluster.model import BootstrapAction, ClusterSpec
from emrlite.errors import InvalidRequestException, ValidationException

MAX_BOOTSTRAP_ACTIONS = 16

#: Members of RunJobFlow that would change what a cluster does, and that emrlite does not implement.
REFUSED = (
    "AutoTerminationPolicy", "CustomAmiId", "KerberosAttributes", "LogEncryptionKmsKeyId", "ManagedScalingPolicy",
    "NewSupportedProducts", "PlacementGroupConfigs", "SessionEnabled", "SupportedProducts",
)
#: Members that DescribeCluster hands back as they came.
ECHOED = (
    "AutoScalingRole", "EbsRootVolumeIops", "EbsRootVolumeSize", "EbsRootVolumeThroughput", "ExtendedSupport",
    "MonitoringConfiguration", "OSReleaseLabel", "RepoUpgradeOnBoot", "ServiceRole",
)
_EC2_ECHOED = (
    "AdditionalMasterSecurityGroups", "AdditionalSlaveSecurityGroups", "Ec2KeyName", "EmrManagedMasterSecurityGroup",
    "EmrManagedSlaveSecurityGroup", "ServiceAccessSecurityGroup",
)
_PROFILE = re.compile(r"[\w+=,.@/:-]{1,2048}")


def read(call: Call, request: Mapping[str, Any], bucket_exists: Callable[[str], bool]) -> ClusterSpec:
    """Return the spec of the cluster that *request* (in AWS's names) asks for."""
    label = _release_label(request)
    _check_support(request)
    _check_roles(request)
    instances = request["Instances"]
    concurrency = request.get("StepConcurrencyLevel", 1)
    if not 1 <= concurrency <= 256:
        raise ValidationException("Invalid step concurrency level. Allowed level is from 1 to 256")
    asked = groups.read(instances)
    now = time.time()
    return ClusterSpec(
        id=ids.cluster_id(),
        account=call.account,
        region=call.region,
        name=request["Name"],
        release_label=label,
        created=now,
        groups=asked,
        nodes=groups.nodes(asked),
        applications=applications.read(request.get("Applications"), label),
        steps=step_configs.read(
            request.get("Steps") or (), concurrency=concurrency, role_arn=request.get("StepExecutionRoleArn"), now=now),
        bootstrap_actions=_bootstrap_actions(request.get("BootstrapActions") or ()),
        configurations=configurations.read(request.get("Configurations")),
        keep_alive=instances.get("KeepJobFlowAliveWhenNoSteps", False),
        termination_protected=instances.get("TerminationProtected", False),
        step_concurrency=concurrency,
        log_uri=_log_uri(request.get("LogUri"), bucket_exists),
        tags=tags.read(request.get("Tags") or ()),
        echo=_echo(call, request),
    )


def _release_label(request: Mapping[str, Any]) -> str:
    given = [request.get("ReleaseLabel"), request.get("AmiVersion"), request["Instances"].get("HadoopVersion")]
    if sum(value is not None for value in given) != 1:
        raise ValidationException(
            "Must specify exactly one of the following: release label, AMI version, or Hadoop version.")
    label = given[0]
    if label is None:
        raise ValidationException("AMI versions and Hadoop versions are not supported; give a ReleaseLabel.")
    if not releases.is_known(label):
        raise ValidationException(f"The supplied release label is invalid: {label}.")
    return str(label)


def _check_support(request: Mapping[str, Any]) -> None:
    for member in REFUSED:
        if request.get(member):
            raise ValidationException(f"emrlite does not implement {member} of RunJobFlow.")
    if name := request.get("SecurityConfiguration"):
        # None can be created here, so none exists.
        raise InvalidRequestException(f"Security configuration with name '{name}' does not exist.")
    if (request.get("MonitoringConfiguration") or {}).get("CloudWatchLogConfiguration", {}).get("Enabled"):
        raise ValidationException("emrlite does not implement CloudWatchLogConfiguration of RunJobFlow.")


def _check_roles(request: Mapping[str, Any]) -> None:
    if not request.get("ServiceRole"):
        raise ValidationException("ServiceRole is required for creating cluster.")
    profile = request.get("JobFlowRole")
    if not profile:
        raise ValidationException("InstanceProfile is required for creating cluster.")
    if not _PROFILE.fullmatch(profile):
        raise ValidationException(f"Invalid InstanceProfile: {profile}.")


def _bootstrap_actions(configs: Sequence[Mapping[str, Any]]) -> tuple[BootstrapAction, ...]:
    if len(configs) > MAX_BOOTSTRAP_ACTIONS:
        raise ValidationException(f"A cluster can have {MAX_BOOTSTRAP_ACTIONS} bootstrap actions at the most.")
    actions = []
    for config in configs:
        script = config["ScriptBootstrapAction"]
        if not script["Path"].strip():
            raise ValidationException(f"The bootstrap action '{config['Name']}' has an empty Path.")
        actions.append(BootstrapAction(name=config["Name"], path=script["Path"], args=tuple(script.get("Args") or ())))
    return tuple(actions)


def _log_uri(uri: str | None, bucket_exists: Callable[[str], bool]) -> str | None:
    if not uri:
        return None
    try:
        parts = urlsplit(uri)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("s3", "s3n", "s3a") or not parts.netloc:
        raise ValidationException(f"LogUri '{uri}' is not valid: it has to be s3://BUCKET/FOLDER/.")
    if not bucket_exists(parts.netloc):
        raise ValidationException(f"The bucket '{parts.netloc}' of LogUri '{uri}' does not exist; create it first.")
    return uri if uri.endswith("/") else f"{uri}/"


def _echo(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    instances = request["Instances"]
    subnets = instances.get("Ec2SubnetIds") or [s for s in [instances.get("Ec2SubnetId")] if s]
    if len(subnets) > 1:
        raise ValidationException(
            "Only one subnet may be specified for clusters configured with instance groups. "
            "Use instance fleets to give several.")
    placement = instances.get("Placement") or {}
    zones = placement.get("AvailabilityZones") or [z for z in [placement.get("AvailabilityZone")] if z]
    attributes = {name: instances[name] for name in _EC2_ECHOED if name in instances}
    attributes |= {
        "Ec2AvailabilityZone": zones[0] if zones else f"{call.region}a",
        "IamInstanceProfile": request["JobFlowRole"],
        "RequestedEc2AvailabilityZones": zones,
        "RequestedEc2SubnetIds": subnets,
    }
    if subnets:
        attributes["Ec2SubnetId"] = subnets[0]
    echo = {name: request[name] for name in ECHOED if name in request}
    return echo | {
        "Ec2InstanceAttributes": attributes,
        "ScaleDownBehavior": request.get("ScaleDownBehavior", "TERMINATE_AT_TASK_COMPLETION"),
        "UnhealthyNodeReplacement": instances.get("UnhealthyNodeReplacement", False),
        "VisibleToAllUsers": request.get("VisibleToAllUsers", True),
    }
