"""What a call gives back."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Dict, Iterator, Optional, Type, cast

import requests
from requests.exceptions import ContentDecodingError

from .operation import Operation

PART_SIZE = 64 << 20
JSON_TYPE = "application/json"


class Unpacker(Dict[str, Any]):
    """The answer of the service: a dictionary of the JSON in its body, with the rest as attributes.

    An answer that is not a success has the keys code, message, request_id and url, as far as the service
    says them. Bytes of objects are never parsed, whatever their media type; read them by content or
    iter_content, or close the answer.

    Attributes:
        res: The requests.Response.
        status_code: The HTTP status.
        operation: What was called, or None.
        attempts: How often the request was sent.
    """

    def __init__(self, res: requests.Response, operation: Optional[Operation] = None, attempts: int = 1) -> None:
        super().__init__()
        self.res = res
        self.status_code = res.status_code
        self.operation = operation
        self.attempts = attempts
        if self._has_json():
            self._unpack()

    def __repr__(self) -> str:
        return f"<Unpacker [{self.status_code}] {super().__repr__()}>"

    def _has_json(self) -> bool:
        op = self.operation
        if self.res.request is not None and self.res.request.method == "HEAD":
            return False
        if self.status_code >= 300 or op is None:
            return self.status_code >= 400 or _is_json(self.res)
        return op.answer == "json"

    def _unpack(self) -> None:
        try:
            data = self.res.json()
        except ValueError:
            data = None
        if isinstance(data, dict):
            self.update(data)
        elif self.ok and self.operation is not None and self.status_code < 300:
            kind = self.res.headers.get("Content-Type", "no type")
            raise ContentDecodingError(
                f"{self.operation.name}: the answer with status {self.status_code} and {kind} is not the service's "
                "JSON; is there a proxy or a login page in between?",
                response=self.res,
            )

    @property
    def headers(self) -> Any:
        """The headers, a mapping that ignores the case of names."""
        return self.res.headers

    @property
    def content(self) -> bytes:
        """The whole body."""
        return self.res.content

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.res.ok

    def iter_content(self, chunk_size: int = PART_SIZE, decode_unicode: bool = False) -> Iterator[Any]:
        """Return an iterator over the body in pieces of that size."""
        return cast(Iterator[Any], cast(Any, self.res).iter_content(chunk_size, decode_unicode))

    def close(self) -> None:
        """Give up what is left of the body, and with it the connection."""
        self.res.close()

    def __enter__(self) -> Unpacker:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


def _is_json(res: requests.Response) -> bool:
    return res.headers.get("Content-Type", "").partition(";")[0].strip().lower() == JSON_TYPE
