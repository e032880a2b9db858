"""Ids as EMR makes them, and how to tell one from a path somebody made up."""

from __future__ import annotations

import re
import secrets
import string

_ALPHABET = string.ascii_uppercase + string.digits

_CLUSTER = re.compile(r"j-[A-Z0-9]{1,32}")


def _new(prefix: str, length: int) -> str:
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))


def cluster_id() -> str:
    return _new("j-", 13)


def step_id() -> str:
    """Steps have twenty characters: agents look for just that in a step's working directory."""
    return _new("s-", 20)


def group_id() -> str:
    return _new("ig-", 13)


def node_id() -> str:
    """The EMR id of an instance."""
    return _new("ci-", 13)


def instance_id() -> str:
    """The EC2 id of an instance, under which its logs are filed."""
    return f"i-{secrets.token_hex(9)[:17]}"


def app_ui_id() -> str:
    """Persistent application UIs have small letters, for theirs is the name of a host."""
    return _new("p-", 13).lower()


def is_cluster_id(text: str) -> bool:
    return _CLUSTER.fullmatch(text) is not None
