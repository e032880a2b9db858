"""An application that waits for its first executor says so, within ten seconds, on its step's standard error.

Spark's master knows such an application as WAITING; it would wait without end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from emrlite.node.advice import MARK
from emrlite.storage import logs

#: Seconds between two looks, and the least that an application has waited when it is told.
_PERIOD, _PATIENCE = 2.0, 5.0
_TAIL = 256 * 1024


def waiting(master: Mapping[str, Any], patience: float = _PATIENCE) -> dict[str, str]:
    """Application id -> what it waits for, from the JSON page of a Spark master.  Pure."""
    alive = [worker for worker in master.get("workers", ()) if worker["state"] == "ALIVE"]
    cores, memory = (max((worker[key] for worker in alive), default=0) for key in ("coresfree", "memoryfree"))
    found = {}
    for app in master.get("activeapps", ()):
        if app["state"] == "WAITING" and app["duration"] >= patience * 1000:
            also = "".join(f" and {each['amount']} {each['name']}" for each in app.get("resourcesperexecutor", ()))
            found[app["id"]] = (
                f"{app['id']} waits for its first executor since {app['duration'] // 1000} s: it asked for "
                f"{app['memoryperexecutor']} MiB{also} for each, and the largest node has {cores} cores and "
                f"{memory} MiB free; end other applications, ask for less, or take more core nodes"
            )
    return found


class Watch:
    """Looks now and then while steps run; *ask* gives the master's page."""

    def __init__(self, ask: Callable[[], Mapping[str, Any]], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._clock = ask, clock
        self._next = 0.0
        self._told: set[str] = set()

    def look(self, running: Sequence[Path]) -> None:
        """Tell the one of the *running* steps' standard errors that the application is of."""
        if not running or self._clock() < self._next:
            return
        self._next = self._clock() + _PERIOD
        for application, text in waiting(self._ask()).items():
            if application in self._told:
                continue
            of = next((path for path in running if application in logs.tail(path, _TAIL)), None)
            if of is not None:
                with of.open("a") as file:
                    file.write(f"{MARK}{text}\n")
                self._told.add(application)
