"""One client connection: HTTP/1.1 with keep-alive, the request kept as it came.

werkzeug's own handler closes every connection, unquotes the path, folds header names and
answers ``Expect: 100-continue`` before anybody has looked at the request.  This one keeps
the raw request target and the header lines for whoever forwards them, and reads a body
only when it is asked for.
"""

from __future__ import annotations

import logging
import select
import socket
import time
from collections.abc import Iterable
from typing import Any
from wsgiref.types import WSGIEnvironment

from werkzeug.serving import WSGIRequestHandler

from emrlite.api.body import Body

log = logging.getLogger(__name__)

#: Keys of the WSGI environment that hold the request as it came.
RAW_TARGET = "emrlite.target"
RAW_HEADERS = "emrlite.headers"

#: How long a refused upload may go on before its connection is cut.
LINGER = 10.0


class Connection(WSGIRequestHandler):
    """Serves the requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    rbufsize = 1 << 16
    wbufsize = 1 << 16
    #: Set by `emrlite.api.http`: all open connections, to close them at the end.
    connections: set[Connection]
    busy = False

    def setup(self) -> None:
        super().setup()
        self.connections.add(self)

    def finish(self) -> None:
        self.connections.discard(self)
        try:
            super().finish()
        except ConnectionError:
            pass  # the client is gone; there is nobody to tell

    def parse_request(self) -> bool:
        done = super().parse_request()
        if done and "close" in [token.strip().lower() for token in self.headers.get("Connection", "").split(",")]:
            self.close_connection = True
        return done

    def handle_expect_100(self) -> bool:
        return True  # said when the body is first read (`Body`)

    def make_environ(self) -> WSGIEnvironment:
        environ = super().make_environ()
        # `self.path` has lost a second leading slash; the request line has not.
        target = self.requestline.split()[1]
        if target.startswith(("http://", "https://")):
            target = "/" + target.split("/", 3)[3] if target.count("/") > 2 else "/"
        environ[RAW_TARGET] = target
        environ[RAW_HEADERS] = list(self.headers.items())
        environ["wsgi.input"] = self.body
        environ["wsgi.input_terminated"] = True
        return environ

    def _make_body(self) -> Body:
        lengths = {value.strip() for value in self.headers.get_all("Content-Length", [])}
        codings = ",".join(self.headers.get_all("Transfer-Encoding", [])).strip().lower()
        if codings and (codings != "chunked" or lengths):
            raise ValueError("a body has either a Content-Length or Transfer-Encoding: chunked")
        if len(lengths) > 1 or not all(length.isascii() and length.isdigit() for length in lengths):
            raise ValueError(f"Content-Length {', '.join(sorted(lengths))!r} is no length")
        expects = self.headers.get("Expect", "").strip().lower() == "100-continue"
        length = None if codings else int(next(iter(lengths), "0"))
        return Body(self.rfile, length, self._continue if expects else None)

    def _continue(self) -> None:
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.wfile.flush()

    def run_wsgi(self) -> None:
        """Answer one request."""
        self.busy = True
        try:
            self.body = self._make_body()
        except ValueError as error:
            self.close_connection = True
            self.send_error(400, explain=str(error))
            self.busy = False
            return
        self._sent = False
        answer: Iterable[bytes] = ()
        try:
            self.environ = self.make_environ()
            answer = self.server.app(self.environ, self._start_response)
            self._write_answer(answer)
        except ConnectionError as error:
            log.debug("%s: the client went away: %s", self.requestline, error)
            self.close_connection = True
        except Exception:
            # Whatever was sent is not whole: cut the connection, so that the client sees it.
            log.exception("%s: the answer broke off", self.requestline)
            self.close_connection = True
        finally:
            if hasattr(answer, "close"):
                answer.close()
            self.busy = False
        if self.close_connection and not self.body.complete and self._sent:
            self._linger()

    def _start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        self._status, self._answer_headers = status, headers
        return None

    def _write_answer(self, answer: Iterable[bytes]) -> None:
        iterator = iter(answer)
        first = next(iterator, b"")  # what fails before its first byte can still be answered
        code, _, reason = self._status.partition(" ")
        names = {name.lower() for name, _ in self._answer_headers}
        bodiless = self.command == "HEAD" or code in ("204", "304") or code.startswith("1")
        chunked = not bodiless and "content-length" not in names
        if chunked and self.request_version < "HTTP/1.1":
            chunked, self.close_connection = False, True
        if not self.body.drain():
            self.close_connection = True
        self.log_request(code)
        self.send_response_only(int(code), reason)
        for name, value in self._answer_headers:
            self.send_header(name, value)
        if "date" not in names:
            self.send_header("Date", self.date_time_string())
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        if self.close_connection:
            self.send_header("Connection", "close")
        elif self.request_version < "HTTP/1.1":
            self.send_header("Connection", "keep-alive")
        self.end_headers()
        self._sent = True
        while not bodiless:
            if first:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(first), first) if chunked else first)
                self.wfile.flush()
            try:
                first = next(iterator)
            except StopIteration:
                break
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _linger(self) -> None:
        """Let a client that is still sending see the answer, not a reset connection."""
        end = time.monotonic() + LINGER
        try:
            self.connection.shutdown(socket.SHUT_WR)
            while (left := end - time.monotonic()) > 0:
                readable, _, _ = select.select([self.connection], [], [], left)
                if not readable or not self.connection.recv(1 << 18):
                    break
        except OSError as error:
            log.debug("%s: while waiting for the client to end: %s", self.requestline, error)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        log.debug("%s %s %s", self.client_address[0], self.requestline, code)

    def log(self, type: str, message: str, *args: Any) -> None:
        log.debug(message, *args)

    def log_error(self, format: str, *args: Any) -> None:
        log.debug(format, *args)

    def version_string(self) -> str:
        return "emrlite"
