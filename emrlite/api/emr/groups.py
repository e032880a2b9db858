"""``Instances`` of RunJobFlow: from what is asked to instance groups and nodes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from emrlite.api.emr import configurations
from emrlite.cluster import ids, instance_types
from emrlite.cluster.model import InstanceGroup, NodeSpec, Role
from emrlite.errors import ValidationException

#: The last part of a node's address is its index.
MAX_NODES = 250
_BID = re.compile(r"\d+(\.\d*)?|\.\d+")
_ONE_FORM = (
    "Please configure instances using one and only one of the following: instance groups; instance fleets; "
    "instance count, master and slave instance type."
)


def read(instances: Mapping[str, Any]) -> tuple[InstanceGroup, ...]:
    """Return the instance groups, master first; raises `ValidationException`."""
    short = any(name in instances for name in ("MasterInstanceType", "SlaveInstanceType", "InstanceCount"))
    forms = [bool(instances.get("InstanceGroups")), bool(instances.get("InstanceFleets")), short]
    if sum(forms) != 1:
        raise ValidationException(_ONE_FORM)
    if instances.get("InstanceFleets"):
        raise ValidationException("emrlite does not implement InstanceFleets yet; use InstanceGroups.")
    configs = _short_form(instances) if short else instances["InstanceGroups"]
    groups = tuple(_group(config) for config in configs)
    _check(groups)
    return tuple(sorted(groups, key=lambda group: list(Role).index(group.role)))


def _short_form(instances: Mapping[str, Any]) -> list[dict[str, Any]]:
    master, count = instances.get("MasterInstanceType"), instances.get("InstanceCount")
    slave = instances.get("SlaveInstanceType")
    if not master or count is None or (count > 1 and not slave):
        raise ValidationException(_ONE_FORM)
    if count < 1:
        raise ValidationException("An instance group must have at least one instance")
    groups = [{"InstanceRole": "MASTER", "InstanceType": master, "InstanceCount": 1}]
    if count > 1:
        groups.append({"InstanceRole": "CORE", "InstanceType": slave, "InstanceCount": count - 1})
    return groups


def _group(config: Mapping[str, Any]) -> InstanceGroup:
    for member in ("AutoScalingPolicy", "CustomAmiId"):
        if config.get(member):
            raise ValidationException(f"emrlite does not implement {member} of an instance group.")
    role, market = Role(config["InstanceRole"]), config.get("Market", "ON_DEMAND")
    if instance_types.find(config["InstanceType"]) is None:
        raise ValidationException(f"Instance type '{config['InstanceType']}' is not supported.")
    if config["InstanceCount"] < 1:
        raise ValidationException("An instance group must have at least one instance")
    _check_bid(config.get("BidPrice"), market)
    return InstanceGroup(
        id=ids.group_id(),
        role=role,
        instance_type=config["InstanceType"],
        count=config["InstanceCount"],
        name=config.get("Name", ""),
        market=market,
        bid_price=config.get("BidPrice"),
        configurations=configurations.read(config.get("Configurations")),
    )


def _check_bid(price: str | None, market: str) -> None:
    if price is None:
        return
    if market == "ON_DEMAND":
        raise ValidationException("Attempted to set bid price for on demand instance group.")
    if not _BID.fullmatch(price):
        raise ValidationException(f"Bid price '{price}' is not a number")
    if len(price.partition(".")[2]) > 3:
        raise ValidationException("No more than 3 digits are allowed after decimal place in bid price")


def _check(groups: Sequence[InstanceGroup]) -> None:
    of = {role: [group for group in groups if group.role is role] for role in Role}
    for role, zero in ((Role.MASTER, True), (Role.CORE, False)):
        name = role.lower()
        if len(of[role]) > 1 or (zero and not of[role]):
            found = "Multiple" if of[role] else "Zero"
            raise ValidationException(
                f"{found} {name} instance groups supplied, you must specify exactly one {name} instance group"
            )
    if of[Role.TASK] and not of[Role.CORE]:
        raise ValidationException("Clusters with task nodes must also define core nodes.")
    if len(of[Role.TASK]) > 48:
        raise ValidationException("A cluster can have no more than 48 task instance groups")
    masters = of[Role.MASTER][0].count
    if masters == 3:
        raise ValidationException("emrlite does not implement clusters with three master nodes yet; ask for one.")
    if masters != 1:
        raise ValidationException("A master instance group must specify a single instance")
    if (nodes := sum(group.count for group in groups)) > MAX_NODES:
        raise ValidationException(f"{nodes} nodes are asked for; emrlite runs {MAX_NODES} in one cluster at the most.")


def nodes(groups: Sequence[InstanceGroup]) -> tuple[NodeSpec, ...]:
    """Return the nodes of all *groups*, the master first."""
    found: list[NodeSpec] = []
    for group in groups:
        for _ in range(group.count):
            number = 1 + sum(node.role is group.role for node in found)
            found.append(
                NodeSpec(
                    id=ids.node_id(),
                    instance_id=ids.instance_id(),
                    group_id=group.id,
                    role=group.role,
                    instance_type=group.instance_type,
                    index=len(found) + 1,
                    name="master" if group.role is Role.MASTER else f"{group.role.lower()}-{number}",
                )
            )
    return tuple(found)
