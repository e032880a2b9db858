"""AWS JSON 1.1, driven by botocore's model: find the operation, parse, call, serialise.

Errors leave as AWS sends them: ``__type`` and a message, HTTP 400 (413 for a body that is too
large, 500 for a bug of ours, which is logged and shows nothing of itself).
"""

from __future__ import annotations

import functools
import json
import logging
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from emrlite.api import validate
from emrlite.errors import (
    EmrliteError,
    InternalServerException,
    SerializationException,
    ServiceError,
    UnknownOperationException,
)

log = logging.getLogger(__name__)

#: Longest body that is read.
MAX_BODY = 10 << 20

JSON = "application/x-amz-json-1.1"


@dataclass(frozen=True, kw_only=True)
class Call:
    """Who calls, from where."""

    account: str
    region: str
    waits: bool = False  #: a waiter of botocore asks, and would ask again
    #: The whole request, in AWS's names.
    members: Mapping[str, Any] = field(default_factory=dict)


#: ``handler(call, **members)`` returns a dict in AWS's names.
Handler = Callable[..., Mapping[str, Any] | None]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class BodyTooLarge(ServiceError):
    """More bytes than `MAX_BODY`."""

    code = "RequestEntityTooLargeException"
    status = 413


@functools.cache
def load_model(name: str) -> ServiceModel:
    """Return botocore's model of a service; read once for each process."""
    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


class Api:
    """One JSON service: a model and its handlers, by operation in snake_case."""

    def __init__(self, service: str, handlers: Mapping[str, Handler]) -> None:
        self._service = service
        self._handlers = handlers

    @functools.cached_property
    def model(self) -> ServiceModel:
        return load_model(self._service)

    def handle(self, call: Call, target: str, content_type: str, body: bytes | None) -> Reply:
        """Answer one request; *body* is ``None`` where it was longer than `MAX_BODY`."""
        request_id = str(uuid.uuid4())
        try:
            operation = self._operation(target)
            handler = self._handler(operation)
            members = self._members(operation, content_type, body)
            call = replace(call, members=members)
            result = handler(call, **{xform_name(name): value for name, value in members.items()})
            return _reply(request_id, operation, result or {})
        except ServiceError as error:
            return _refusal(request_id, error)
        except EmrliteError as error:  # says in a sentence what is wrong: S3 is gone, the disk is full
            log.exception("%s (request %s)", target, request_id)
            return _refusal(request_id, InternalServerException(str(error)))
        except Exception:
            log.exception("%s (request %s) failed", target, request_id)
            text = f"emrlite failed while it answered (request {request_id}); its log has the details."
            return _refusal(request_id, InternalServerException(text))

    def _operation(self, target: str) -> OperationModel:
        prefix, _, name = target.partition(".")
        if not target:
            raise UnknownOperationException("The request has no X-Amz-Target header, which names the operation.")
        if prefix != self.model.metadata["targetPrefix"] or name not in self.model.operation_names:
            raise UnknownOperationException(f"There is no operation {target[:256]!r}.")
        return self.model.operation_model(name)

    def _handler(self, operation: OperationModel) -> Handler:
        try:
            return self._handlers[xform_name(operation.name)]
        except KeyError:
            raise UnknownOperationException(f"emrlite does not implement the operation {operation.name}.") from None

    def _members(self, operation: OperationModel, content_type: str, body: bytes | None) -> dict[str, Any]:
        kind = content_type.partition(";")[0].strip().lower()
        if kind not in (JSON, "application/json", ""):
            raise SerializationException(f"Content-Type is {kind[:100]!r}; {JSON} is understood.")
        if body is None:
            raise BodyTooLarge(f"The request is larger than {MAX_BODY} bytes.")
        members = _parse_json(body)
        shape = operation.input_shape
        if shape is None:
            return {}
        try:
            parsed: dict[str, Any] = validate.parse(members, shape)
            validate.check(parsed, shape)
        except RecursionError:  # the model has shapes that hold themselves
            raise SerializationException("The body is nested too deeply.") from None
        return parsed


def _parse_json(body: bytes) -> Any:
    try:
        return json.loads(body.decode() or "{}", parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise SerializationException(f"The body is not UTF-8: {error.reason} at byte {error.start}.") from None
    except RecursionError:
        raise SerializationException("The body is nested too deeply.") from None
    except ValueError as error:  # JSONDecodeError, and integers of thousands of digits
        raise SerializationException(f"The body is not JSON: {error}.") from None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON value")


def _reply(request_id: str, operation: OperationModel, result: Mapping[str, Any]) -> Reply:
    shape = operation.output_shape
    body = b"" if shape is None else json.dumps(serialise(result, shape), ensure_ascii=False).encode()
    return Reply(status=200, headers=_headers(request_id, body), body=body)


def serialise(value: Any, shape: Shape) -> Any:
    """Return *value* for the wire: known members only, those without a value left out."""
    if isinstance(shape, StructureShape):
        return {name: serialise(value[name], member) for name, member in shape.members.items()
                if value.get(name) is not None}
    if isinstance(shape, ListShape):
        return [serialise(item, shape.member) for item in value]
    if isinstance(shape, MapShape):
        return {key: serialise(item, shape.value) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return math.floor(value * 1000) / 1000
    return str(value) if shape.type_name == "string" else value


def _refusal(request_id: str, error: ServiceError) -> Reply:
    # EMR's old operations answer "message", the declared exception has the members of its model.
    name = "Message" if error.code == "InvalidRequestException" else "message"
    content = {"__type": error.code, name: error.message}
    if error.error_code:
        content["ErrorCode"] = error.error_code
    body = json.dumps(content).encode()
    headers = [*_headers(request_id, body), ("x-amzn-ErrorType", error.code)]
    return Reply(status=error.status, headers=headers, body=body)


def _headers(request_id: str, body: bytes) -> list[tuple[str, str]]:
    return [("x-amzn-RequestId", request_id), ("Content-Type", JSON), ("Content-Length", str(len(body)))]
