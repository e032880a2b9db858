"""What a JVM counts about itself: seconds of class loading, of compiling and of collecting garbage.

It writes them to ``/tmp/hsperfdata_<user>/<pid>`` unless started with ``-XX:-UsePerfData``, in
the layout of HotSpot's ``perfMemory.hpp`` and ``perfData.hpp``.  Reading costs the JVM nothing.
"""

from __future__ import annotations

import struct
from pathlib import Path

_MAGIC = 0xCAFEC0C0
_FREQUENCY = "sun.os.hrt.frequency"
#: Name here -> counters (in ticks) that make it up.
_TIMES = {
    "class loading": ("sun.cls.time",),
    "compiling": ("java.ci.totalTime", "sun.ci.totalTime"),
    "garbage": ("sun.gc.collector.0.time", "sun.gc.collector.1.time", "sun.gc.collector.2.time"),
}
_COUNTS = {"classes": ("java.cls.loadedClasses",), "shared classes": ("java.cls.sharedLoadedClasses",)}


def read(pid: int) -> dict[str, float]:
    """Return what the JVM *pid* has counted so far; nothing where it counts nothing."""
    try:
        # Seen from inside the process, whose /tmp may be its own.
        [path] = Path(f"/proc/{pid}/root/tmp").glob(f"hsperfdata_*/{pid}")
        counters = parse(path.read_bytes())
    except (OSError, ValueError, struct.error):
        return {}
    frequency = counters.get(_FREQUENCY, 0)
    times = {name: sum(counters.get(key, 0) for key in keys) / frequency for name, keys in _TIMES.items() if frequency}
    return {**times, **{name: float(sum(counters.get(key, 0) for key in keys)) for name, keys in _COUNTS.items()}}


def parse(data: bytes) -> dict[str, int]:
    """Return name -> value of all counters that are whole numbers."""
    if struct.unpack_from(">I", data)[0] != _MAGIC:
        raise ValueError("these are no counters of a JVM")
    order = "<" if data[4] == 1 else ">"
    entry, count = struct.unpack_from(f"{order}ii", data, 24)
    found = {}
    for _ in range(count):
        length, name_at, vector, kind, _, _, _, value_at = struct.unpack_from(f"{order}iiicBBBi", data, entry)
        if kind == b"J" and vector == 0:
            name = data[entry + name_at:data.index(b"\0", entry + name_at)].decode()
            found[name] = struct.unpack_from(f"{order}q", data, entry + value_at)[0]
        entry += length
    return found
