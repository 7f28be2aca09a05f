"""Reading an object as a file."""

from __future__ import annotations

import io
from typing import Any, Callable, Iterator, Optional

from urllib3.exceptions import HTTPError

from .calls import call
from .errors import ConnectionFailed
from .models import ObjectInfo, read_object
from .sdk import retry
from .sdk.unpack import Unpacker

CHUNK = 256 << 10

# Opens the object from an offset on, if its ETag is still that; "" is any.
Open = Callable[[int, str], Unpacker]


class Reader(io.RawIOBase):
    """The bytes of an object, as they come. Close it, or use it in a with statement.

    If the connection breaks, the rest is asked for, of the same object; if that was replaced meanwhile,
    PreconditionFailed is raised. What is stored is what is read: nothing is unpacked, whatever
    Content-Encoding says.

    Attributes:
        info: What the service said about the object.
    """

    def __init__(self, bucket: str, key: str, open_at: Open, offset: int, config: Any) -> None:
        super().__init__()
        self._answer: Optional[Unpacker] = None  # what follows may fail
        self._bucket, self._key = bucket, key
        self._open = open_at
        self._config = config
        self._failures = 0
        self._answer = call(lambda: open_at(offset, ""), bucket, key)
        self.info: ObjectInfo = read_object(key, self._answer.headers)
        self._at, self._end = _bounds(self._answer, offset)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes in pieces of up to 256 KiB."""
        while True:
            data = self.read(CHUNK)
            if not data:
                return
            yield data

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer; 0 means the end."""
        view = memoryview(buffer).cast("B")
        data = self._some(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: Optional[int] = -1, /) -> bytes:
        """Read up to that many bytes, or all that is left."""
        if size is None or size < 0:
            return self.readall()
        return self._some(size)

    def readall(self) -> bytes:
        """Read all that is left."""
        return b"".join(iter(lambda: self._some(CHUNK), b""))

    def _some(self, size: int) -> bytes:
        if self.closed:
            raise ValueError("the reader is closed")
        while size and (self._end is None or self._at < self._end):
            try:
                data = self._receive(size)
            except (HTTPError, OSError) as error:
                self._resume(error)
                continue
            if data:
                self._at += len(data)
                self._failures = 0
                return data
            if self._end is None:
                return b""
            self._resume(EOFError(f"{self._end - self._at} bytes are missing"))
        return b""

    def _receive(self, size: int) -> bytes:
        if self._answer is None:
            answer = call(lambda: self._open(self._at, self.info.etag), self._bucket, self._key)
            self._answer = answer
            if _bounds(answer, self._at)[0] != self._at:
                raise ConnectionFailed("another range came than was asked for", bucket=self._bucket, key=self._key)
        return bytes(self._answer.res.raw.read(size, decode_content=False))

    def _resume(self, error: Exception) -> None:
        """Give up the connection, so that the next read opens another; raise if that makes no sense."""
        if self._answer is not None:
            self._answer.close()
            self._answer = None
        self._failures += 1
        tried = self._failures > max(1, int(self._config.connection_retries))
        if tried or not self.info.etag or self.info.etag.startswith("W/") or not retry.take(self._config):
            message = f"after {self._at} bytes: {error}"
            raise ConnectionFailed(message, operation="GetObject", bucket=self._bucket, key=self._key) from error
        retry.sleep(retry.delay(self._failures) or 0)

    def close(self) -> None:
        """Give up what is left."""
        if self._answer is not None:
            self._answer.close()
            self._answer = None
        super().close()


def _bounds(answer: Unpacker, offset: int) -> tuple[int, Optional[int]]:
    """Return where the bytes of an answer begin, and where they end if that is known."""
    text = answer.headers.get("Content-Range", "")
    first, _, last = text.partition("/")[0].removeprefix("bytes ").partition("-")
    if answer.status_code == 206 and first.isdigit() and last.isdigit():
        return int(first), int(last) + 1
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None
