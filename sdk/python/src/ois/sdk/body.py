"""Bodies of requests: how long they are, and how they are sent again."""

from __future__ import annotations

import contextlib
import io
import os
import re
from typing import IO, Any, Iterable, Mapping, Optional, Tuple, Union

from requests.exceptions import InvalidHeader

_NAME = re.compile("[!-9;-~]+")  # as in a header; the service is more particular

# What may be sent: bytes, text (as UTF-8), anything with read(), or an iterator over bytes.
Body = Union[bytes, bytearray, memoryview, str, IO[bytes], IO[str], Iterable[bytes]]


def plain(body: Any) -> Any:
    """Return text as bytes, and what yields text as what yields its bytes."""
    if isinstance(body, str):
        return body.encode("utf-8")
    if isinstance(body, bytes):
        return body
    if isinstance(body, io.TextIOWrapper):
        if body.tell():
            raise ValueError("a file in text mode can only be sent from its beginning: open it with mode 'rb'")
        return body.buffer
    if isinstance(body, io.StringIO):
        return io.BytesIO(body.read().encode("utf-8"))
    if hasattr(body, "read"):
        return body
    with contextlib.suppress(TypeError):
        return bytes(memoryview(body))  # its length counts bytes, that of an array does not
    if isinstance(body, Mapping) or not hasattr(body, "__iter__"):
        raise TypeError(f"a body must be bytes, text, a file or an iterator over bytes, not {type(body).__name__}")
    return body


def position(body: Any) -> Optional[int]:
    """Return where a body stands that can be sent again, or None for one that cannot."""
    try:
        if not body.seekable():
            return None
    except AttributeError:
        if not hasattr(body, "seek"):
            return None
    try:
        return int(body.tell())
    except (AttributeError, OSError, TypeError, ValueError):
        return None


def length(body: Any) -> Optional[int]:
    """Return the number of bytes from where the body stands, or None if nobody knows."""
    start = position(body)
    if start is not None:
        end = body.seek(0, os.SEEK_END)
        end = body.tell() if end is None else end
        body.seek(start)
        return max(0, int(end) - start)
    if hasattr(body, "__len__"):
        return len(body)
    known = getattr(body, "len", None)
    return known if isinstance(known, int) else None


class FormBody:
    """A multipart/form-data body with one file, which is read as it is sent."""

    def __init__(
        self,
        fields: Iterable[Tuple[str, str]],
        file: Any,
        file_name: str,
        file_type: str,
        boundary: Optional[str] = None,
    ) -> None:
        self.boundary = boundary or os.urandom(16).hex()
        head = "".join(self._field(name, value) for name, value in fields)
        head += (
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="file"; filename="{_escape(file_name)}"\r\n'
            f"Content-Type: {file_type}\r\n\r\n"
        )
        file = plain(b"" if file is None else file)
        if isinstance(file, bytes):
            file = io.BytesIO(file)
        if not hasattr(file, "read"):
            raise TypeError("the file of a form must be bytes or have a method read")
        self._file = file
        self._parts = [io.BytesIO(head.encode("utf-8")), file, io.BytesIO(f"\r\n--{self.boundary}--\r\n".encode())]
        self._start = position(file)
        size = length(file)
        if size is not None:
            self.len = size + sum(len(p.getvalue()) for p in (self._parts[0], self._parts[2]))
        self._at = 0

    def _field(self, name: str, value: str) -> str:
        return f'--{self.boundary}\r\nContent-Disposition: form-data; name="{_escape(name)}"\r\n\r\n{value}\r\n'

    @property
    def content_type(self) -> str:
        """The Content-Type of the request."""
        return "multipart/form-data; boundary=" + self.boundary

    def read(self, size: int = -1) -> bytes:
        """Return up to size bytes, none at the end."""
        out = []
        while self._at < len(self._parts) and size != 0:
            data = self._parts[self._at].read(size)
            if not data:
                self._at += 1
                continue
            out.append(data)
            if size > 0:
                break
        return b"".join(out)

    def seekable(self) -> bool:
        """Tell whether the form can be sent again."""
        return self._start is not None

    def tell(self) -> int:
        """Return 0 at the beginning. Other places are not told apart."""
        return 0 if self._at == 0 and self._parts[0].tell() == 0 else 1

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to the beginning, or tell the length."""
        if whence == os.SEEK_END and offset == 0:
            return self.len
        if whence != os.SEEK_SET or offset != 0 or self._start is None:
            raise io.UnsupportedOperation("a form can only be sent from its beginning")
        self._at = 0
        for part, start in zip(self._parts, (0, self._start, 0)):
            part.seek(start)
        return 0


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "%0D").replace("\n", "%0A")


def metadata_headers(metadata: Optional[Mapping[str, str]], prefix: str = "x-qs-meta-") -> Iterable[Tuple[str, str]]:
    """Return metadata as headers. Names may have the prefix already; what is None is left out."""
    for name, value in (metadata or {}).items():
        if not _NAME.fullmatch(name):
            raise InvalidHeader(f'metadata with the name {name!r}: want letters, digits, "-", "_" and "."')
        if value is not None:
            yield (name if name.lower().startswith(prefix) else prefix + name), value
