"""Application UIs through boto3, on a server that answers as Spark's history server does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emrlite.cluster.model import ClusterSpec
from emrlite.cluster.states import ClusterState

APP = "application_1795230176921_0000"


class Pages:
    """Spark's pages, of which the history server comes up when it is asked for the second time."""

    def __init__(self) -> None:
        self.asked = 0
        self.drivers: dict[str, str] = {}

    def attach(self) -> bool:
        self.asked += 1
        return self.asked > 2

    def history(self, application: str | None) -> str:
        return f"http://here/shs/{application or ''}"

    def logged(self, spec: ClusterSpec) -> list[str]:
        return [APP]

    def running(self, spec: ClusterSpec) -> Mapping[str, str]:
        return self.drivers

    def master(self, spec: ClusterSpec) -> str | None:
        return None


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
def rig(make_rig: Any, pages: Pages) -> Any:
    return make_rig(pages=pages)


@pytest.fixture
def emr(rig: Any) -> Any:
    return rig.client("emr")


@pytest.fixture
def cluster(emr: Any, request_of: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = emr.run_job_flow(**request_of())
    return made


def refused(call: Callable[..., Any], **members: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**members)
    assert caught.value.response["Error"]["Code"] == "InvalidRequestException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(caught.value.response["Error"]["Message"])


def end(rig: Any, cluster_id: str) -> None:
    status = replace(rig.clusters.store.record(cluster_id).status, state=ClusterState.TERMINATED)
    rig.clusters.set_status(cluster_id, status)


def test_a_ui_is_made_attached_and_leads_to_the_history_after_the_end(rig: Any, emr: Any, cluster: dict[str, Any]):
    end(rig, cluster["JobFlowId"])
    made = emr.create_persistent_app_ui(
        TargetResourceArn=cluster["ClusterArn"], ProfilerType="SHS", Tags=[{"Key": "team", "Value": "a"}])
    assert made["RuntimeRoleEnabledCluster"] is False
    ui = made["PersistentAppUIId"]
    states = []
    for _ in range(2):
        found = emr.describe_persistent_app_ui(PersistentAppUIId=ui)["PersistentAppUI"]
        states.append(found["PersistentAppUIStatus"])
    assert states == ["ATTACHING", "ATTACHED"]
    assert found["PersistentAppUITypeList"] == ["SHS"]
    assert found["Tags"] == [{"Key": "team", "Value": "a"}]
    url = emr.get_persistent_app_ui_presigned_url(PersistentAppUIId=ui, PersistentAppUIType="SHS")
    assert (url["PresignedURLReady"], url["PresignedURL"]) == (True, "http://here/shs/")
    url = emr.get_persistent_app_ui_presigned_url(PersistentAppUIId=ui, ApplicationId=APP)
    assert url["PresignedURL"] == f"http://here/shs/{APP}"


def test_a_cluster_has_one_ui_and_who_asks_again_gets_it_again(emr: Any, cluster: dict[str, Any]):
    ids = {emr.create_persistent_app_ui(TargetResourceArn=cluster["ClusterArn"])["PersistentAppUIId"] for _ in range(3)}
    assert len(ids) == 1


@pytest.mark.parametrize(("members", "said"), [
    ({"ProfilerType": "TEZUI"}, "emrlite has no TEZUI"),
    ({"EMRContainersConfig": {"JobRunId": "x"}}, "EMR on EKS"),
    ({"TargetResourceArn": "arn:aws:emr-containers:us-east-1:1:/virtualclusters/x"}, "not the ARN of a cluster"),
    ({"TargetResourceArn": "arn:aws:elasticmapreduce:us-east-1:123456789012:cluster/j-NOBODY"}, "'j-NOBODY'"),
    ({"Tags": [{"Key": "aws:x", "Value": ""}]}, "aws:x"),
])
def test_what_cannot_be_shown_is_refused_by_name(
    emr: Any, cluster: dict[str, Any], members: dict[str, Any], said: str
):
    assert said in refused(emr.create_persistent_app_ui, **{"TargetResourceArn": cluster["ClusterArn"], **members})


def test_the_arn_is_the_clusters_own(emr: Any, cluster: dict[str, Any]):
    wrong = cluster["ClusterArn"].replace("us-east-1", "eu-west-1")
    assert "is not valid" in refused(emr.create_persistent_app_ui, TargetResourceArn=wrong)


def test_a_ui_of_another_region_is_as_unknown_as_none(rig: Any, emr: Any, cluster: dict[str, Any]):
    ui = emr.create_persistent_app_ui(TargetResourceArn=cluster["ClusterArn"])["PersistentAppUIId"]
    other = rig.client("emr", region="eu-west-1")
    for client, id in ((other, ui), (emr, "p-nothere")):
        for call in (client.describe_persistent_app_ui, client.get_persistent_app_ui_presigned_url):
            assert refused(call, PersistentAppUIId=id) == f"Persistent App UI id '{id}' is not valid."


def test_an_application_that_left_nothing_is_refused(emr: Any, cluster: dict[str, Any]):
    ui = emr.create_persistent_app_ui(TargetResourceArn=cluster["ClusterArn"])["PersistentAppUIId"]
    get = emr.get_persistent_app_ui_presigned_url
    assert "no event log" in refused(get, PersistentAppUIId=ui, ApplicationId="application_1_0000")
    assert "no TEZ" in refused(get, PersistentAppUIId=ui, PersistentAppUIType="TEZ")


def test_a_driver_that_runs_has_a_page_and_one_that_does_not_has_none(
    emr: Any, cluster: dict[str, Any], pages: Pages
):
    get, id = emr.get_on_cluster_app_ui_presigned_url, cluster["JobFlowId"]
    driver = {"ClusterId": id, "OnClusterAppUIType": "ApplicationMaster"}
    assert "0 applications run" in refused(get, **driver)
    assert "does not run" in refused(get, **driver, ApplicationId=APP)
    pages.drivers[APP] = "http://127.1.2.1:4040"
    for members in (driver, {**driver, "ApplicationId": APP}):
        answer = get(**members)
        assert (answer["PresignedURLReady"], answer["PresignedURL"]) == (True, "http://127.1.2.1:4040")
    pages.drivers["application_1795230176921_0001"] = "http://127.1.2.1:4041"
    assert "2 applications run" in refused(get, **driver)


def test_a_master_that_does_not_answer_is_not_ready_and_a_dry_run_gives_no_url(emr: Any, cluster: dict[str, Any]):
    get, id = emr.get_on_cluster_app_ui_presigned_url, cluster["JobFlowId"]
    answer = get(ClusterId=id, OnClusterAppUIType="ResourceManager")
    assert answer["PresignedURLReady"] is False
    assert "PresignedURL" not in answer
    answer = get(ClusterId=id, OnClusterAppUIType="SparkHistoryServer", DryRun=True)
    assert answer["PresignedURLReady"] is True
    assert "PresignedURL" not in answer
    assert get(ClusterId=id)["PresignedURL"] == "http://here/shs/"


def test_what_no_cluster_here_has_is_refused_by_name(rig: Any, emr: Any, cluster: dict[str, Any]):
    get, id = emr.get_on_cluster_app_ui_presigned_url, cluster["JobFlowId"]
    for kind in ("TezUI", "YarnTimelineService", "JobHistoryServer"):
        assert f"emrlite has no {kind}" in refused(get, ClusterId=id, OnClusterAppUIType=kind)
    assert "is not valid" in refused(get, ClusterId="j-NOBODY")
    end(rig, id)
    assert "CreatePersistentAppUI" in refused(get, ClusterId=id)


def test_where_no_spark_runs_there_are_no_pages(make_rig: Any, request_of: Callable[..., dict[str, Any]]):
    emr = make_rig().client("emr")
    arn = emr.run_job_flow(**request_of())["ClusterArn"]
    assert "timing is instant" in refused(emr.create_persistent_app_ui, TargetResourceArn=arn)


def test_a_cluster_that_is_forgotten_takes_its_ui_along(rig: Any, emr: Any, cluster: dict[str, Any]):
    ui = emr.create_persistent_app_ui(TargetResourceArn=cluster["ClusterArn"])["PersistentAppUIId"]
    store, record = rig.clusters.store, rig.clusters.store.record(cluster["JobFlowId"])
    store.save_status(cluster["JobFlowId"], record.status, generation=record.generation, final=True)
    store.forget_ended("")
    assert "is not valid" in refused(emr.describe_persistent_app_ui, PersistentAppUIId=ui)


# The history server behind the endpoint


@pytest.fixture
def server() -> Iterator[str]:
    """Echoes the target; below ``/moved`` it redirects without knowing its base."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.path.encode()
            self.send_response(302 if self.path.startswith("/moved") else 200)
            if self.path.startswith("/moved"):
                self.send_header("Location", f"http://{self.headers['Host']}{self.path[6:]}/?a=b%20c")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("asked", "seen"), [
    ("/shs", b"/"), ("/shs/", b"/"), ("/shs?x=1", b"/?x=1"), ("/shs/api/v1/applications?limit=1%2F2",
                                                          b"/api/v1/applications?limit=1%2F2")])
def test_it_is_handed_on_below_the_path_that_emr_has_it_at(make_rig: Any, server: str, asked: str, seen: bytes):
    status, _, body = make_rig(history_url=lambda: server).raw("GET", asked)
    assert (status, body) == (200, seen)


@pytest.mark.parametrize("moved_to", ["/history/x", "/shs/history/x"])
def test_its_redirects_stay_below_that_path(make_rig: Any, server: str, moved_to: str):
    status, headers, _ = make_rig(history_url=lambda: server).raw("GET", f"/shs/moved{moved_to}")
    assert (status, headers["location"]) == (302, "/shs/history/x/?a=b%20c")


def test_a_bucket_of_that_name_is_still_a_bucket(make_rig: Any, server: str):
    rig = make_rig(s3=server, history_url=lambda: "http://127.0.0.1:1")
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=k/20261121/us-east-1/s3/aws4_request, Signature=x"}
    assert rig.raw("GET", "/shs/key", headers=signed)[2] == b"/shs/key"
    assert make_rig(s3=server).raw("GET", "/shs/key")[2] == b"/shs/key"
    assert make_rig(s3=server, history_url=lambda: "http://127.0.0.1:1").raw("GET", "/shsx/key")[2] == b"/shsx/key"


def test_a_history_server_that_is_gone_is_said(make_rig: Any):
    status, _, body = make_rig(history_url=lambda: "http://127.0.0.1:1").raw("GET", "/shs/")
    assert status == 503
    assert b"Spark's history server: http://127.0.0.1:1 does not answer" in body
