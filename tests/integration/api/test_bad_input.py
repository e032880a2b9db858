"""What no well-behaved client sends: each gets a clear 4xx, and the endpoint goes on."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from emrlite.api.protocol import MAX_BODY


def error(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, str, str]:
    status, headers, body = answer
    content = json.loads(body)
    if "x-amzn-errortype" in headers:
        assert headers["x-amzn-errortype"] == content["__type"]
        assert headers["x-amzn-requestid"]
    return status, content["__type"], content.get("message") or content["Message"]


@pytest.mark.parametrize(("body", "said"), [
    (b"{", "The body is not JSON"),
    (b"\xff\xfe", "The body is not UTF-8"),
    (b'{"ClusterId": NaN}', "The body is not JSON: NaN is no JSON value"),
    (b'{"ClusterId": ' + b"9" * 5000 + b"}", "The body is not JSON"),
    (b"[" * 200_000, "The body is nested too deeply"),
    (b"[]", "Start of structure or map expected, list found at 'the top of the body'"),
    (b'"x"', "Start of structure or map expected, scalar found at 'the top of the body'"),
    (b'{"ClusterId": 5}', "NUMBER_VALUE cannot be converted to String at 'clusterId'"),
    (b'{"ClusterId": true}', "TRUE_VALUE cannot be converted to String at 'clusterId'"),
    (b'{"ClusterId": {}}', "Start of structure or map found where not expected at 'clusterId'"),
    (b'{"ClusterId": ["j-1"]}', "Start of list found where not expected at 'clusterId'"),
    (b'{"ClusterId": "\\ud800"}', "half of a surrogate pair in the String at 'clusterId'"),
])
def test_a_body_that_cannot_be_read_is_a_serialization_exception(rig: Any, body: bytes, said: str) -> None:
    status, kind, message = error(rig.emr("DescribeCluster", body))
    assert (status, kind) == (400, "SerializationException")
    assert message.startswith(said)


@pytest.mark.parametrize(("operation", "request_", "said"), [
    ("DescribeCluster", {}, ("1 validation error detected: Value null at 'clusterId' failed to satisfy constraint: "
                            "Member must not be null")),
    ("ListClusters", {"ClusterStates": ["NOPE"]},
     ("1 validation error detected: Value '[NOPE]' at 'clusterStates' failed to satisfy constraint: Member must "
     "satisfy constraint: [Member must satisfy enum value set: [STARTING, BOOTSTRAPPING, RUNNING, WAITING, "
     "TERMINATING, TERMINATED, TERMINATED_WITH_ERRORS]]")),
    ("CancelSteps", {"ClusterId": "j-1", "StepIds": ["s-1"], "StepCancellationOption": "HARD"},
     ("1 validation error detected: Value 'HARD' at 'stepCancellationOption' failed to satisfy constraint: Member "
     "must satisfy enum value set: [SEND_INTERRUPT, TERMINATE_PROCESS]")),
    ("AddJobFlowSteps", {"JobFlowId": "x" * 257, "Steps": [{"Name": "n"}]},
     (f"2 validation errors detected: Value '{'x' * 257}' at 'jobFlowId' failed to satisfy constraint: Member must "
     "have length less than or equal to 256; Value null at 'steps.1.member.hadoopJarStep' failed to satisfy "
     "constraint: Member must not be null")),
    ("AddJobFlowSteps", {"JobFlowId": "j-1", "Steps": [{"Name": "a\x00b", "HadoopJarStep": {"Jar": "x"}}]},
     ("1 validation error detected: Value 'a\x00b' at 'steps.1.member.name' failed to satisfy constraint: Member must "
     "satisfy regular expression pattern: "
     r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*")),
])
def test_what_breaks_the_model_is_counted_and_quoted(rig: Any, operation: str, request_: Any, said: str) -> None:
    assert error(rig.emr(operation, json.dumps(request_))) == (400, "ValidationException", said)


def test_text_beyond_the_basic_plane_is_text(rig: Any, request_of: Any) -> None:
    emr = rig.client("emr")
    cluster_id = emr.run_job_flow(**request_of(Name="größer 🚀 日本"))["JobFlowId"]
    assert emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Name"] == "größer 🚀 日本"


def test_members_that_the_model_does_not_know_are_ignored(rig: Any) -> None:
    assert rig.emr("ListClusters", '{"Nonsense": [1], "Marker": null}')[0] == 200


def test_an_operation_that_is_not_there_is_named_and_not_retried(rig: Any) -> None:
    assert error(rig.emr("CreateStudio", "{}")) == (
        400, "UnknownOperationException", "emrlite does not implement the operation CreateStudio.")
    assert error(rig.emr("Nonsense", "{}"))[:2] == (400, "UnknownOperationException")
    with pytest.raises(Exception, match="does not implement the operation PutAutoScalingPolicy"):
        rig.client("emr").put_auto_scaling_policy(
            ClusterId="j-1", InstanceGroupId="ig-1",
            AutoScalingPolicy={"Constraints": {"MinCapacity": 1, "MaxCapacity": 2}, "Rules": []})


def test_a_signed_call_without_a_target_is_told_what_is_missing(rig: Any) -> None:
    scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/elasticmapreduce/aws4_request, SignedHeaders=host"
    answer = rig.raw("POST", "/", "{}", {"Authorization": scope})
    assert error(answer)[:2] == (400, "UnknownOperationException")
    assert "X-Amz-Target" in error(answer)[2]


def test_the_old_query_protocol_is_answered_by_us_too(rig: Any) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = rig.raw("POST", "/", "Action=DescribeJobFlows&Version=2009-03-31", form)
    assert error(answer)[:2] == (400, "UnknownOperationException")
    assert error(rig.raw("GET", "/?Action=RunJobFlow&Version=2009-03-31"))[0] == 400


def test_a_wrong_content_type_is_said(rig: Any) -> None:
    answer = rig.emr("ListClusters", "{}", Content_Type="text/xml")
    assert error(answer) == (
        400, "SerializationException", "Content-Type is 'text/xml'; application/x-amz-json-1.1 is understood.")


def test_ten_megabytes_are_taken_and_more_is_refused(rig: Any) -> None:
    most = b'{"Marker": "' + b"x" * (MAX_BODY - 14) + b'"}'
    assert error(rig.emr("ListClusters", most))[:2] == (400, "InvalidRequestException")
    assert error(rig.emr("ListClusters", most + b" ")) == (
        413, "RequestEntityTooLargeException", f"The request is larger than {MAX_BODY} bytes.")
    assert rig.emr("ListClusters", "{}")[0] == 200


def test_a_chunked_body_without_end_is_refused_at_the_limit(rig: Any) -> None:
    with socket.create_connection((rig.endpoint.host, rig.endpoint.port), timeout=30) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: ElasticMapReduce.ListClusters\r\n"
                       b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        for _ in range(MAX_BODY // 0x10000 + 1):
            client.sendall(chunk)
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_bug_of_ours_shows_nothing_of_itself(
    rig: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(rig.clusters.store, "records", broken)
    status, kind, message = error(rig.emr("ListClusters", "{}"))
    assert (status, kind) == (500, "InternalServerException")
    assert "secret" not in message
    assert "secret detail" in caplog.text


def test_fifty_calls_over_one_connection_all_arrive(rig: Any) -> None:
    emr = rig.client("emr")
    assert [emr.list_clusters()["Clusters"] for _ in range(50)] == [[]] * 50
    assert len(rig.endpoint._connections) == 1
