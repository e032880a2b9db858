"""Whose call is this: EMR's (ours), S3's, or another service's (moto's)?

What identifies a service is the ``X-Amz-Target`` and the credential scope of the signature.  An
unsigned EMR call is still EMR, and no spelling of one reaches moto, which has an EMR of its
own that only pretends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qs, unquote
from wsgiref.types import WSGIEnvironment

from emrlite.api.connection import RAW_TARGET

_CREDENTIAL = re.compile(r"Credential=([^,\s]+)")
_EMR = "elasticmapreduce"
_EMR_VERSION = "2009-03-31"


class Destination(StrEnum):
    EMR = "emr"
    S3 = "s3"
    MOTO = "moto"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """What a signature says; signatures themselves are not verified."""

    access_key: str = ""
    region: str = ""
    service: str = ""


def caller(environ: WSGIEnvironment) -> Caller:
    """Return who signed the request, in its header or its query."""
    found = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    scope = found[1] if found else _query(environ).get("X-Amz-Credential", [""])[0]
    parts = scope.rsplit("/", 4)
    if len(parts) != 5:
        return Caller(access_key=_query(environ).get("AWSAccessKeyId", [""])[0])
    return Caller(access_key=parts[0], region=parts[2], service=parts[3].lower())


def wants_body(environ: WSGIEnvironment, who: Caller) -> bool:
    """Tell whether the body has to be read to know where the call goes, or whether it only pretends."""
    if who.service == "s3":
        return False
    form = environ.get("CONTENT_TYPE", "").lower().startswith("application/x-www-form-urlencoded")
    return environ["REQUEST_METHOD"] == "POST" and (
        who.service == "states" or "HTTP_X_AMZ_TARGET" in environ or (form and environ["PATH_INFO"] == "/"))


def destination(environ: WSGIEnvironment, who: Caller, body: bytes) -> Destination:
    """Return whose call it is."""
    if is_emr(environ, who, body):
        return Destination.EMR
    if environ["PATH_INFO"].startswith("/moto-api") or "HTTP_X_AMZ_TARGET" in environ:
        return Destination.MOTO
    if who.service:
        return Destination.MOTO if _is_control(environ, who.service) else Destination.S3
    if _is_unsigned_moto(environ, body):
        return Destination.MOTO
    return Destination.S3


def is_emr(environ: WSGIEnvironment, who: Caller, body: bytes) -> bool:
    """Tell whether the call is for EMR in any form that moto would take for its own EMR."""
    if environ.get("HTTP_X_AMZ_TARGET", "").lower().startswith(_EMR):
        return True
    scope = environ.get("HTTP_AUTHORIZATION", "") + "".join(_query(environ).get("X-Amz-Credential", []))
    if _EMR in unquote(scope).lower() or _EMR in environ.get("HTTP_HOST", "").lower():
        return True
    if who.service:
        return False
    first = environ["PATH_INFO"].split("/")[1].lower() if "/" in environ["PATH_INFO"] else ""
    if _EMR in first and "_" in first:  # moto's calls to itself: /service_region/…
        return True
    form = parse_qs(body.decode(errors="replace")) if body[:1] not in (b"{", b"[") else {}
    return _EMR_VERSION in form.get("Version", []) + _query(environ).get("Version", [])


def _is_control(environ: WSGIEnvironment, service: str) -> bool:
    """Tell whether a signed call is for something else than S3's buckets and objects."""
    return service not in ("s3", "s3express") or environ["PATH_INFO"].startswith("/v20180820/")


def _is_unsigned_moto(environ: WSGIEnvironment, body: bytes) -> bool:
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    if environ.get("HTTP_AUTHORIZATION", "").startswith("AWS ") or "AWSAccessKeyId" in _query(environ):
        return False  # signature version 2 is S3's
    if path.startswith(("/latest/meta-data/", "/latest/api/")) or "/.well-known/" in path or path == "/favicon.ico":
        return True
    if "_" in (path.split("/")[1] if "/" in path else ""):  # no bucket has an underscore
        return True
    return ("Action" in _query(environ) or (method == "POST" and b"Action=" in body)) and path == "/"


def _query(environ: WSGIEnvironment) -> dict[str, list[str]]:
    return parse_qs(environ[RAW_TARGET].partition("?")[2], keep_blank_values=True)
