"""One run of pytest and its emulator: what the fixtures hand out, and the state that tests must not share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from emrlite.errors import EndpointError
from emrlite.settings import Settings
from emrlite.testing import clients, report
from emrlite.testing.clusters import LOG_BUCKET, Clusters
from emrlite.testing.emulator import Owner, RunningEmulator
from emrlite.testing.environment import pointed_at
from emrlite.testing.shape import Shape

#: Steps side by side on a cluster that many workers share.
SHARED_CONCURRENCY = 10


class Run:
    """The emulator of a run, as fixtures and hooks need it."""

    def __init__(
        self, room: Path, shape: Shape, *, timing: str, workers: int = 1, shared_by: Owner | None = None
    ) -> None:
        self.shared = shared_by is not None
        self._emulator = RunningEmulator(
            room, shared_by or Owner.this_process(), {"timing": timing}, workers=1 if self.shared else workers)
        # `instant` clusters write no logs, so none is brought to S3.
        log_uri = None if timing == "instant" else f"s3://{LOG_BUCKET}/"
        concurrency = SHARED_CONCURRENCY if self.shared else shape.concurrency
        self._shape, self._region = replace(shape, log_uri=log_uri, concurrency=concurrency), Settings.load().region
        self._state_of: object = None  #: whose state it holds now: a test, or all tests of a module
        self.kept = False

    def start(self, say: Callable[[str], None]) -> None:
        self._emulator.start(say)

    @property
    def url(self) -> str:
        return self._emulator.url

    def client(self, service: str) -> Any:
        """Return a new boto3 client."""
        return clients.client(self._session, service, self.url, self._region)

    @cached_property
    def _session(self) -> Any:
        return clients.session()

    @cached_property
    def clusters(self) -> Clusters:
        return Clusters(self._emulator, self.client("emr"), self.client("s3"), self._shape)

    def begin(self, whose: object) -> None:
        """Wipe what was left by others than *whose*.  Workers that share an emulator share its state too."""
        if not self._emulator.answers:
            raise EndpointError(f"the emulator has died: {self._emulator.last_words()}; see {self._emulator.log_file}")
        if self._state_of not in (None, whose) and not self.shared:
            self.clusters.reset()
        self._state_of = whose

    @contextmanager
    def around_test(self, captured: list[str]) -> Iterator[None]:
        """Let AWS clients that a test makes find the emulator, and tell those that cannot."""
        with ExitStack() as stack:
            stack.enter_context(pointed_at(self.url, self._region))
            stack.enter_context(clients.told_when_captured(captured))
            yield

    def sections(self, since: float, captured: list[str]) -> list[report.Section]:
        """What a failed test's report shows."""
        found = report.sections(self._emulator.state, since) + report.captured(captured)
        if not self._emulator.answers:
            text = f"{self._emulator.last_words()}\n{self._emulator.log_file}"
            found.append(("emrlite: the emulator has died", text))
        return found

    def keep(self) -> str:
        """Leave everything as it is; return how to look at it and how to end it."""
        self.kept = True
        self._emulator.keep()
        return (f"the emulator and its clusters stay: {self.url} (process {self._emulator.pid})\n"
                f"look:    emrlite --home {self._emulator.state} clusters    (steps, logs, events …)\n"
                f"clients: export AWS_ENDPOINT_URL={self.url} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test "
                f"AWS_DEFAULT_REGION={self._region}\n"
                f"end:     kill {self._emulator.pid}")

    def stop(self) -> None:
        self._emulator.stop()
