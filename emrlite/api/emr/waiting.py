"""Hold the polls of botocore's waiters until there is something to tell.

A waiter asks every 30 s (``waiters-2.json``), so unchanged code would hear of a step of two
seconds after thirty.  botocore marks a waiter's calls in ``User-Agent``; such a reply is held
until the state is one that ends the waiter, `HOLD_SECONDS` at the most.  What is answered is
what holds at that moment, as ever.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

from emrlite.cluster.states import ClusterState, is_final
from emrlite.cluster.store import Record

#: Below every client's read time-out (60 s), and below a waiter's own pace.
HOLD_SECONDS = 20.0
_LOOK_SECONDS = 0.05
_PAUSE = (25.0, 45.0)  # a waiter's own thirty seconds, give or take
_UP = (ClusterState.RUNNING, ClusterState.WAITING)

#: botocore's feature list ``m/…``: B is a waiter (botocore.useragent.USERAGENT_FEATURE_MAPPINGS).
_FEATURES = re.compile(r"(?:^| )m/([A-Za-z0-9+\-,]+)")


def is_waiter(user_agent: str) -> bool:
    """Tell whether a waiter of botocore makes the call."""
    found = _FEATURES.search(user_agent)
    return found is not None and "B" in found[1].split(",")


class Waiting:
    """Holds replies; *stopped* lets go of all of them at the emulator's end."""

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped
        self._shown_up: dict[str, float] = {}  # cluster id -> when a waiter was told that it is up

    def step(self, look: Callable[[], Record], step_id: str) -> Record:
        """Return the record once the step has ended (``step_complete``), or as it is when time is up."""
        return self._hold(look, lambda record: is_final(record.status.step(step_id).state))

    def cluster(self, look: Callable[[], Record]) -> Record:
        """Return the record once the cluster is up (``cluster_running``) or has ended (``cluster_terminated``).

        The call does not say which waiter makes it.  Who was told that the cluster is up, and asks again after a
        waiter's pause, was not content with that and waits for the end.
        """
        record, now = look(), time.monotonic()
        told = now - self._shown_up.get(record.spec.id, 0.0)
        enough = () if _PAUSE[0] <= told <= _PAUSE[1] else _UP
        record = self._hold(look, lambda new: is_final(new.status.state) or new.status.state in enough)
        if record.status.state in _UP:
            self._shown_up[record.spec.id] = time.monotonic()
        else:
            self._shown_up.pop(record.spec.id, None)
        return record

    def _hold(self, look: Callable[[], Record], enough: Callable[[Record], bool]) -> Record:
        deadline = time.monotonic() + HOLD_SECONDS
        while not enough(record := look()) and time.monotonic() < deadline:
            if self._stopped.wait(_LOOK_SECONDS):
                break
        return record
