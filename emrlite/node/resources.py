"""From what EMR users ask of YARN to what Spark's standalone master understands.  Pure.

YARN gives an application `spark.executor.instances` containers; the standalone master knows only
how many cores it may take in all (`spark.cores.max`) and how large one executor is.  The memory
that is asked for is checked against the instance type, as YARN does, but the heap that is
started is bounded by this machine: copied production settings must not bring a laptop down.
So are the cores of an executor, and the number of executors, that nobody named (ADR 27).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from emrlite.node.layout import NodeInfo

_UNITS = {
    "b": 1,
    "k": 2**10,
    "kb": 2**10,
    "m": 2**20,
    "mb": 2**20,
    "g": 2**30,
    "gb": 2**30,
    "t": 2**40,
    "tb": 2**40,
    "p": 2**50,
    "pb": 2**50,
}
_SIZE = re.compile(r"(\d+)\s*([a-z]*)")
_TRUE = "true"

#: Memory that YARN adds to a container for what lies outside the heap: a tenth, 384 MiB at the least.
_OVERHEAD_FACTOR, _LEAST_OVERHEAD = 0.10, 384
#: Part of this machine's memory that one executor's heap may take, and the least that it gets.
_HEAP_PART, _LEAST_HEAP = 4, 1024
#: A worker offers this many times its node's vCPU as slots, so that no application starves
#: another; the operating system shares the real cores.
HEADROOM = 4
#: Heap of an executor that nobody chose: small, since several may start on one machine.
_USUAL_HEAP = 1024
#: Cores of an executor that nobody chose, on a machine with fewer: a task that waits for another is not alone.
_LEAST_CORES = 2
#: How many executors Spark adds for each that its tasks could fill: always one in all.
_ONE_FOR_ALL_TASKS = "0.000001"


class Refused(Exception):
    """The request cannot be met; the text is the one that Spark on YARN would show."""


class Machine(NamedTuple):
    """What this machine has for all nodes together: memory in MiB, and cores."""

    memory: int
    cores: int


@dataclass(frozen=True)
class Resources:
    """Properties to set, and what the controller log says about them."""

    properties: Mapping[str, str]
    notes: tuple[str, ...] = ()


def mebibytes(text: str, unit: str = "m") -> int:
    """Read a size as Spark does (``2g``, ``512m``); a bare number counts in *unit*."""
    match = _SIZE.fullmatch(text.strip().lower())
    if not match or (match[2] and match[2] not in _UNITS):
        raise Refused(
            f"java.lang.NumberFormatException: Size must be specified as bytes (b), kibibytes (k), mebibytes (m), "
            "gibibytes (g), tebibytes (t), or pebibytes(p). E.g. 50b, 100k, or 250m. "
            f"Failed to parse byte string: {text}"
        )
    return int(match[1]) * _UNITS[match[2] or unit] // 2**20


def _count(key: str, text: str) -> int:
    if not text.strip().isdigit() or int(text) < 1:
        raise Refused(f"org.apache.spark.SparkException: {key} should be a positive number, but was {text!r}")
    return int(text)


def _overhead(conf: Mapping[str, str], who: str, heap: int) -> int:
    given = conf.get(f"spark.{who}.memoryOverhead") or conf.get(f"spark.yarn.{who}.memoryOverhead")
    if given:
        return mebibytes(given)
    factor = float(conf.get(f"spark.{who}.memoryOverheadFactor", _OVERHEAD_FACTOR))
    return max(int(heap * factor), _LEAST_OVERHEAD)


_CHECK = (
    "Please check the values of 'yarn.scheduler.maximum-allocation-mb' and/or 'yarn.nodemanager.resource.memory-mb'."
)


def verify(conf: Mapping[str, str], limit: int, *, cluster_mode: bool) -> int:
    """Refuse what no node of *limit* MiB could hold, in the words of Spark's YARN client.

    Returns the MiB that one executor's container takes.
    """
    heap = mebibytes(conf.get("spark.executor.memory", f"{_USUAL_HEAP}m"))
    overhead = _overhead(conf, "executor", heap)
    off_heap = 0
    if conf.get("spark.memory.offHeap.enabled", "").lower() == _TRUE:
        off_heap = mebibytes(conf.get("spark.memory.offHeap.size", "0"), "b")
    python = mebibytes(conf.get("spark.executor.pyspark.memory", "0"))
    total = heap + off_heap + overhead + python
    if total > limit:
        raise Refused(
            f"java.lang.IllegalArgumentException: Required executor memory ({heap} MB), "
            f"offHeap memory ({off_heap}) MB, "
            f"overhead ({overhead} MB), and PySpark memory ({python} MB) "
            f"is above the max threshold ({limit} MB) of this cluster! {_CHECK}"
        )
    if cluster_mode:
        driver = mebibytes(conf.get("spark.driver.memory", "1g"))
        beside = _overhead(conf, "driver", driver)
        if driver + beside > limit:
            raise Refused(
                f"java.lang.IllegalArgumentException: Required AM memory ({driver}+{beside} MB) "
                f"is above the max threshold ({limit} MB) of this cluster! {_CHECK}"
            )
    return total


def plan(conf: Mapping[str, str], info: NodeInfo, machine: Machine, *, cluster_mode: bool = False) -> Resources:
    """Decide on executors.  *conf* is what counts in the end."""
    container = verify(conf, info.yarn_memory, cluster_mode=cluster_mode)
    notes: list[str] = []
    chosen: dict[str, str] = {}

    cores = _count("spark.executor.cores", conf.get("spark.executor.cores", str(_usual_cores(conf, info, machine))))
    # More than a worker offers, or than the application may take in all, would be waited for without end.
    slots = min(info.cluster_vcpu, info.vcpu * HEADROOM)
    if cores > slots:
        notes.append(f"--executor-cores {cores}: the cluster has {info.cluster_vcpu} vCPU, an executor gets {slots}")
        cores = slots
    if (most := conf.get("spark.cores.max", "")).isdigit() and 0 < int(most) < cores:
        notes.append(f"an executor gets {most} cores, for the application may take no more in all (spark.cores.max)")
        cores = int(most)
    chosen["spark.executor.cores"] = str(cores)

    heap = mebibytes(conf.get("spark.executor.memory", f"{_USUAL_HEAP}m"))
    bound = max(machine.memory // _HEAP_PART, _LEAST_HEAP)
    if heap > bound:
        notes.append(f"--executor-memory {heap}m fits the instance type; the heap on this machine is {bound}m")
    chosen["spark.executor.memory"] = f"{min(heap, bound)}m"

    # 0 is how one says "dynamic" where a number is expected.
    if (asked := conf.get("spark.executor.instances", "0").strip()) != "0":
        chosen |= _fixed(_count("spark.executor.instances", asked), cores, container, info, notes)
    elif (limit := conf.get("spark.cores.max", whole := str(info.cluster_vcpu))) != whole:
        chosen["spark.cores.max"] = limit
    else:
        chosen |= _dynamic(conf, cores, info, machine)
    return Resources(chosen, tuple(notes))


def _usual_cores(conf: Mapping[str, str], info: NodeInfo, machine: Machine) -> int:
    """Share this machine's cores among as few executors as an instance's vCPU allow."""
    of_a_task = conf.get("spark.task.cpus", "")
    share = math.ceil(machine.cores / math.ceil(machine.cores / info.vcpu))
    return min(info.vcpu, max(share, _LEAST_CORES, int(of_a_task) if of_a_task.isdigit() else 1))


def _fixed(asked: int, cores: int, container: int, info: NodeInfo, notes: list[str]) -> dict[str, str]:
    """As many executors as asked for, as far as YARN would find room for them on this cluster."""
    nodes = max(info.cluster_vcpu // info.vcpu, 1)
    room = min(nodes * (info.yarn_memory // container), info.cluster_vcpu)
    count = min(asked, max(room, 1))
    if count < asked:
        notes.append(f"--num-executors {asked}: the cluster has room for {count} of {container} MiB")
    return {"spark.cores.max": str(count * cores), "spark.dynamicAllocation.enabled": "false"}


def _dynamic(conf: Mapping[str, str], cores: int, info: NodeInfo, machine: Machine) -> dict[str, str]:
    """EMR's default: executors come and go with the work, here from one on, up to what this machine has cores for.

    Each compiles for itself what it runs: one more, without cores of its own, only takes from the others (ADR 27).
    """
    if conf.get("spark.dynamicAllocation.enabled", _TRUE).lower() != _TRUE:
        nodes = max(info.cluster_vcpu // info.vcpu, 1)
        return {"spark.cores.max": str(max(nodes * cores, info.vcpu))}
    usual = {
        "spark.dynamicAllocation.enabled": _TRUE,
        # There is no external shuffle service on a node: executors that hold shuffle data are kept.
        "spark.dynamicAllocation.shuffleTracking.enabled": _TRUE,
        "spark.dynamicAllocation.initialExecutors": "1",
    }
    count, most = math.ceil(machine.cores / cores), max(info.cluster_vcpu, cores)
    if count > 1:
        asked = [conf.get(f"spark.dynamicAllocation.{end}Executors", "") for end in ("min", "initial")]
        most = min(most, cores * max(count, *(int(text) if text.isdigit() else 0 for text in asked)))
    else:  # no ceiling: with one Spark refuses code that asks for more, and would never start a larger executor
        usual["spark.dynamicAllocation.executorAllocationRatio"] = _ONE_FOR_ALL_TASKS
    chosen = {key: conf.get(key, value) for key, value in usual.items()}
    return {"spark.cores.max": str(most), **chosen, "spark.shuffle.service.enabled": "false"}
