"""The endpoint: a socket, a server thread, and which room answers a request."""

from __future__ import annotations

import errno
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import psutil
from werkzeug.serving import make_server

from emrlite.api.connection import Connection
from emrlite.api.guard import Guard
from emrlite.errors import AccessDeniedException, EndpointError, PortTaken, ServiceError

log = logging.getLogger(__name__)

#: Under this path emrlite answers about itself, in JSON.
OWN = "/_emrlite/"

#: A JSON answer to a query: ``/_emrlite/health`` and whatever the server adds.
Route = Callable[[Mapping[str, str]], Any]


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen; a taken port is a `PortTaken` that says by whom."""
    # With its protocol named, and inherited by accepted sockets, so that TCP_NODELAY is not lost.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"port {port} of {host} is taken by {_holder(port)}; stop that, or choose another with --port"
            ) from error
        raise EndpointError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    return sock


def _holder(port: int) -> str:
    """Say who listens on *port*, as far as this user may know."""
    try:
        listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        pid = next((c.pid for c in listening if c.laddr and c.laddr.port == port and c.pid), None)
        if pid:
            command = " ".join(psutil.Process(pid).cmdline())[:120]
            return f"process {pid} ({command})"
    except psutil.Error as error:
        log.debug("who listens on port %d: %s", port, error)
    return "another process (whose, this user may not see)"


class Application:
    """The WSGI application: guard first, then emrlite's own pages, then AWS."""

    def __init__(self, guard: Guard, aws: WSGIApplication, routes: Mapping[str, Route]) -> None:
        self.guard = guard
        self.aws = aws
        #: Path -> callable; the server may add to it at any time.
        self.routes: dict[str, Route] = dict(routes)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        host, origin = environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN")
        try:
            self.guard.check(host, origin, environ.get("HTTP_SEC_FETCH_SITE"))
        except AccessDeniedException as error:
            return answer_json(start_response, 403, {"__type": error.code, "message": error.message})
        if origin is not None:
            if environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
                start_response("204 No Content", _cors(origin, environ))
                return []
            start_response = _with_cors(start_response, origin, environ)
        if environ["PATH_INFO"].startswith(OWN):
            return self._own(environ, start_response)
        try:
            return self.aws(environ, start_response)
        except ConnectionError:
            raise  # the client is gone
        except Exception:
            log.exception("%s %s failed", environ["REQUEST_METHOD"], environ["PATH_INFO"])
            text = "emrlite failed while it answered; its log has the details"
            return answer_json(start_response, 500, {"__type": "InternalServerException", "message": text})

    def _own(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        route = self.routes.get(environ["PATH_INFO"])
        if route is None:
            text = f"there is no {environ['PATH_INFO']}; there is {', '.join(sorted(self.routes))}"
            return answer_json(start_response, 404, {"message": text})
        query = {name: values[-1] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        try:
            return answer_json(start_response, 200, route(query))
        except ServiceError as error:
            return answer_json(start_response, error.status, {"__type": error.code, "message": error.message})
        except Exception:
            log.exception("%s failed", environ["PATH_INFO"])
            return answer_json(start_response, 500, {"message": "emrlite failed; its log says why"})


def answer_json(start_response: StartResponse, status: int, content: Any) -> list[bytes]:
    """Answer *content* as a small JSON document."""
    body = json.dumps(content).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(f"{status} {REASONS.get(status, 'Error')}", headers)
    return [body]


REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 413: "Content Too Large",
           500: "Internal Server Error", 503: "Service Unavailable"}


def _cors(origin: str, environ: WSGIEnvironment) -> list[tuple[str, str]]:
    return [
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Methods", "DELETE, GET, HEAD, PATCH, POST, PUT"),
        ("Access-Control-Allow-Headers", environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "*")),
        ("Access-Control-Expose-Headers", "ETag, x-amzn-RequestId, x-amz-request-id, x-amzn-ErrorType"),
        ("Vary", "Origin"),
    ]


def _with_cors(start_response: StartResponse, origin: str, environ: WSGIEnvironment) -> StartResponse:
    """Let the page of an allowed origin read the answer, whoever gives it."""

    def start(status: str, headers: list[tuple[str, str]], _exc_info: Any = None, /) -> Any:
        kept = [(name, value) for name, value in headers if not name.lower().startswith("access-control-")]
        return start_response(status, kept + _cors(origin, environ))

    return start


class Endpoint:
    """``with Endpoint(sock, app)``: serves *app* on a socket that listens, until the block ends."""

    #: How long answers that are on their way at the end may still take.
    GRACE = 3.0

    def __init__(self, sock: socket.socket, app: WSGIApplication) -> None:
        self.host, self.port = sock.getsockname()[:2]
        self.url = f"http://{self.host}:{self.port}"
        self._connections: set[Connection] = set()
        handler = type("_Connection", (Connection,), {"connections": self._connections})
        self._server = make_server(
            self.host, self.port, app, threaded=True, request_handler=handler, fd=sock.fileno())
        sock.close()  # the server has its own descriptor of it
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="endpoint")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutdown = threading.Thread(target=self._server.shutdown, name="endpoint-shutdown")
        shutdown.start()
        with suppress(OSError), socket.create_connection((self.host, self.port), timeout=1):
            shutdown.join()  # who waits for connections has got one, and sees that it shall end
        shutdown.join()
        self._server.server_close()
        self._thread.join()
        deadline = threading.Event()
        for _ in range(int(self.GRACE / 0.01)):
            self._cut([connection for connection in list(self._connections) if not connection.busy])
            if not self._connections or deadline.wait(0.01):
                return
        log.info("%d answers were cut off at the end", len(self._connections))
        self._cut(list(self._connections))

    @staticmethod
    def _cut(connections: Iterable[Connection]) -> None:
        for connection in connections:
            try:
                connection.connection.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                log.debug("a connection was gone before it was cut: %s", error)
