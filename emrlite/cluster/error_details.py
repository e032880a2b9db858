"""``ErrorDetails`` of a cluster that ended with errors.  Pure.

EMR documents them for bootstrap actions on the primary instance; of its other codes none can come about here
(capacity, quotas, subnets).  A lost node has a reason, but no detail, as on EMR.
"""

from __future__ import annotations

from emrlite.cluster.model import BootstrapAction, ErrorDetail, NodeSpec, Role
from emrlite.node.driver import ProcessSeen

_PAGES = "https://docs.aws.amazon.com/emr/latest/ManagementGuide"


def of_bootstrap(node: NodeSpec, number: int, action: BootstrapAction, at: ProcessSeen) -> tuple[ErrorDetail, ...]:
    """What there is to say of bootstrap action *number*, from 1, that failed on *node*."""
    if node.role is not Role.MASTER or at.exit_code is None:
        return ()
    data = {"primary-instance-id": node.instance_id, "bootstrap-action": str(number)}
    where = f"bootstrap action {number} ({action.path}) on the primary instance {node.instance_id}"
    if at.failure is not None:
        code, message = "BOOTSTRAP_FAILURE_BA_DOWNLOAD_FAILED_PRIMARY", f"{where} could not be fetched"
        message += f": {at.failure.message}"
    else:
        code, message = "BOOTSTRAP_FAILURE_PRIMARY_WITH_NON_ZERO_CODE", f"{where} ended with code {at.exit_code}"
        data["return-code"] = str(at.exit_code)
    page = f"{_PAGES}/{code}.html"
    data |= {"amazon-s3-path": action.path, "public-doc": page}
    return (ErrorDetail(code=code, message=f"{message[:1].upper()}{message[1:]}; see {page}", data=data),)
