"""Bringing a cluster's logs to its LogUri, off the way of everything else: one thread, one upload after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from emrlite.cluster.model import ClusterSpec
from emrlite.storage import logs

log = logging.getLogger(__name__)

TRIES = 3


class Shipping:
    """The uploads of one cluster, whose directory is *root*.

    *client* makes an S3 client, *trouble* is told what could not be brought.
    """

    def __init__(
        self, cluster_id: str, root: Path, *, client: Callable[[], Any], trouble: Callable[[str], None]
    ) -> None:
        self._id, self._root, self._client, self._trouble = cluster_id, root, client, trouble
        self._uploads = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"logs-{cluster_id}")
        self._last: Future[None] | None = None
        self._went: dict[str, tuple[int, int] | None] = {}  # place -> stamp of the file that is there

    @property
    def busy(self) -> bool:
        """Tell whether an upload is on its way."""
        return self._last is not None and not self._last.done()

    def upload(self, spec: ClusterSpec, files: list[logs.LogFile], then: Path | None = None) -> None:
        """Bring those of *files* that have changed; make the file *then* when nothing more will come."""
        if spec.log_uri is None:
            if then is not None:
                then.touch()
            return
        changed = [file for file in files if self._went.get(file.place) != _stamp(file.path)]
        self._last = self._uploads.submit(self._try, spec, changed, then)

    def close(self) -> None:
        """Wait for what is on its way."""
        self._uploads.shutdown(wait=True)

    def _try(self, spec: ClusterSpec, files: list[logs.LogFile], then: Path | None) -> None:
        for left in reversed(range(TRIES)):
            try:
                stamps = {file.place: _stamp(file.path) for file in files}
                logs.upload(self._client(), spec, files)
                self._went |= stamps
                break
            except Exception as error:  # noqa: BLE001  whatever it is: told, and the cluster ends all the same
                log.warning("%s: %s", self._id, error)
                if not left:
                    self._trouble(f"logs stay in {self._root}: {error}")
        if then is not None:
            then.touch()


def _stamp(path: Path) -> tuple[int, int] | None:
    """What changes when a file does."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns
