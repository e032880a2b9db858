"""The environment in which AWS clients find the emulator, and nothing else.

It is set for the tests that use emrlite, and put back after each of them: tests beside them,
with ``mock_aws`` or with a real account, see what they always saw.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from unittest import mock

from emrlite.storage.s3 import DUMMY_KEYS

#: Of the real AWS: each would take precedence over, or stand beside, what is set here.
_FOREIGN = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ROLE_ARN",
            "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")


def variables(url: str, region: str, environ: Mapping[str, str]) -> dict[str, str | None]:
    """Return what is set (``None``: taken away) so that clients made in *environ* talk to *url*.  Pure."""
    access_key, secret_key = DUMMY_KEYS
    services = [name for name in environ if name.startswith("AWS_ENDPOINT_URL_")]
    proxied = [name for name in environ if name.lower() == "no_proxy"] or ["NO_PROXY", "no_proxy"]
    direct = {name: ",".join(filter(None, (environ.get(name), "127.0.0.1"))) for name in proxied}
    return {
        **dict.fromkeys((*_FOREIGN, *services)), **direct,
        "AWS_ENDPOINT_URL": url, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        "AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_DEFAULT_REGION": region, "AWS_REGION": region,
    }


@contextmanager
def pointed_at(url: str, region: str) -> Iterator[None]:
    """Point AWS clients that are made inside the block at *url*; put everything back after it."""
    new = variables(url, region, os.environ)
    before = {name: os.environ.get(name) for name in new}
    _set(new)
    with ExitStack() as stack:
        stack.callback(_set, before)
        if "boto3" in sys.modules:
            # boto3's own session remembers the credentials that it found first.
            stack.enter_context(mock.patch("boto3.DEFAULT_SESSION", None))
        yield


def point_at(url: str, region: str) -> None:
    """Point AWS clients that this process makes from now on at *url*, for good."""
    _set(variables(url, region, os.environ))
    if boto3 := sys.modules.get("boto3"):
        boto3.DEFAULT_SESSION = None  # type: ignore[attr-defined]  # it remembers the credentials that it found first


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
