"""What a client reads of a cluster that ended with errors."""

import pytest
from simulation import Simulation, nodes, spec, step

from emrlite.api.emr import describe
from emrlite.cluster.error_details import of_bootstrap
from emrlite.cluster.model import BootstrapAction, Failure
from emrlite.node.driver import ProcessSeen

SCRIPT = BootstrapAction(name="install", path="s3://code/install.sh")
MASTER, CORE = nodes()


def test_a_bootstrap_action_that_fails_on_the_master_is_told_with_its_number_code_and_script(tmp_path):
    asked = spec(bootstrap_actions=(SCRIPT,), core=0)
    sim = Simulation(tmp_path, asked, bootstrap_exits={"master": 7}).settle()
    status = describe.cluster(sim.store.record(sim.id))["Status"]

    (error,) = status["ErrorDetails"]
    assert error["ErrorCode"] == "BOOTSTRAP_FAILURE_PRIMARY_WITH_NON_ZERO_CODE"
    page = f"https://docs.aws.amazon.com/emr/latest/ManagementGuide/{error['ErrorCode']}.html"
    assert error["ErrorData"] == [{
        "primary-instance-id": MASTER.instance_id, "bootstrap-action": "1", "return-code": "7",
        "amazon-s3-path": "s3://code/install.sh", "public-doc": page}]
    assert error["ErrorMessage"] == (
        f"Bootstrap action 1 (s3://code/install.sh) on the primary instance {MASTER.instance_id} ended with code 7; "
        f"see {page}")
    assert describe.cluster_summary(sim.store.record(sim.id))["Status"] == status


def test_a_script_that_could_not_be_fetched_has_a_code_of_its_own():
    why = Failure(reason="", message="s3://code/install.sh cannot be read: NoSuchKey", log_file="")
    (error,) = of_bootstrap(MASTER, 2, SCRIPT, ProcessSeen(started=1, ended=2, exit_code=1, failure=why))

    assert error.code == "BOOTSTRAP_FAILURE_BA_DOWNLOAD_FAILED_PRIMARY"
    assert "return-code" not in error.data
    assert "Bootstrap action 2 (s3://code/install.sh)" in error.message
    assert "cannot be read: NoSuchKey; see https://" in error.message


@pytest.mark.parametrize(("node", "exit_code"), [(CORE, 1), (MASTER, None)])
def test_emr_documents_no_details_for_workers_nor_for_ends_that_nobody_saw(node, exit_code):
    assert of_bootstrap(node, 1, SCRIPT, ProcessSeen(started=1, ended=2, exit_code=exit_code)) == ()


def test_a_lost_node_and_a_failed_step_have_reasons_but_no_details(tmp_path):
    lost = Simulation(tmp_path, spec()).settle()
    lost.driver.kill_daemons("master")
    failed = Simulation(tmp_path, spec(step("a", "TERMINATE_CLUSTER")), exits={"a": 1})
    for sim in (lost, failed):
        sim.settle()
        status = describe.cluster(sim.store.record(sim.id))["Status"]
        assert status["State"] == "TERMINATED_WITH_ERRORS"
        assert status["ErrorDetails"] is None
