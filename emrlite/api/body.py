"""The body of one HTTP request, read only as far as it is asked for and never past its end."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any
from wsgiref.types import WSGIEnvironment

#: An unread rest of a body up to this size is read away; a connection with more left is closed.
DRAIN = 1 << 16
#: A length in hexadecimal, extensions and all, is never longer.
CHUNK_LINE = 4096


class BodyBroken(ConnectionError):
    """The client went away, or its chunks are no chunks, before the body was complete."""


class Body(io.RawIOBase):
    """The body of one request, of a given length or chunked; never reads past its end."""

    def __init__(
        self, stream: io.BufferedIOBase, length: int | None, on_first_read: Callable[[], None] | None = None
    ) -> None:
        self._stream = stream
        self._chunked = length is None
        self._left = length or 0  # in the body, or in the current chunk
        self._on_first_read = on_first_read
        self.complete = length == 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._on_first_read and not self.complete:
            self._on_first_read()
            self._on_first_read = None
        if self._chunked and not self._left and not self.complete:
            self._next_chunk()
        if self.complete:
            return 0
        data = self._stream.read1(min(len(buffer), self._left))
        if not data:
            raise BodyBroken("the client closed its connection in the middle of the body")
        buffer[: len(data)] = data
        self._left -= len(data)
        if not self._left:
            if self._chunked:
                self._line()
            else:
                self.complete = True
        return len(data)

    def _next_chunk(self) -> None:
        size = self._line().split(b";")[0].strip()
        try:
            self._left = int(size, 16)
        except ValueError:
            raise BodyBroken(f"{size[:40]!r} is not the length of a chunk") from None
        if self._left < 0:
            raise BodyBroken("a chunk of negative length")
        if not self._left:
            while self._line():  # trailers
                pass
            self.complete = True

    def _line(self) -> bytes:
        line = self._stream.readline(CHUNK_LINE)
        if not line.endswith(b"\n"):
            raise BodyBroken("a chunked body ends in the middle of a line")
        return line.rstrip(b"\r\n")

    def drain(self) -> bool:
        """Read a small rest away; tell whether the connection can serve another request."""
        if self._on_first_read and not self.complete:
            return False  # the client waits for "100 Continue" and may never send it
        if self.complete or self._chunked or self._left > DRAIN:
            return self.complete
        try:
            while self.read(DRAIN):
                pass
        except ConnectionError:
            return False
        return self.complete


def read_all(environ: WSGIEnvironment, limit: int) -> bytes | None:
    """Read the whole body, or return ``None`` as soon as it is longer than *limit* bytes."""
    body = environ["wsgi.input"]
    parts, size = [], 0
    while data := body.read(1 << 16):
        size += len(data)
        if size > limit:
            return None
        parts.append(data)
    return b"".join(parts)
