"""The clusters of a test run: one that stays warm, those of single tests, and the clean start of the next test."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from emrlite.cluster.states import ClusterState, StepState, is_final
from emrlite.errors import EmrliteError, EndpointError
from emrlite.testing.emulator import RunningEmulator
from emrlite.testing.shape import Shape
from emrlite.testing.steps import Cluster, describe_cluster, wait_for_cluster, wait_for_step

LOG_BUCKET = "emrlite-logs"

#: How long a cluster may take to come up, or to go.
SECONDS = 300.0

_UP = (ClusterState.RUNNING, ClusterState.WAITING)
_UNFINISHED = [str(state) for state in StepState if not is_final(state)]


class DidNotComeUp(EmrliteError):
    """A cluster ended before it was up; the message says why."""


class Clusters:
    """Makes and ends clusters of one emulator through EMR's own API."""

    def __init__(self, emulator: RunningEmulator, emr: Any, s3: Any, shape: Shape) -> None:
        self.emulator, self._emr, self._s3, self._shape = emulator, emr, s3, shape

    # The warm one

    def warm(self) -> str:
        """Return the id of the run's cluster, which is up; a new one where a test has ended the last."""
        with self.emulator.alone():
            cluster_id = self._warm_id()
            if cluster_id is None or not self._is_to_stay(describe_cluster(self._emr, cluster_id)):
                cluster_id = self._launch("emrlite-pytest", {})
                self._warm_file.write_text(cluster_id)
        return self._until_up(cluster_id)

    @property
    def _warm_file(self) -> Path:
        return self.emulator.room / "warm-cluster"

    def _warm_id(self) -> str | None:
        with suppress(FileNotFoundError):
            return self._warm_file.read_text()
        return None

    @staticmethod
    def _is_to_stay(cluster: Cluster) -> bool:
        return cluster.state in (ClusterState.STARTING, ClusterState.BOOTSTRAPPING, *_UP)

    # Those of a test

    @contextmanager
    def factory(self, name: str, spare: Callable[[], bool]) -> Iterator[Callable[..., str]]:
        """Give a function that makes clusters, and end them after the block unless *spare* says not to."""
        made: list[str] = []
        with self.emulator.making() as note:

            def make(*, wait: bool = True, **overrides: Any) -> str:
                cluster_id = self._launch(name, overrides)
                made.append(cluster_id)
                note(cluster_id)
                return self._until_up(cluster_id) if wait else cluster_id

            yield make
            if not spare():
                self.end(made)

    def end(self, cluster_ids: Iterable[str]) -> None:
        """End clusters, protected or not, and wait until they are gone."""
        found = [describe_cluster(self._emr, cluster_id) for cluster_id in cluster_ids]
        live = [cluster.id for cluster in found if not is_final(ClusterState(cluster.state))]
        for cluster_id in live:
            # One that ends by itself in this moment takes no changes any more.
            with suppress(ClientError):
                self._emr.set_termination_protection(JobFlowIds=[cluster_id], TerminationProtected=False)
            self._emr.terminate_job_flows(JobFlowIds=[cluster_id])
        for cluster_id in live:
            wait_for_cluster(self._emr, cluster_id, *_FINAL, timeout=SECONDS)

    def _launch(self, name: str, overrides: dict[str, Any]) -> str:
        request = self._shape.request(name, overrides)
        if request.get("LogUri", "").startswith(f"s3://{LOG_BUCKET}/"):
            self._make_log_bucket()
        return str(self._emr.run_job_flow(**request)["JobFlowId"])

    def _until_up(self, cluster_id: str) -> str:
        """A transient cluster may have done its work and be gone when it is looked at: that is fine."""
        cluster = wait_for_cluster(self._emr, cluster_id, timeout=SECONDS)
        if cluster.state == ClusterState.TERMINATED_WITH_ERRORS:
            raise DidNotComeUp(f"{cluster}")
        return cluster_id

    def _make_log_bucket(self) -> None:
        self._s3.create_bucket(Bucket=LOG_BUCKET)

    # The next test's clean start

    def reset(self) -> None:
        """Bring everything back but the warm cluster: HDFS, S3, other clusters, all that moto holds.

        What stays is said in docs/pytest.md: EMR cannot unlist a step, and files that a step
        wrote to a node's own disk are the node's.
        """
        cluster_id = self._warm_id()
        kept = cluster_id is not None and describe_cluster(self._emr, cluster_id).state in _UP
        if kept:
            self._tidy(str(cluster_id))
        self._post("/moto-api/reset" + (f"?keep={cluster_id}" if kept else ""))
        if kept and self._shape.log_uri:
            self._make_log_bucket()
        if not kept:
            self._warm_file.unlink(missing_ok=True)

    def _tidy(self, cluster_id: str) -> None:
        """Cancel what still runs, and take back what a test may have changed in the cluster."""
        steps = self._emr.list_steps(ClusterId=cluster_id, StepStates=_UNFINISHED)["Steps"]
        if steps:
            ids = [step["Id"] for step in steps]
            self._emr.cancel_steps(ClusterId=cluster_id, StepIds=ids, StepCancellationOption="TERMINATE_PROCESS")
            for step_id in ids:
                wait_for_step(self._emr, cluster_id, step_id, timeout=SECONDS)
        now = self._emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
        if now["TerminationProtected"]:
            self._emr.set_termination_protection(JobFlowIds=[cluster_id], TerminationProtected=False)
        if now["AutoTerminate"]:
            self._emr.set_keep_job_flow_alive_when_no_steps(JobFlowIds=[cluster_id], KeepJobFlowAliveWhenNoSteps=True)
        if now["Tags"]:
            self._emr.remove_tags(ResourceId=cluster_id, TagKeys=[tag["Key"] for tag in now["Tags"]])

    def _post(self, path: str) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"{self.emulator.url}{path}", data=b"", method="POST")
        try:
            with opener.open(request, timeout=SECONDS) as answer:
                json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            log_file = self.emulator.log_file
            raise EndpointError(f"the emulator could not be reset: {text}; its log is {log_file}") from error
        except OSError as error:
            raise EndpointError(
                f"the emulator does not answer any more ({error}); its log, {self.emulator.log_file}, "
                f"ends with: {self.emulator.last_words()}") from error


_FINAL = [str(state) for state in ClusterState if is_final(state)]
