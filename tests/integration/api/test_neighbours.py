"""moto beside us: its services on our port, its EMR not at all."""

from __future__ import annotations

import http.client
import io
import json
import os
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from emrlite.api import neighbours

#: Takes no proxy on its way, whatever the environment says.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("moto") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            neighbours.argv(port), env={**os.environ, **neighbours.environment()}, stdout=output, stderr=output)
    try:
        for _ in range(300):
            assert process.poll() is None, log.read_text()
            with socket.socket() as client:
                client.settimeout(0.1)
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        else:
            pytest.fail("moto did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(15)


@pytest.fixture
def rig(make_rig: Any, moto: str) -> Iterator[Any]:
    made = make_rig(s3=moto, moto=moto, moto_runs=True)
    yield made
    made.raw("POST", "/moto-api/reset")


KEYS = ["plain", "a/b", "a%2Fb", "sp ace/é ü", "日本/語", "plus+and&=?#", "x//y", "x/y", "dot/../z", "a~b*c'(d)!"]


def test_objects_of_any_name_go_there_and_back(rig: Any) -> None:
    s3 = rig.client("s3")
    s3.create_bucket(Bucket="bucket")
    for key in KEYS:
        s3.put_object(Bucket="bucket", Key=key, Body=key.encode(), Metadata={"my_key": "v"})
    for key in KEYS:
        answer = s3.get_object(Bucket="bucket", Key=key)
        assert (answer["Body"].read(), answer["Metadata"]) == (key.encode(), {"my_key": "v"})
    assert {item["Key"] for item in s3.list_objects_v2(Bucket="bucket")["Contents"]} == set(KEYS)
    s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": key} for key in KEYS]})
    assert "Contents" not in s3.list_objects_v2(Bucket="bucket")


def test_multipart_ranges_copies_and_presigned_urls_work(rig: Any) -> None:
    s3 = rig.client("s3")
    s3.create_bucket(Bucket="bucket")
    content = os.urandom(20 << 20)
    parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=6 << 20)
    s3.upload_fileobj(io.BytesIO(content), "bucket", "big one", Config=parts)
    back = io.BytesIO()
    s3.download_fileobj("bucket", "big one", back)
    assert back.getvalue() == content
    ranged = s3.get_object(Bucket="bucket", Key="big one", Range="bytes=100-199")
    assert ranged["Body"].read() == content[100:200]
    s3.copy_object(Bucket="bucket", Key="copy", CopySource={"Bucket": "bucket", "Key": "big one"})
    assert s3.head_object(Bucket="bucket", Key="copy")["ContentLength"] == len(content)
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": "signed"})
    # urllib says that it is a form, which is lost on moto's own port.
    with DIRECT.open(urllib.request.Request(url, b"hello", method="PUT"), timeout=20) as answer:
        assert answer.status == 200
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "signed"})
    with DIRECT.open(url, timeout=20) as answer:
        assert answer.read() == b"hello"


def test_an_account_number_as_key_is_the_account_for_all_services(rig: Any, request_of: Any) -> None:
    assert rig.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert rig.client("sts", key="111122223333").get_caller_identity()["Account"] == "111122223333"
    answer = rig.client("emr", key="111122223333").run_job_flow(**request_of())
    assert ":111122223333:cluster/" in answer["ClusterArn"]


def test_a_role_of_another_account_finds_the_clusters_of_that_account(rig: Any, request_of: Any) -> None:
    trust = '{"Version": "2012-10-17", "Statement": []}'
    role = rig.client("iam", key="111122223333").create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]
    assumed = rig.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="session")["Credentials"]
    there = rig.client("emr", key=assumed["AccessKeyId"])
    answer = there.run_job_flow(**request_of())
    assert ":111122223333:cluster/" in answer["ClusterArn"]
    assert rig.client("emr", key="111122223333").list_clusters()["Clusters"][0]["Id"] == answer["JobFlowId"]


def test_services_of_every_protocol_are_reached(rig: Any) -> None:
    iam = rig.client("iam")  # query
    policy = "arn:aws:iam::aws:policy/service-role/AmazonElasticMapReduceRole"
    assert iam.get_policy(PolicyArn=policy)["Policy"]["Arn"] == policy
    queue = rig.client("sqs").create_queue(QueueName="q")["QueueUrl"]  # JSON
    assert queue.startswith(rig.endpoint.url)
    assert rig.client("lambda").list_functions()["Functions"] == []  # REST
    assert rig.client("dynamodb").list_tables()["TableNames"] == []


