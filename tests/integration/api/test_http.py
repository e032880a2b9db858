"""The endpoint itself: ports, connections, who may call, what it says about itself."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from emrlite.api.http import Application, Endpoint, listen
from emrlite.errors import PortTaken


def test_a_taken_port_is_refused_with_the_name_of_who_has_it() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(PortTaken) as caught:
        listen("127.0.0.1", taken.getsockname()[1])
    assert f"process {os.getpid()} (" in str(caught.value)
    assert "--port" in str(caught.value)


def test_it_answers_about_itself(rig: Any) -> None:
    status, headers, body = rig.raw("GET", "/_emrlite/health?a=b&a=c")
    assert (status, headers["content-type"], json.loads(body)) == (200, "application/json", {"echo": {"a": "c"}})
    rig.application.routes["/_emrlite/other"] = lambda query: [1]
    assert json.loads(rig.raw("GET", "/_emrlite/other")[2]) == [1]
    status, _, body = rig.raw("GET", "/_emrlite/nothing")
    assert status == 404
    assert "/_emrlite/health" in json.loads(body)["message"]


def test_a_route_that_fails_is_a_500_and_the_next_one_is_not(rig: Any, caplog: pytest.LogCaptureFixture) -> None:
    rig.application.routes["/_emrlite/bad"] = lambda query: 1 / 0
    assert rig.raw("GET", "/_emrlite/bad")[0] == 500
    assert "ZeroDivisionError" in caplog.text
    assert rig.raw("GET", "/_emrlite/health")[0] == 200


@pytest.mark.parametrize("host", ["localhost", "localhost:4566", "127.0.0.1", "127.66.0.3:80", "[::1]:4566"])
def test_loopback_names_are_answered(rig: Any, host: str) -> None:
    assert rig.raw("GET", "/_emrlite/health", headers={"Host": host})[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4566", "127.0.0.1.evil.example", "", "10.0.0.1", "[::"])
def test_a_foreign_host_is_refused_with_the_flag_that_widens(rig: Any, host: str) -> None:
    status, _, body = rig.raw("GET", "/_emrlite/health", headers={"Host": host})
    assert status == 403
    assert "--allow-hosts" in json.loads(body)["message"]


def test_a_foreign_origin_is_refused_before_anything_happens(make_rig: Any, request_of: Any) -> None:
    rig = make_rig()
    body = json.dumps(request_of())
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        status, _, answer = rig.emr("RunJobFlow", body, Origin=origin)
        assert status == 403
        assert "--allow-origins" in json.loads(answer)["message"]
    assert rig.emr("ListClusters", "{}", Sec_Fetch_Site="cross-site")[0] == 403
    assert rig.clusters.store.records("123456789012", "us-east-1") == []
    own = f"http://{rig.endpoint.host}:{rig.endpoint.port}"
    assert rig.emr("ListClusters", "{}", Origin=own)[0] == 200


def test_allowed_hosts_and_origins_may_call_and_read(make_rig: Any) -> None:
    rig = make_rig(allow_hosts="host.docker.internal, build", allow_origins="https://app.example/")
    assert rig.raw("GET", "/_emrlite/health", headers={"Host": "host.docker.internal:4566"})[0] == 200
    status, headers, _ = rig.emr("ListClusters", "{}", Origin="https://app.example")
    assert (status, headers["access-control-allow-origin"]) == (200, "https://app.example")
    status, headers, _ = rig.raw("OPTIONS", "/", headers={
        "Origin": "https://app.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-amz-target"})
    assert (status, headers["access-control-allow-headers"]) == (204, "x-amz-target")


def raw_answer(rig: Any, *pieces: bytes) -> bytes:
    """Send *pieces* and return all that comes back until the connection ends."""
    with socket.create_connection((rig.endpoint.host, rig.endpoint.port), timeout=15) as client:
        for piece in pieces:
            client.sendall(piece)
        answer = b""
        while data := client.recv(65536):
            answer += data
        return answer


@pytest.mark.parametrize("lines", [
    b"Content-Length: 5\r\nContent-Length: 6",
    b"Content-Length: -1",
    b"Content-Length: 1e3",
    b"Transfer-Encoding: gzip, chunked",
    b"Content-Length: 3\r\nTransfer-Encoding: chunked",
])
def test_a_body_of_two_lengths_is_refused_so_that_no_request_is_smuggled(rig: Any, lines: bytes) -> None:
    answer = raw_answer(rig, b"POST / HTTP/1.1\r\nHost: localhost\r\n" + lines + b"\r\n\r\n{}")
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_requests_on_one_connection_do_not_run_into_each_other(rig: Any) -> None:
    unread = b"GET /_emrlite/health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n" + b"x" * 20000
    last = b"GET /_emrlite/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert raw_answer(rig, unread, last).count(b"HTTP/1.1 200 OK") == 2


def test_a_client_that_expects_100_continue_hears_it_only_when_its_body_is_wanted(rig: Any) -> None:
    with socket.create_connection((rig.endpoint.host, rig.endpoint.port), timeout=15) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: ElasticMapReduce.ListClusters\r\n"
                       b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"{}")
        assert client.recv(1000).startswith(b"HTTP/1.1 200 OK")
    refused = raw_answer(rig, b"PUT /b/k HTTP/1.1\r\nHost: evil.example\r\nExpect: 100-continue\r\n"
                              b"Content-Length: 2\r\n\r\n")
    assert refused.startswith(b"HTTP/1.1 403 ")


def test_an_early_answer_reaches_a_client_that_is_still_sending(rig: Any) -> None:
    connection = http.client.HTTPConnection(rig.endpoint.host, rig.endpoint.port, timeout=30)
    connection.request("PUT", "/bucket/key", b"x" * (8 << 20), {"Host": "evil.example"})
    assert connection.getresponse().status == 403
    connection.close()


def test_closing_ends_idle_connections_and_waits_for_answers(tmp_path: Path) -> None:
    started, release = threading.Event(), threading.Event()

    def slow(query: Any) -> str:
        started.set()
        assert release.wait(10)
        return "done"

    from emrlite.api.guard import Guard

    guard = Guard(hosts=frozenset({"localhost"}), origins=frozenset())
    endpoint = Endpoint(listen("127.0.0.1", 0), Application(guard, lambda environ, start: [], {"/_emrlite/slow": slow}))
    answers: list[bytes] = []

    def ask() -> None:
        connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=20)
        connection.request("GET", "/_emrlite/slow")
        answers.append(connection.getresponse().read())
        connection.close()

    idle = socket.socket()
    asking = threading.Thread(target=ask)
    with endpoint:
        idle.connect((endpoint.host, endpoint.port))
        asking.start()
        assert started.wait(10)
        threading.Timer(0.3, release.set).start()
    asking.join(10)
    assert answers == [b'"done"']
    assert idle.recv(1) == b""
    idle.close()
    deadline = time.monotonic() + 10
    while any(thread.name.startswith("Thread-") for thread in threading.enumerate()):
        assert time.monotonic() < deadline, threading.enumerate()
        threading.Event().wait(0.02)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((endpoint.host, endpoint.port), timeout=5)
