"""Every other AWS service: moto, in a process of its own, without its EMR.

moto's backends live as long as their process and belong to all of it, so it never shares one
with the emulator or the user's tests.  It keeps its own WSGI server (another one hangs on
empty PUTs).  Its EMR is taken out: CloudFormation would make clusters there that never run.

This module is that process too: `argv` is its command line.
"""

from __future__ import annotations

import copy
import json
import logging
import sys
from typing import Any, NoReturn

#: CloudFormation types whose resources would only pretend.
TYPES = "AWS::EMR::"


def argv(port: int, python: str = sys.executable) -> list[str]:
    """Return the command line of moto's process, listening on 127.0.0.1."""
    # By its file, so that it starts from anywhere; -P, or our http.py beside it would hide Python's.
    return [python, "-P", __file__, "--host", "127.0.0.1", "--port", str(port)]


def environment() -> dict[str, str]:
    """Return what moto's process needs in its environment besides the usual."""
    return {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true", "PYTHONUNBUFFERED": "1"}


def gone(reason: str) -> tuple[list[tuple[str, str]], bytes]:
    """Say that moto cannot be reached."""
    body = {"__type": "ServiceUnavailableException", "message": f"emrlite's moto is not there: {reason}"}
    return [("Content-Type", "application/x-amz-json-1.1")], json.dumps(body).encode()


def take_out_emr() -> None:
    """Remove EMR from moto in this process; fails loudly where moto is not built as we know it."""
    from moto import backend_index
    from moto.cloudformation.exceptions import ValidationError
    from moto.emr import models

    patterns = backend_index.backend_url_patterns
    kept = [(service, pattern) for service, pattern in patterns if service != "emr"]
    if len(kept) == len(patterns):
        raise RuntimeError("this moto lists no EMR to take out; emrlite needs moto>=5.1,<6")
    patterns[:] = kept

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise ValidationError("emrlite", f"emrlite does not make {TYPES} resources of CloudFormation.")

    for kind in vars(models).values():
        if hasattr(kind, "cloudformation_type") and "create_from_cloudformation_json" in vars(kind):
            kind.create_from_cloudformation_json = classmethod(refuse)


def remember_managed_policies() -> None:
    """Let IAM copy AWS's 1,500 managed policies where it reads them anew: in each reset, and at the next call.

    Only for speed, so a moto that is built otherwise is left alone.
    """
    from moto.iam import models

    backends: Any = models.IAMBackend
    read = getattr(backends, "_init_aws_policies", None)
    if read is None:
        return
    known: dict[tuple[str, str], list[Any]] = {}

    def remembered(backend: Any) -> list[Any]:
        of = backend.account_id, backend.region_name
        if of not in known:
            known[of] = read(backend)
        copies = [copy.copy(policy) for policy in known[of]]
        for policy in copies:
            policy.versions, policy.tags = list(policy.versions), dict(policy.tags)
        return copies

    backends._init_aws_policies = remembered  # noqa: SLF001


def main(arguments: list[str]) -> None:
    """Run moto's own server, quietly."""
    from moto import server

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    take_out_emr()
    remember_managed_policies()
    server.main(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
