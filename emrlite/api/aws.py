"""All of AWS on one port: EMR is answered here, S3 and the rest are passed on."""

from __future__ import annotations

import http.client
import io
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

from emrlite.api import neighbours, pretend, routing, s3_errors, s3_keys
from emrlite.api.accounts import ACCOUNT_HEADER, Accounts
from emrlite.api.body import read_all
from emrlite.api.connection import RAW_HEADERS, RAW_TARGET
from emrlite.api.emr.app_uis import AppPages
from emrlite.api.emr.lookup import Clusters
from emrlite.api.emr.operations import emr
from emrlite.api.emr.waiting import is_waiter
from emrlite.api.forward import Forwarder
from emrlite.api.history_pages import HistoryPages
from emrlite.api.http import REASONS, answer_json
from emrlite.api.protocol import MAX_BODY, Call
from emrlite.api.routing import Caller, Destination
from emrlite.errors import AccessDeniedException
from emrlite.settings import Settings

log = logging.getLogger(__name__)

RESET = "/moto-api/reset"
#: How long a reset waits until all clusters are gone.
RESET_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Neighbourhood:
    """Where the others are.  The URLs are asked for at each call: servers come and go."""

    s3_url: Callable[[], str]
    #: Starts moto if it does not run, and returns its URL.
    moto_url: Callable[[], str]
    moto_runs: Callable[[], bool]
    bucket_exists: Callable[[str], bool]
    #: Folder of the buckets where the S3 server keeps objects as files; such a server confuses some keys.
    buckets: Path | None = None
    #: Spark's pages; ``None`` where none runs.
    pages: AppPages | None = None
    #: Of the history server, while there is one.
    history_url: Callable[[], str | None] = lambda: None


class Aws:
    """The WSGI application behind the guard."""

    def __init__(
        self, settings: Settings, clusters: Clusters, others: Neighbourhood, stopped: threading.Event | None = None
    ) -> None:
        self._settings = settings
        self._clusters = clusters
        self._others = others
        self._emr = emr(clusters, others.bucket_exists, stopped, others.pages)
        self._s3 = Forwarder(others.s3_url, s3_errors.gone)
        self._accounts = Accounts(others.moto_url, others.moto_runs)
        self._moto = Forwarder(others.moto_url, neighbours.gone)
        self._history = HistoryPages(others.history_url)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        who = routing.caller(environ)
        if environ["PATH_INFO"] == RESET and environ["REQUEST_METHOD"] == "POST":
            return self._reset(environ, start_response)
        if self._history.wants(environ, who):
            return self._history(environ, start_response)
        body: bytes | None = b""
        if routing.wants_body(environ, who):
            body = read_all(environ, MAX_BODY)
            environ["wsgi.input"] = io.BytesIO(body or b"")
        where = routing.destination(environ, who, body or b"")
        if where is Destination.EMR:
            return self._answer_emr(environ, start_response, who, body)
        if body is None:
            return answer_json(start_response, 413, {
                "__type": "RequestEntityTooLargeException", "message": f"The request is larger than {MAX_BODY} bytes."})
        if where is Destination.S3:
            return self._answer_s3(environ, start_response)
        try:
            if not self._settings.allow_pretend:
                pretend.check(who.service, environ, body)
        except AccessDeniedException as error:
            log.info("%s", error.message)
            headers, text = pretend.refusal(who.service, error)
            start_response("400 Bad Request", [*headers, ("Content-Length", str(len(text)))])
            return [text]
        return self._moto(environ, start_response, _account_header(environ, who))

    def _answer_emr(
        self, environ: WSGIEnvironment, start_response: StartResponse, who: Caller, body: bytes | None
    ) -> Iterable[bytes]:
        if body == b"" and not routing.wants_body(environ, who):
            body = read_all(environ, MAX_BODY)
        call = Call(
            account=self._accounts.of(who, environ.get("HTTP_X_MOTO_ACCOUNT_ID")),
            region=who.region or self._settings.region,
            waits=is_waiter(environ.get("HTTP_USER_AGENT", "")),
        )
        reply = self._emr.handle(call, environ.get("HTTP_X_AMZ_TARGET", ""), environ.get("CONTENT_TYPE", ""), body)
        start_response(f"{reply.status} {REASONS.get(reply.status, 'Error')}", reply.headers)
        return [reply.body]

    def _answer_s3(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self._others.buckets is not None:
            method, target, body = environ["REQUEST_METHOD"], environ[RAW_TARGET], b""
            if s3_keys.is_bulk_delete(method, target):
                body = read_all(environ, MAX_BODY) or b""
                environ["wsgi.input"] = io.BytesIO(body)
            if refusal := s3_keys.check(method, target, environ[RAW_HEADERS], body, self._others.buckets):
                return refusal.answer(start_response)
        if self._settings.s3 in ("local", "moto") and environ["REQUEST_METHOD"] == "PUT":
            environ[RAW_HEADERS] = [_no_form(name, value) for name, value in environ[RAW_HEADERS]]
        return self._s3(environ, start_response)

    def _reset(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """End all clusters, then wipe moto; buckets of a local S3 server stay.

        ``?keep=j-…`` spares a cluster, whose HDFS is wiped then: a test's clean start at little cost.
        """
        self._clusters.reset(RESET_SECONDS, frozenset(parse_qs(environ["QUERY_STRING"]).get("keep", ())))
        self._accounts.forget()
        if self._others.moto_runs():
            parts = urlsplit(self._others.moto_url())
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
            try:
                connection.request("POST", RESET)
                connection.getresponse().read()
            finally:
                connection.close()
        return answer_json(start_response, 200, {"status": "ok"})


def _no_form(name: str, value: str) -> tuple[str, str]:
    """S3Proxy and moto read an object that calls itself a form (urllib's and curl's default) and store nothing."""
    is_form = name.lower() == "content-type" and value.lower().startswith("application/x-www-form-urlencoded")
    return (name, "binary/octet-stream") if is_form else (name, value)


def _account_header(environ: WSGIEnvironment, who: Caller) -> list[tuple[str, str]]:
    """Tell moto about a key that is an account number, so that all services see the same account."""
    is_number = len(who.access_key) == 12 and who.access_key.isdecimal()
    return [(ACCOUNT_HEADER, who.access_key)] if is_number and "HTTP_X_MOTO_ACCOUNT_ID" not in environ else []
