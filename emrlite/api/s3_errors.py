"""Errors in S3's XML form."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from wsgiref.types import StartResponse
from xml.sax.saxutils import escape


@dataclass(frozen=True, kw_only=True)
class S3Refusal:
    """What S3 would answer instead of doing it."""

    status: str
    code: str
    message: str
    resource: str = ""

    def answer(self, start_response: StartResponse) -> Iterable[bytes]:
        headers, body = xml(self.code, self.message, self.resource)
        start_response(self.status, [*headers, ("Content-Length", str(len(body)))])
        return [body]


def xml(code: str, message: str, resource: str = "") -> tuple[list[tuple[str, str]], bytes]:
    """Return headers and body of an error."""
    request_id = uuid.uuid4().hex[:16].upper()
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{_text(message)}</Message><Resource>{_text(resource)}</Resource>"
        f"<RequestId>{request_id}</RequestId></Error>"
    )
    return [("Content-Type", "application/xml"), ("x-amz-request-id", request_id)], body.encode()


def _text(text: str) -> str:
    """Escape *text*, without the characters that XML cannot hold."""
    return escape("".join(c if c >= " " and not "\ud800" <= c <= "\udfff" else "\ufffd" for c in text))


def gone(reason: str) -> tuple[list[tuple[str, str]], bytes]:
    """Say that the S3 server cannot be reached."""
    return xml("ServiceUnavailable", f"emrlite's S3 server is not there: {reason}")
