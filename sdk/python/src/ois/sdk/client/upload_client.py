"""Uploads of large files, part by part."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from typing import IO, Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

from ..._generated.bucket import Bucket
from ...errors import Error
from ..body import position
from ..parallel import each
from ..unpack import PART_SIZE, Unpacker

BINARY_MIME_TYPE = "application/octet-stream"

Hooks = Mapping[str, Iterable[Callable[[], Any]]]


class UploadClient:
    """Uploads files in parts.

    Args:
        bucket: Where to.
        part_size: Bytes of a part, from 4 MiB to 5 GiB.
        threads: Parts that are sent at the same time; so many are in memory.
    """

    def __init__(self, bucket: Bucket, part_size: int = PART_SIZE, threads: int = 2) -> None:
        if part_size < 1 or threads < 1:
            raise ValueError(f"part_size {part_size}, threads {threads}: want at least 1 of each")
        self.bucket = bucket
        self.part_size = part_size
        self.threads = threads

    def upload(
        self, object_key: str, fd: IO[bytes], content_type: str = BINARY_MIME_TYPE, hooks: Optional[Hooks] = None
    ) -> Unpacker:
        """Upload a file, from its beginning if it can go there, else from where it stands.

        If anything fails, the upload is aborted.

        Args:
            object_key: Key of the object.
            fd: A file open for reading bytes, or a pipe.
            content_type: Media type of the object.
            hooks: Functions under the key "read" are called once for each 1024 bytes that were read.

        Returns:
            The answer of the service when the object was there.

        Raises:
            ois.Error: The service refused something.
            requests.RequestException: It did not answer.
        """
        reader = _Reader(fd, self.part_size, hooks)
        if position(fd) is not None:
            fd.seek(0)
        begun = _done(self.bucket.initiate_multipart_upload(object_key, content_type=content_type))
        upload_id = str(begun["upload_id"])
        try:
            return self._finish(object_key, upload_id, reader.parts(), [])
        except BaseException:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                self.bucket.abort_multipart_upload(object_key, upload_id=upload_id)
            raise

    def resume(self, object_key: str, fd: IO[bytes], upload_id: str, hooks: Optional[Hooks] = None) -> Unpacker:
        """Go on with an upload that was broken off: send the parts that are missing, and complete it.

        The upload stays if this fails, so that it can be tried again.

        Args:
            object_key: Key of the object.
            fd: The same file as before, which must be able to go to any place.
            upload_id: Id of the upload.
            hooks: As for upload.
        """
        size = _size(fd)
        there = {n: (s, etag) for n, s, etag in self._parts(object_key, upload_id)}
        count = max(1, -(-size // self.part_size))
        reader = _Reader(fd, self.part_size, hooks)
        missing = [n for n in range(count) if n not in there or not reader.has(n, size, *there[n])]
        kept = [n for n in range(count) if n not in set(missing)]
        return self._finish(object_key, upload_id, reader.parts_at(missing), kept)

    def _finish(self, key: str, upload_id: str, parts: Iterable[Tuple[int, bytes]], kept: List[int]) -> Unpacker:
        def send(part: Tuple[int, bytes]) -> int:
            number, data = part
            _done(self.bucket.upload_multipart(key, part_number=number, upload_id=upload_id, body=data))
            return number

        numbers = sorted([*kept, *each(send, parts, self.threads)])
        return _done(
            self.bucket.complete_multipart_upload(key, upload_id, object_parts=[{"part_number": n} for n in numbers])
        )

    def _parts(self, key: str, upload_id: str) -> Iterator[Tuple[int, int, str]]:
        """Yield number, size and ETag of the parts that the service has."""
        marker = None
        while True:
            page = _done(self.bucket.list_multipart(key, part_number_marker=marker, upload_id=upload_id))
            parts: List[Dict[str, Any]] = page.get("object_parts") or []
            for part in parts:
                yield int(part["part_number"]), int(part["size"]), str(part.get("etag") or "").strip('"').lower()
            if not parts:
                return
            marker = int(parts[-1]["part_number"])


class _Reader:
    """Cuts a file into parts."""

    def __init__(self, fd: IO[bytes], part_size: int, hooks: Optional[Hooks]) -> None:
        self._fd = fd
        self._part_size = part_size
        self._hooks = list((hooks or {}).get("read", ()))
        for hook in self._hooks:
            if not callable(hook):
                raise TypeError(f"hook {hook!r} cannot be called")

    def parts(self) -> Iterator[Tuple[int, bytes]]:
        """Yield the parts one after the other; there is always one, perhaps an empty one."""
        number = 0
        while True:
            data = self._read()
            if data or number == 0:
                yield number, data
            number += 1
            if len(data) < self._part_size:
                return
            del data

    def parts_at(self, numbers: Iterable[int]) -> Iterator[Tuple[int, bytes]]:
        """Yield the parts of those numbers."""
        for number in numbers:
            self._fd.seek(number * self._part_size)
            yield number, self._read()

    def has(self, number: int, file_size: int, size: int, etag: str) -> bool:
        """Tell whether a part of the file is what the service has. An ETag that is no MD5 says nothing."""
        start = number * self._part_size
        if size != min(self._part_size, file_size - start):
            return False
        if len(etag) != 32:
            return True
        self._fd.seek(start)
        return hashlib.md5(read_full(self._fd, self._part_size)).hexdigest() == etag

    def _read(self) -> bytes:
        data = read_full(self._fd, self._part_size)
        for _ in range(-(-len(data) // 1024) if self._hooks else 0):
            for hook in self._hooks:
                hook()
        return data


def read_full(fd: IO[bytes], size: int) -> bytes:
    """Read that many bytes, less only at the end of the file."""
    data = fd.read(size)
    if data is None:
        raise BlockingIOError("the file gives nothing at the moment: it must not be in non-blocking mode")
    if len(data) == size or not data:
        return data
    buffer = io.BytesIO()
    while data:
        buffer.write(data)
        if buffer.tell() >= size:
            break
        data = fd.read(size - buffer.tell())
    return buffer.getvalue()


def _size(fd: IO[bytes]) -> int:
    if position(fd) is None:
        raise ValueError("to resume an upload, the file must be able to go to any place (seek)")
    fd.seek(0, os.SEEK_END)
    return fd.tell()


def _done(output: Unpacker) -> Unpacker:
    if not output.ok:
        raise Error.of(output)
    return output


__all__ = ["UploadClient", "read_full"]
