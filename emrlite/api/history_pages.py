"""The pages of the history server below ``/shs`` of the endpoint, where EMR's own host for them has it.

Clients take scheme and host of a presigned URL and go on from there with ``/shs/api/v1/…``.  No bucket is in the way:
calls to S3 are signed, and these are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

from emrlite.api.connection import RAW_TARGET
from emrlite.api.forward import Forwarder
from emrlite.api.routing import Caller
from emrlite.node.history import BASE


class HistoryPages:
    """A WSGI application that hands requests below `BASE` on to the server at *url*, while there is one."""

    def __init__(self, url: Callable[[], str | None]) -> None:
        self._url = url
        self._forward = Forwarder(lambda: url() or "", _gone)

    def wants(self, environ: WSGIEnvironment, who: Caller) -> bool:
        """Tell whether the request is for these pages."""
        path = environ["PATH_INFO"]
        ours = path == BASE or path.startswith(f"{BASE}/")
        signed = bool(who.service or who.access_key or environ.get("HTTP_AUTHORIZATION"))
        return ours and not signed and environ["REQUEST_METHOD"] in ("GET", "HEAD") and self._url() is not None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        target: str = environ[RAW_TARGET].removeprefix(BASE)

        def start(status: str, headers: list[tuple[str, str]], _exc_info: Any = None, /) -> Any:
            return start_response(status, [_moved(name, value) for name, value in headers])

        environ[RAW_TARGET] = target if target.startswith("/") else f"/{target}"
        return self._forward(environ, start)


def _moved(name: str, value: str) -> tuple[str, str]:
    """The server does not know its base where it redirects."""
    if name.lower() != "location":
        return name, value
    parts = urlsplit(value)
    below = parts.path == BASE or parts.path.startswith(f"{BASE}/")
    path = parts.path if below else f"{BASE}{parts.path}"
    return name, parts._replace(scheme="", netloc="", path=path).geturl()


def _gone(reason: str) -> tuple[list[tuple[str, str]], bytes]:
    return [("Content-Type", "text/plain; charset=utf-8")], f"Spark's history server: {reason}\n".encode()
