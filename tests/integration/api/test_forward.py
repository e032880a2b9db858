"""What is passed on arrives as it was sent, and the answer comes back as it was given."""

from __future__ import annotations

import http.client
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

Serve = Callable[[bytes | Callable[[socket.socket], None]], "Upstream"]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Upstream:
    """A server that reads one request for each connection, byte for byte, and gives a canned answer."""

    def __init__(self, answer: bytes | Callable[[socket.socket], None]) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.answer = answer
        self.requests: list[bytes] = []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(15)
                if callable(self.answer):
                    self.answer(client)
                else:
                    self.requests.append(read_request(client))
                    client.sendall(self.answer)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(20)
        assert not self.thread.is_alive()


def read_request(client: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += client.recv(1)
    head = data.lower()
    if b"transfer-encoding: chunked" in head:
        while not data.endswith(b"0\r\n\r\n"):
            data += client.recv(65536)
    elif b"content-length:" in head:
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        body = b""
        while len(body) < length:
            piece = client.recv(65536)
            if not piece:
                break
            body += piece
        data += body
    return data


@pytest.fixture
def serve() -> Iterator[Serve]:
    made: list[Upstream] = []

    def start(answer: bytes | Callable[[socket.socket], None] = OK) -> Upstream:
        made.append(Upstream(answer))
        return made[-1]

    yield start
    for upstream in made:
        upstream.close()


def exchange(rig: Any, request: bytes) -> bytes:
    with socket.create_connection((rig.endpoint.host, rig.endpoint.port), timeout=15) as client:
        client.sendall(request)
        answer = b""
        while data := client.recv(65536):
            answer += data
        return answer


def test_path_header_case_order_and_repetition_survive(make_rig: Any, serve: Serve) -> None:
    upstream = serve(OK)
    exchange(make_rig(s3=upstream.url), b"GET //b/a%2Fb//c%20d/../x?list-type=2&prefix=a%2F HTTP/1.1\r\n"
             b"Host: localhost:4566\r\nX-Amz-Meta-My_Key: one\r\nx-amz-META-my_key: two\r\n"
             b"Connection: close, X-Hop\r\nX-Hop: 1\r\nUser-Agent: caf\xe9\r\n\r\n")
    assert upstream.requests == [
        (b"GET //b/a%2Fb//c%20d/../x?list-type=2&prefix=a%2F HTTP/1.1\r\nHost: localhost:4566\r\n"
        b"X-Amz-Meta-My_Key: one\r\nx-amz-META-my_key: two\r\nUser-Agent: caf\xe9\r\nConnection: close\r\n\r\n")]


def test_the_answer_keeps_its_headers_and_reason(make_rig: Any, serve: Serve) -> None:
    upstream = serve(b'HTTP/1.1 206 Some Part\r\nETag: "x"\r\nX-aMz-Meta-A: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n'
                     b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    answer = exchange(make_rig(s3=upstream.url), b"GET /b/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    head, body = answer.split(b"\r\n\r\n")
    assert body == b"ok"
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 206 Some Part", b'ETag: "x"', b"X-aMz-Meta-A: 1", b"Set-Cookie: a", b"Set-Cookie: b",
        b"Date: Thu, 01 Jan 1970 00:00:00 GMT", b"Content-Length: 2", b"Connection: close"]


def test_chunked_bodies_stay_chunked_both_ways(make_rig: Any, serve: Serve) -> None:
    upstream = serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    connection = http.client.HTTPConnection(*_address(make_rig(s3=upstream.url)), timeout=15)
    connection.request("PUT", "/b/k", iter([b"hello ", b"world"]), encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})
    answer = connection.getresponse()
    assert (answer.getheader("Transfer-Encoding"), answer.read()) == ("chunked", b"abcde")
    connection.close()
    head, _, body = upstream.requests[0].partition(b"\r\n\r\n")
    assert head.lower().count(b"transfer-encoding: chunked") == 1
    assert b"content-length" not in head.lower()
    assert body.replace(b"\r\n", b"|") in (b"6|hello |5|world|0||", b"b|hello world|0||")


def _address(rig: Any) -> tuple[str, int]:
    return rig.endpoint.host, rig.endpoint.port


@pytest.mark.parametrize(("method", "status", "headers"), [
    ("HEAD", 200, b"Content-Length: 12345\r\n"),
    ("GET", 304, b"ETag: x\r\n"),
    ("DELETE", 204, b""),
])
def test_answers_without_a_body_end_at_once_and_the_connection_goes_on(
    make_rig: Any, serve: Serve, method: str, status: int, headers: bytes
) -> None:
    upstream = serve(b"HTTP/1.1 %d X\r\n%b\r\n" % (status, headers))
    connection = http.client.HTTPConnection(*_address(make_rig(s3=upstream.url)), timeout=15)
    for _ in range(2):
        connection.request(method, "/b/k")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (status, b"")
    if method == "HEAD":
        assert answer.getheader("Content-Length") == "12345"
    connection.close()
    assert len(upstream.requests) == 2


def test_an_error_that_comes_before_the_body_is_read_reaches_the_client(make_rig: Any, serve: Serve) -> None:
    done = threading.Event()

    def refuse(client: socket.socket) -> None:
        while b"\r\n\r\n" not in client.recv(4096):
            pass
        client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nearly")
        done.wait(10)  # neither reading on nor closing

    upstream = serve(refuse)
    connection = http.client.HTTPConnection(*_address(make_rig(s3=upstream.url)), timeout=15)
    connection.request("PUT", "/b/k", b"x" * (8 << 20))
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (400, b"early")
    done.set()
    connection.close()


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(make_rig: Any, serve: Serve) -> None:
    for broken in (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
                   b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"):
        connection = http.client.HTTPConnection(*_address(make_rig(s3=serve(broken).url)), timeout=15)
        connection.request("GET", "/b/k")
        answer = connection.getresponse()
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
        connection.close()


def test_a_client_that_goes_away_leaves_half_a_body_that_is_never_completed(make_rig: Any, serve: Serve) -> None:
    upstream = serve(OK)
    rig = make_rig(s3=upstream.url)
    with socket.create_connection(_address(rig), timeout=15) as client:
        client.sendall(b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf")
    upstream_saw_end = threading.Event()
    for _ in range(200):
        if upstream.requests:
            break
        upstream_saw_end.wait(0.05)
    assert upstream.requests[0].endswith(b"\r\n\r\nhalf")


def test_a_server_that_is_gone_is_a_503_in_its_own_form(make_rig: Any) -> None:
    rig = make_rig()
    status, headers, body = rig.raw("GET", "/bucket/key")
    assert (status, headers["content-type"]) == (503, "application/xml")
    assert b"<Code>ServiceUnavailable</Code>" in body
    status, _, body = rig.raw("POST", "/", "{}", {"X-Amz-Target": "AmazonSQS.ListQueues"})
    assert status == 503
    assert b"ServiceUnavailableException" in body


def test_no_connection_is_left_open(make_rig: Any, serve: Serve) -> None:
    rig = make_rig(s3=serve(OK).url)
    before = psutil.Process(os.getpid()).num_fds()
    for _ in range(30):
        assert rig.raw("GET", "/b/k")[0] == 200
    settled = threading.Event()
    for _ in range(100):
        if psutil.Process(os.getpid()).num_fds() <= before + 1:
            return
        settled.wait(0.05)
    pytest.fail(f"{psutil.Process(os.getpid()).num_fds() - before} descriptors more than before")


def test_a_large_body_is_streamed_and_not_gathered(make_rig: Any, serve: Serve) -> None:
    first = threading.Event()

    def slow(client: socket.socket) -> None:
        received = b""
        while b"first-bytes" not in received:
            received += client.recv(65536)
        first.set()
        while not received.endswith(b"last-bytes"):
            received = received[-20:] + client.recv(65536)
        client.sendall(OK)

    rig = make_rig(s3=serve(slow).url)

    def pieces() -> Iterator[bytes]:
        yield b"first-bytes"
        assert first.wait(10), "the first bytes were held back"
        yield b"last-bytes"

    connection = http.client.HTTPConnection(*_address(rig), timeout=15)
    connection.request("PUT", "/b/k", pieces(), {"Content-Length": "21"})
    assert connection.getresponse().status == 200
    connection.close()
