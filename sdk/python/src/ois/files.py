"""Bodies that are watched while they are sent."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import IO, Any, Callable, Optional

# Called with the bytes that were moved and with those there are, None if nobody knows.
Progress = Callable[[int, Optional[int]], None]


class BodyError(Exception):
    """Carries an error of the caller's file, or function, past those who would take it for a broken connection."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class Meter:
    """Adds up what threads have moved, and tells somebody."""

    def __init__(self, progress: Optional[Progress], total: Optional[int]) -> None:
        self._progress = progress
        self._total = total
        self._done = 0
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        """Count bytes; less than none if they have to be moved again."""
        if self._progress is not None and count:
            with self._lock:
                self._done += count
                self._progress(self._done, self._total)


class Tap:
    """A part of a file that is read from, with its MD5.

    Args:
        file: What to read from.
        start: Where the part begins, None for a file that cannot go back.
        size: Its length, None for all that is left.
    """

    def __init__(self, file: IO[Any], start: Optional[int], size: Optional[int], meter: Meter) -> None:
        self._file = file
        self._start = start
        self._meter = meter
        self._sum = hashlib.md5()
        self._at = 0
        if size is not None:
            self.len = size

    @property
    def md5(self) -> str:
        """MD5 of what was read, in hexadecimal digits."""
        return self._sum.hexdigest()

    def read(self, size: int = -1) -> bytes:
        """Return up to that many bytes, none at the end."""
        try:
            return self._read(size)
        except Exception as error:
            raise BodyError(error) from error

    def _read(self, size: int) -> bytes:
        left = getattr(self, "len", None)
        if left is not None:
            left -= self._at
            size = left if size < 0 else min(size, left)
        data: bytes = self._file.read(size)
        if not data and size and left:
            raise OSError(f"the file has become shorter: {left} bytes are missing")
        self._sum.update(data)
        self._at += len(data)
        self._meter.add(len(data))
        return data

    def seekable(self) -> bool:
        """Tell whether the part can be sent again."""
        return self._start is not None

    def tell(self) -> int:
        """Return how much was read."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go back to the beginning, or tell the length."""
        if whence == os.SEEK_END:
            return self.len
        if offset != self._at:
            if offset != 0 or self._start is None:
                raise OSError("a body can only be sent from its beginning")
            self._file.seek(self._start)
            self._meter.add(-self._at)
            self._sum = hashlib.md5()
            self._at = 0
        return offset
