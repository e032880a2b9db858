"""What an EC2 instance type has, and how much of its memory EMR gives to YARN.

The figures are read from the list that moto brings along (botocore's model has names only).
The list is 1,400 types long, so only the one that is asked for is parsed.
"""

from __future__ import annotations

import functools
import gzip
import json
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from emrlite.errors import SetupError

#: Families that EMR does not run on: burstable, Apple, other machine-learning chips and the like.
_NOT_EMR = re.compile(r"(t\d|mac|hpc|inf|trn|a1|f\d|dl|vt|u-|u7|p5en|cc|cg|cr|hs).*")
#: Sizes below xlarge are refused (the management guide's emr-supported-instance-types.html) …
_SMALL = ("nano", "micro", "small", "medium", "large")
#: … but for these old families.
_OLD = {"m1": ("small", "medium", "large"), "c1": ("medium",), "m4": ("large",), "c4": ("large",), "r4": ("large",)}


@dataclass(frozen=True, kw_only=True)
class InstanceType:
    """vCPUs, and memory in MiB."""

    name: str
    vcpu: int
    memory: int

    @property
    def yarn_memory(self) -> int:
        """MiB for YARN: a quarter stays with the system, 8 GiB at the most (m5.xlarge: 12,288)."""
        return self.memory - min(self.memory // 4, 8192)

    @property
    def normalized_hours(self) -> int:
        """EMR's normalised instance hours of one hour: twice the vCPUs (m5.xlarge: 8)."""
        return self.vcpu * 2


#: What people take most often.
USUAL = InstanceType(name="m5.xlarge", vcpu=4, memory=16384)


def find(name: str) -> InstanceType | None:
    """Return the type called *name*, or ``None`` if there is none or EMR does not run on it."""
    family, _, size = name.partition(".")
    if not size or _NOT_EMR.fullmatch(family) or size.startswith("metal"):
        return None
    if size in _SMALL and size not in _OLD.get(family, ()):
        return None
    return _read(name)


def of(name: str) -> InstanceType:
    """Return the type called *name*, of a cluster that there is already: a newer list may not have it any more."""
    return find(name) or USUAL


@functools.lru_cache(maxsize=64)
def _read(name: str) -> InstanceType | None:
    text = _list()
    start = text.find(f'"{name}": {{')
    if start < 0:
        return None
    entry, _ = json.JSONDecoder().raw_decode(text, text.index("{", start))
    return InstanceType(
        name=name, vcpu=int(entry["VCpuInfo"]["DefaultVCpus"]), memory=int(entry["MemoryInfo"]["SizeInMiB"]))


def _list() -> str:
    # Found without importing moto, which takes longer than reading the file.
    spec = find_spec("moto")
    if spec is None or not spec.submodule_search_locations:
        raise SetupError("moto, which knows EC2's instance types, is not installed; `emrlite doctor` says more")
    folder = Path(spec.submodule_search_locations[0]) / "ec2" / "resources"
    packed = folder / "instance_types.json.gz"
    if packed.exists():
        return gzip.decompress(packed.read_bytes()).decode()
    return (folder / "instance_types.json").read_text()
