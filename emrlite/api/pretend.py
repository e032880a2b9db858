"""Calls that moto answers without doing what they ask for: job runs that no one runs.

emrlite promises that what it says happened, happened, and that holds for the whole port.
"""

from __future__ import annotations

import json
import re
from urllib.parse import unquote_plus
from wsgiref.types import WSGIEnvironment
from xml.sax.saxutils import escape

from emrlite.errors import AccessDeniedException

_JOB_TASKS = re.compile(
    r"elasticmapreduce|emr-serverless|emr-containers|aws-sdk:emr|glue:startJobRun|batch:submitJob", re.IGNORECASE)
_TEMPLATE_TYPES = re.compile(r"AWS::EMR[A-Za-z]*::\w+")
_DEFINING = ("AWSStepFunctions.CreateStateMachine", "AWSStepFunctions.UpdateStateMachine", "AWSStepFunctions.TestState")
_WHOLE_SERVICES = {"emr-serverless": "EMR Serverless", "emr-containers": "EMR on EKS"}


def check(service: str, environ: WSGIEnvironment, body: bytes) -> None:
    """Raise `AccessDeniedException` for a call that would only pretend."""
    if what := _pretends(service, environ, body):
        raise AccessDeniedException(
            f"emrlite does not run {what}, and what stands in for it here would only pretend to. "
            "To get the pretended answer all the same, set allow_pretend (EMRLITE_ALLOW_PRETEND=1)."
        )


def refusal(service: str, error: AccessDeniedException) -> tuple[list[tuple[str, str]], bytes]:
    """Return headers and body in the form that the clients of *service* read."""
    if service == "cloudformation":  # the query protocol answers XML
        text = (f"<ErrorResponse><Error><Type>Sender</Type><Code>{error.code}</Code><Message>{escape(error.message)}"
                "</Message></Error><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>")
        return [("Content-Type", "text/xml")], text.encode()
    body = json.dumps({"__type": error.code, "message": error.message}).encode()
    return [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", error.code)], body


def _pretends(service: str, environ: WSGIEnvironment, body: bytes) -> str | None:
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if service in _WHOLE_SERVICES:
        return f"{_WHOLE_SERVICES[service]} ({environ['REQUEST_METHOD']} {environ['PATH_INFO']})"
    if target == "AWSGlue.StartJobRun":
        return "Glue job runs (StartJobRun)"
    if service == "batch" and environ["PATH_INFO"] == "/v1/submitjob":
        return "Batch jobs (SubmitJob)"
    if target.startswith(_DEFINING) and (task := _JOB_TASKS.search(body.decode(errors="replace"))):
        return f"Step Functions' tasks of '{task[0]}' ({target.partition('.')[2]})"
    if service == "cloudformation":
        template = unquote_plus(body.decode(errors="replace"))
        found = _TEMPLATE_TYPES.search(template)
        if found is None and "AWS::StepFunctions" in template:
            found = _JOB_TASKS.search(template)
        return found and f"CloudFormation's '{found[0]}'"
    return None
