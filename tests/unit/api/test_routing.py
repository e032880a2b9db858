"""Whose call it is, by what identifies a service."""

from __future__ import annotations

from typing import Any

import pytest

from emrlite.api import routing
from emrlite.api.accounts import Accounts
from emrlite.api.connection import RAW_TARGET


def call(method: str = "POST", target: str = "/", body: bytes = b"", **headers: str) -> str:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method, "PATH_INFO": target.partition("?")[0], RAW_TARGET: target, **headers}
    who = routing.caller(environ)
    return str(routing.destination(environ, who, body if routing.wants_body(environ, who) else b""))


def signed(service: str, region: str = "us-east-1") -> str:
    return (f"AWS4-HMAC-SHA256 Credential=AKID/20260101/{region}/{service}/aws4_request, "
            "SignedHeaders=host, Signature=0")


FORM = "application/x-www-form-urlencoded; charset=utf-8"


@pytest.mark.parametrize(("expected", "arguments"), [
    ("emr", {"HTTP_X_AMZ_TARGET": "ElasticMapReduce.ListClusters"}),
    ("emr", {"HTTP_X_AMZ_TARGET": "elasticmapreduce.ListClusters"}),
    ("emr", {"HTTP_AUTHORIZATION": signed("elasticmapreduce")}),
    ("emr", {"method": "GET",
             "target": "/?X-Amz-Credential=A%2F20260101%2Fus-east-1%2Felasticmapreduce%2Faws4_request"}),
    ("emr", {"HTTP_AUTHORIZATION": signed("s3"), "HTTP_X_AMZ_TARGET": "ElasticMapReduce.RunJobFlow"}),
    ("emr", {"body": b"Version=2009-03-31&Action=RunJobFlow", "CONTENT_TYPE": FORM}),
    ("s3", {"method": "GET"}),
    ("s3", {"method": "PUT", "target": "/bucket/key", "HTTP_AUTHORIZATION": signed("s3")}),
    ("s3", {"method": "GET", "target": "/b/k?X-Amz-Credential=A%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"}),
    ("s3", {"method": "GET", "target": "/b/k?AWSAccessKeyId=A&Signature=x&Expires=1"}),
    ("s3", {"method": "PUT", "target": "/bucket/key", "CONTENT_TYPE": FORM, "body": b"Action=x"}),
    ("s3", {"method": "PUT", "target": "/elasticmapreduce/key"}),
    ("moto", {"method": "GET", "target": "/v20180820/tags", "HTTP_AUTHORIZATION": signed("s3")}),
    ("moto", {"HTTP_AUTHORIZATION": signed("iam")}),
    ("moto", {"HTTP_X_AMZ_TARGET": "AmazonSQS.ListQueues"}),
    ("moto", {"body": b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15", "CONTENT_TYPE": FORM}),
    ("moto", {"method": "GET", "target": "/?Action=GetCallerIdentity&Version=2011-06-15"}),
    ("moto", {"method": "GET", "target": "/moto-api/data.json"}),
    ("moto", {"method": "GET", "target": "/latest/meta-data/iam"}),
    ("moto", {"method": "GET", "target": "/pool_1/.well-known/jwks.json"}),
])
def test_a_call_goes_where_it_belongs(expected: str, arguments: dict[str, Any]) -> None:
    assert call(**arguments) == expected


@pytest.mark.parametrize(("key", "header", "account"), [
    ("AKIAEXAMPLE", None, "123456789012"),
    ("000000000001", None, "000000000001"),
    ("000000000001", "222222222222", "222222222222"),
    ("AKIA", "nonsense", "123456789012"),
    ("AKIAIOSFODNN7EXAMPLE", None, "123456789012"),  # moto does not run, so it gave none out
])
def test_the_account_comes_from_motos_header_or_a_key_that_is_one(key: str, header: str | None, account: str) -> None:
    def never() -> str:
        raise AssertionError("moto is not started to ask")

    assert Accounts(never, lambda: False).of(routing.Caller(access_key=key), header) == account


def test_a_broken_signature_is_nobodys() -> None:
    environ = {RAW_TARGET: "/", "HTTP_AUTHORIZATION": "AWS4-HMAC-SHA256 Credential=AKID/us-east-1"}
    assert routing.caller(environ) == routing.Caller()
