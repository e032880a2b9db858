"""What tests say: put data into S3, run a step on a cluster, read its result, assert how it ended.

The fixtures (`emr_client`, `s3_client`, `emr_cluster`, `emr_clusters`) are of `emrlite.pytest_plugin`.
"""

from emrlite.testing.objects import read_table, upload
from emrlite.testing.steps import (
    Cluster,
    Step,
    TimedOut,
    assert_completed,
    assert_failed,
    assert_state,
    describe_cluster,
    describe_step,
    read_log,
    run_step,
    wait_for_cluster,
    wait_for_step,
)

__all__ = [
    "Cluster", "Step", "TimedOut", "assert_completed", "assert_failed", "assert_state", "describe_cluster",
    "describe_step", "read_log", "read_table", "run_step", "upload", "wait_for_cluster", "wait_for_step",
]
