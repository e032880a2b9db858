"""Pass a request on to another HTTP server and its answer back, byte for byte.

The raw request target, the spelling, order and repetition of headers, chunked bodies in both
directions and an answer that comes before the body is read all survive.  Nothing is held in
memory and no answer has a time limit: one connection to the server for each request.
"""

from __future__ import annotations

import logging
import select
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

from emrlite.api.connection import RAW_HEADERS, RAW_TARGET
from emrlite.errors import EmrliteError

log = logging.getLogger(__name__)

CHUNK = 1 << 16
CONNECT_SECONDS = 10.0
_HOP_BY_HOP = {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
               "trailer", "transfer-encoding", "upgrade"}

#: Tells in the service's own form that it cannot be reached: ``gone(reason) -> (headers, body)``.
Gone = Callable[[str], tuple[list[tuple[str, str]], bytes]]


class AnswerBrokeOff(ConnectionError):
    """The server went away in the middle of its answer."""


class Forwarder:
    """A WSGI application that is somebody else's server, at the URL that *base* returns now."""

    def __init__(self, base: Callable[[], str], gone: Gone) -> None:
        self._base = base
        self._gone = gone

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse, extra: Iterable[tuple[str, str]] = ()
    ) -> Iterable[bytes]:
        try:
            base = self._base()
        except EmrliteError as error:
            return self._unavailable(start_response, str(error))
        try:
            connection = _connect(base)
        except OSError as error:
            return self._unavailable(start_response, f"{base} does not answer: {error}")
        try:
            _send(connection, environ, extra)
            response = HTTPResponse(connection, method=environ["REQUEST_METHOD"])
            response.begin()
        except ClientLeft:
            connection.close()  # with the body cut short, so that the server keeps nothing of it
            raise
        except (OSError, HTTPException) as error:
            connection.close()
            return self._unavailable(start_response, f"{base} broke off before it answered: {error!r}")
        headers = [(name, value) for name, value in response.headers.items() if name.lower() not in _HOP_BY_HOP]
        start_response(f"{response.status} {response.reason}", headers)
        return _relay(response, connection)

    def _unavailable(self, start_response: StartResponse, reason: str) -> list[bytes]:
        log.warning("%s", reason)
        headers, body = self._gone(reason)
        start_response("503 Service Unavailable", [*headers, ("Content-Length", str(len(body)))])
        return [body]


class ClientLeft(ConnectionError):
    """The client's body broke off."""


def _connect(base: str) -> socket.socket:
    parts = urlsplit(base)
    secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    connection = socket.create_connection((host, port), timeout=CONNECT_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if secure:
        connection = ssl.create_default_context().wrap_socket(connection, server_hostname=host)
    connection.settimeout(None)
    return connection


def _send(connection: socket.socket, environ: WSGIEnvironment, extra: Iterable[tuple[str, str]]) -> None:
    received: list[tuple[str, str]] = environ[RAW_HEADERS]
    named = {token.strip().lower() for name, value in received if name.lower() == "connection"
             for token in value.split(",")}
    # 100 Continue is between the client and us: it is said when its body is read.
    dropped = _HOP_BY_HOP | named | {"expect"}
    lines = [f"{environ['REQUEST_METHOD']} {environ[RAW_TARGET]} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in [*received, *extra] if name.lower() not in dropped]
    chunked = "HTTP_TRANSFER_ENCODING" in environ
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    lines.append("Connection: close")
    _push(connection, "\r\n".join([*lines, "", ""]).encode("latin-1"))
    for data in _body(environ["wsgi.input"]):
        framed = b"%x\r\n%b\r\n" % (len(data), data) if chunked else data
        if not _push(connection, framed):
            return  # it answered already, and will read no more
    if chunked:
        _push(connection, b"0\r\n\r\n")


def _body(stream: Any) -> Iterator[bytes]:
    try:
        while data := stream.read(CHUNK):
            yield data
    except OSError as error:
        raise ClientLeft(str(error)) from error


def _push(connection: socket.socket, data: bytes) -> bool:
    """Send *data*; ``False`` as soon as the server answers (or hangs up) instead of reading it."""
    if isinstance(connection, ssl.SSLSocket):
        connection.sendall(data)
        return True
    view = memoryview(data)
    while view:
        readable, writable, _ = select.select([connection], [connection], [])
        if readable:
            return False
        try:
            if writable:
                view = view[connection.send(view):]
        except (BrokenPipeError, ConnectionResetError) as error:
            log.debug("the server stopped reading: %s", error)
            return False  # its answer may be there all the same
    return True


def _relay(response: HTTPResponse, connection: socket.socket) -> Iterator[bytes]:
    expected = response.length  # None: chunked, or until the connection ends
    read = 0
    try:
        while data := response.read1(CHUNK):
            read += len(data)
            yield data
        if expected is not None and read < expected:
            raise AnswerBrokeOff(f"{read} of {expected} bytes came")
    except HTTPException as error:
        raise AnswerBrokeOff(repr(error)) from error
    finally:
        response.close()
        connection.close()
