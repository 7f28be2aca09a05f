"""What goes wrong, as exceptions."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Optional, Type

if TYPE_CHECKING:
    from .sdk.unpack import Unpacker


class Error(Exception):
    """A call failed.

    Attributes:
        status: The HTTP status, 0 if there was no answer.
        code: The service's token, such as "object_not_exists", or "".
        message: The service's sentence, or the cause.
        request_id: Names the request in the logs of the service.
        operation: What was called, such as "PutObject".
        bucket: Name of the bucket, or "".
        key: Key of the object, or "".
        attempts: How often the request was sent.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int = 0,
        code: str = "",
        request_id: str = "",
        operation: str = "",
        bucket: str = "",
        key: str = "",
        attempts: int = 0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.request_id = request_id
        self.operation = operation
        self.bucket = bucket
        self.key = key
        self.attempts = attempts

    def __reduce__(self) -> Any:
        return (_restore, (type(self), self.message, self.__dict__))

    def __str__(self) -> str:
        place = "/".join(x for x in (self.bucket, self.key) if x)
        what = " ".join(x for x in (self.operation, place) if x)
        answer = f"{self.status} {self.code or _phrase(self.status)}".strip() if self.status else self.code
        notes = [f"request {self.request_id}"] if self.request_id else []
        if self.attempts > 1:
            notes.append(f"{self.attempts} attempts")
        text = ": ".join(x for x in (what, answer, self.message) if x)
        return f"{text} ({', '.join(notes)})" if notes else text

    @staticmethod
    def of(output: Unpacker, bucket: str = "", key: str = "") -> Error:
        """Return the error that an answer stands for."""
        code = str(output.get("code") or "")
        kind = _kind(output.status_code, code)
        return kind(
            str(output.get("message") or ""),
            status=output.status_code,
            code=code,
            request_id=str(output.get("request_id") or output.headers.get("x-qs-request-id") or ""),
            operation=output.operation.name if output.operation else "",
            bucket=bucket,
            key=key,
            attempts=output.attempts,
        )

    @staticmethod
    def named(code: str, message: str, bucket: str, key: str) -> Error:
        """Return the error of a code, where there is no answer of its own."""
        return _kind(0, code)(message, code=code, bucket=bucket, key=key)


class NotFound(Error):
    """There is no such bucket, object or upload."""


class PermissionDenied(Error):
    """The key, the signature or the rights do not suffice."""


class BucketExists(Error):
    """The name of the bucket is taken, perhaps by the caller."""


class BucketNotEmpty(Error):
    """The bucket to delete holds objects or unfinished uploads."""


class PreconditionFailed(Error):
    """An if_match, if_none_match or similar condition does not hold."""


class NotModified(Error):
    """A read on condition found nothing new."""


class RangeNotSatisfiable(Error):
    """The range starts behind the end of the object."""


class Busy(Error):
    """The service asks to come back later."""


class Unsupported(Error):
    """The service does not offer what the call needs."""


class ConnectionFailed(Error):
    """There was no answer, or only a part of it, or it was not the service's."""


class ChecksumMismatch(Error):
    """What arrived is not what was sent."""


_PERMISSION = (
    "permission_denied",
    "access_denied",
    "invalid_access_key_id",
    "signature_not_matched",
    "request_expired",
    "account_problem",
)
_BY_STATUS = {
    304: NotModified,
    404: NotFound,
    412: PreconditionFailed,
    416: RangeNotSatisfiable,
    429: Busy,
    501: Unsupported,
    503: Busy,
}


def _kind(status: int, code: str) -> Type[Error]:
    if code == "bucket_already_exists":
        return BucketExists
    if code == "bucket_not_empty":
        return BucketNotEmpty
    if code in _PERMISSION or (not code and status in (401, 403)):
        return PermissionDenied
    if code.endswith("_not_exists"):
        return NotFound
    return _BY_STATUS.get(status, Error)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _restore(kind: Type[Error], message: str, state: Optional[dict[str, Any]]) -> Error:
    error = kind(message)
    error.__dict__.update(state or {})
    return error
