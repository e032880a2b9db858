"""boto3 clients that reach the emulator whatever ``mock_aws`` does, and a word to those that it has captured.

``mock_aws`` answers, inside this Python, whatever a client of this Python sends to an address
of AWS.  The emulator's address is none, so clients that know it get through, also inside
``@mock_aws``.  A client that was made without it (on import, or for an address of AWS) is
captured: moto's own EMR would answer it, with clusters on which nothing ever runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from emrlite.errors import EmrliteError
from emrlite.storage.s3 import DUMMY_KEYS


class CapturedByMock(EmrliteError):
    """A call to EMR that ``mock_aws`` has caught on its way."""


def session() -> Any:
    """Return a boto3 session whose clients are out of reach of ``mock_aws``; it reads each service's model once."""
    import boto3

    found = boto3.session.Session()
    if mocked := sys.modules.get("moto.core.models"):
        found.events.unregister("before-send", mocked.botocore_stubber)
    return found


def client(session: Any, service: str, url: str, region: str) -> Any:
    """Return a client of *session* for the emulator at *url*, on which no proxy stands in the way."""
    from botocore.config import Config

    access_key, secret_key = DUMMY_KEYS
    config = Config(proxies={}, s3={"addressing_style": "path"} if service == "s3" else None)
    return session.client(service, endpoint_url=url, region_name=region, aws_access_key_id=access_key,
                          aws_secret_access_key=secret_key, config=config)


@contextmanager
def told_when_captured(captured: list[str]) -> Iterator[None]:
    """Refuse calls to EMR that ``mock_aws`` catches; note others, which may be meant for it, in *captured*."""
    if "moto" not in sys.modules:
        yield
        return
    from moto.core.botocore_stubber import BotocoreStubber

    answer = BotocoreStubber.__call__

    def told(self: Any, event_name: str, request: Any, **rest: Any) -> Any:
        response = answer(self, event_name, request, **rest) if not (self.enabled and _is_emr(event_name)) else None
        if self.enabled and _is_emr(event_name) and "amazonaws.com" in request.url.split("/")[2]:
            raise CapturedByMock(
                f"mock_aws has captured the client that calls {_name(event_name)}: it would be answered by moto, where "
                "nothing runs, not by emrlite. Use the fixture emr_client, or make the client inside the test, or give "
                "it endpoint_url=emrlite_endpoint.")
        if response is not None:
            captured.append(_name(event_name))
        return response

    with mock.patch.object(BotocoreStubber, "__call__", told):
        yield


def _is_emr(event_name: str) -> bool:
    return event_name.split(".")[1:2] == ["emr"]


def _name(event_name: str) -> str:
    return " ".join(event_name.split(".")[1:3])
