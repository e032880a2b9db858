"""Keys that a folder of files cannot tell apart are refused; all others pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from emrlite.api import s3_keys


def refused(method: str, key: str, folder: Path | None = None, body: bytes = b"", **headers: str) -> str | None:
    lines = [(name.replace("_", "-"), value) for name, value in headers.items()]
    found = s3_keys.check(method, "/bucket/" + quote(key), lines, body, folder)
    return found.code if found else None


@pytest.mark.parametrize("key", ["a", "a/b", "a%2Fb", "a%2F%2Fb", "...", "a/.b", "a/b/", "ü", "a b", "x" * 255])
def test_ordinary_keys_pass(key: str) -> None:
    assert [refused(method, key, Content_Length="0") for method in ("GET", "PUT", "DELETE", "POST")] == [None] * 4


@pytest.mark.parametrize("key", ["a//b", "/a", "a/./b", "a/../b", "..", "./a", "x" * 256, "ü" * 128, "a\0b"])
def test_confusing_keys_do_not_exist_and_cannot_be_made_or_deleted(key: str) -> None:
    assert [refused(method, key) for method in ("GET", "HEAD", "PUT", "DELETE", "POST")] == [
        "NoSuchKey", "NoSuchKey", "InvalidArgument", "InvalidArgument", "InvalidArgument"]
    assert refused("PUT", "good", x_amz_copy_source=f"/bucket/{quote(key)}?versionId=1") == "NoSuchKey"


@pytest.mark.parametrize("target", ["/../k", "/%2e%2e/k", "/./k", "/a%2Fb/k"])
def test_no_bucket_leads_out_of_the_folder(target: str) -> None:
    found = s3_keys.check("GET", target, [], b"", None)
    assert found is not None
    assert found.code == "InvalidBucketName"


def test_deleting_many_looks_at_each_key() -> None:
    good = b"<Delete><Object><Key>a/b</Key></Object><Object><Key>c&amp;d</Key></Object></Delete>"
    bad = b"<Delete><Object><Key>a/b</Key></Object><Object><Key>a/&#47;b</Key></Object></Delete>"
    for target in ("/bucket?delete", "/bucket/?delete=", "/bucket?x=y&delete"):
        assert s3_keys.is_bulk_delete("POST", target)
        assert s3_keys.check("POST", target, [], good, None) is None
        assert s3_keys.check("POST", target, [], bad, None) is not None
    assert not s3_keys.is_bulk_delete("POST", "/bucket/delete?uploads")


def test_a_key_below_another_key_is_refused_and_so_is_one_above(tmp_path: Path) -> None:
    (tmp_path / "bucket" / "folder").mkdir(parents=True)
    (tmp_path / "bucket" / "object").touch()
    (tmp_path / "bucket" / "folder" / "object").touch()
    content: dict[str, Any] = {"Content_Length": "1"}
    assert refused("PUT", "object/below", tmp_path, **content) == "InvalidArgument"
    assert refused("POST", "folder/object/deep/below", tmp_path) == "InvalidArgument"
    assert refused("PUT", "folder", tmp_path, **content) == "InvalidArgument"
    assert refused("PUT", "object/", tmp_path, Content_Length="0") == "InvalidArgument"
    assert refused("PUT", "object", tmp_path, **content) is None
    assert refused("PUT", "folder/", tmp_path, Content_Length="0") is None
    assert refused("GET", "object/below", tmp_path) is None


def test_a_folder_with_content_is_refused_as_the_content_would_be_lost() -> None:
    assert refused("PUT", "folder/", Content_Length="3") == "InvalidArgument"
    assert refused("PUT", "folder/", Content_Length="60", x_amz_decoded_content_length="0") is None
    assert refused("PUT", "folder/", Transfer_Encoding="chunked") == "InvalidArgument"
