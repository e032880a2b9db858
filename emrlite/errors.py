"""Everything that emrlite raises on purpose.

::

    EmrliteError                    says what was wrong, where, and what to do next
    ├── ServiceError                answered to an AWS client: code, HTTP status, message
    │   ├── ValidationException         the undeclared error of EMR's old JobFlow operations
    │   ├── InvalidRequestException     the declared one; may carry an ErrorCode
    │   ├── SerializationException      a body that is no JSON, or not of the model's shape
    │   ├── UnknownOperationException   not in the model, or not implemented here
    │   ├── AccessDeniedException       foreign Origin or Host, or a service that would only pretend
    │   └── InternalServerException     ours to mend; the only one with status 500
    ├── SetupError                  engines: Java, jars, Python packages
    │   ├── EngineMissing               set-up has not run, or not to its end
    │   ├── WrongContent                a file that is not what the lock says
    │   └── Unreachable                 a package could not be fetched
    ├── EndpointError               the emulator itself
    │   ├── PortTaken
    │   ├── HomeInUse
    │   └── NotRunning
    ├── NodeError                   a node or one of its processes
    │   └── DoesNotFit                  more nodes than this machine has memory for
    └── StorageError                S3, HDFS, logs
        └── LogNotFound
"""

from __future__ import annotations


class EmrliteError(Exception):
    """Root of all errors that are reported in one sentence and without a traceback."""


class ServiceError(EmrliteError):
    """An error as AWS sends it: ``code`` becomes ``__type``, ``status`` the HTTP status."""

    code = "InternalServerException"
    status = 400

    def __init__(self, message: str, *, error_code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = error_code


class ValidationException(ServiceError):
    code = "ValidationException"


class InvalidRequestException(ServiceError):
    code = "InvalidRequestException"


class SerializationException(ServiceError):
    code = "SerializationException"


class UnknownOperationException(ServiceError):
    code = "UnknownOperationException"


class AccessDeniedException(ServiceError):
    code = "AccessDeniedException"
    status = 403


class InternalServerException(ServiceError):
    code = "InternalServerException"
    status = 500


class SetupError(EmrliteError):
    """Engines could not be found, fetched or trusted."""


class EngineMissing(SetupError, FileNotFoundError):
    """Set-up has not run to its end; the message names the command that cures it."""


class WrongContent(SetupError):
    """A file differs from the lock; it is named, and never used."""


class Unreachable(SetupError, ConnectionError):
    """A package could not be fetched."""


class EndpointError(EmrliteError):
    """The emulator could not be started, found or stopped."""


class PortTaken(EndpointError):
    """Somebody else listens where the endpoint should."""


class HomeInUse(EndpointError):
    """Another emulator owns this home."""


class NotRunning(EndpointError):
    """No emulator answers for this home."""


class NodeError(EmrliteError):
    """A node or one of its processes failed."""


class DoesNotFit(NodeError):
    """The cluster asks for more than this machine has."""


class StorageError(EmrliteError):
    """S3, HDFS or logs could not be reached, read or written."""


class LogNotFound(StorageError, FileNotFoundError):
    """There is no such log (yet)."""