def test_emr_reaches_moto_in_no_form(rig: Any, moto: str) -> None:
    body = json.dumps({"ClusterId": "j-1"})
    target = {"X-Amz-Target": "ElasticMapReduce.DescribeCluster"}
    scope = "AWS4-HMAC-SHA256 Credential=k/20260101/{}/aws4_request, SignedHeaders=host, Signature=x"
    attempts: list[tuple[str, str, dict[str, str]]] = [
        ("/", body, target),
        ("/", body, {**target, "Authorization": scope.format("us-east-1/sqs")}),
        ("/", body, {"Authorization": scope.format("us-east-1/ElasticMapReduce")}),
        ("/", body, {"Authorization": scope.format("us-east-1/elasticmapreduce.x")}),
        ("/", body, {"Authorization": scope.format("elasticmapreduce/x")}),
        ("/elasticmapreduce_us-east-1/", "Action=ListClusters", {}),
        ("/", "Action=ListClusters&Version=2009-03-31", {"Content-Type": "application/x-www-form-urlencoded"}),
        ("/?Action=ListClusters&Version=2009-03-31", "", {}),
    ]
    for path, text, headers in attempts:
        status, answered, answer = rig.raw("POST", path, text, headers)
        assert status == 400, (path, headers, answer)
        assert "x-amzn-errortype" in answered, (path, headers, answer)
    host, port = moto.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.request("POST", "/", body, {
        **target, "Authorization": scope.format("us-east-1/elasticmapreduce")})
    assert connection.getresponse().status >= 400  # and even there it is off
    connection.close()


def test_cloudformation_makes_no_cluster_that_never_runs(rig: Any, make_rig: Any, moto: str) -> None:
    template = json.dumps({"Resources": {"C": {"Type": "AWS::EMR::Cluster", "Properties": {
        "Name": "n", "JobFlowRole": "a", "ServiceRole": "b", "ReleaseLabel": "emr-7.0.0", "Instances": {}}}}})
    with pytest.raises(ClientError, match="AWS::EMR::Cluster"):
        rig.client("cloudformation").create_stack(StackName="s", TemplateBody=template)
    pretending = make_rig(moto=moto, allow_pretend=True)
    formation = pretending.client("cloudformation")
    try:
        formation.create_stack(StackName="s", TemplateBody=template)
    except ClientError:
        return
    status = formation.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"]
    assert "FAILED" in status or "ROLLBACK" in status


def test_calls_that_would_only_pretend_are_refused_by_name_unless_allowed(rig: Any, make_rig: Any, moto: str) -> None:
    definition = json.dumps({"StartAt": "A", "States": {"A": {
        "Type": "Task", "Resource": "arn:aws:states:::elasticmapreduce:addStep.sync", "End": True}}})
    machine = {"name": "m", "definition": definition, "roleArn": "arn:aws:iam::123456789012:role/r"}
    with pytest.raises(ClientError, match="EMR Serverless.*allow_pretend"):
        rig.client("emr-serverless").list_applications()
    with pytest.raises(ClientError, match="EMR on EKS"):
        rig.client("emr-containers").list_virtual_clusters()
    with pytest.raises(ClientError, match="StartJobRun"):
        rig.client("glue").start_job_run(JobName="x")
    with pytest.raises(ClientError, match="SubmitJob"):
        rig.client("batch").submit_job(jobName="x", jobQueue="y", jobDefinition="z")
    with pytest.raises(ClientError, match="elasticmapreduce.*EMRLITE_ALLOW_PRETEND"):
        rig.client("stepfunctions", inject_host_prefix=False).create_state_machine(**machine)
    harmless = {**machine, "definition": '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}'}
    rig.client("stepfunctions", inject_host_prefix=False).create_state_machine(**harmless)
    allowed = make_rig(moto=moto, moto_runs=True, allow_pretend=True)
    assert allowed.client("emr-serverless").list_applications()["applications"] == []


def test_a_reset_ends_the_clusters_and_then_wipes_moto(rig: Any) -> None:
    s3 = rig.client("s3")
    s3.create_bucket(Bucket="gone")
    status, _, body = rig.raw("POST", "/moto-api/reset")
    assert (status, json.loads(body)) == (200, {"status": "ok"})
    assert rig.clusters.resets == 1
    assert s3.list_buckets()["Buckets"] == []


def test_a_reset_does_not_start_moto(make_rig: Any) -> None:
    rig = make_rig(moto_runs=False)
    assert rig.raw("POST", "/moto-api/reset")[0] == 200
    assert rig.clusters.resets == 1


def test_buckets_of_files_are_guarded_against_keys_they_confuse(make_rig: Any, moto: str, tmp_path: Path) -> None:
    rig = make_rig(s3=moto, buckets=tmp_path)
    s3 = rig.client("s3")
    for key in ("x//y", "/x", "a/../b", "a/.", "L" * 256):
        with pytest.raises(ClientError, match="InvalidArgument"):
            s3.put_object(Bucket="bucket", Key=key, Body=b"")
        with pytest.raises(ClientError, match="404"):
            s3.head_object(Bucket="bucket", Key=key)
    with pytest.raises(ClientError, match="InvalidArgument"):
        s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "x/y"}, {"Key": "x//y"}]})


def test_managed_policies_are_there_after_a_reset_and_as_new(rig: Any) -> None:
    arn = "arn:aws:iam::aws:policy/service-role/AmazonElasticMapReduceRole"
    iam = rig.client("iam")
    for _ in range(3):
        assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 0
        iam.create_role(RoleName="EMR_DefaultRole", AssumeRolePolicyDocument="{}")
        iam.attach_role_policy(RoleName="EMR_DefaultRole", PolicyArn=arn)
        assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
        rig.raw("POST", "/moto-api/reset")
