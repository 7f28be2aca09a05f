"""A lock in a file."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from types import TracebackType
from typing import Optional, Type

if sys.platform == "win32":
    import msvcrt

    def _take(number: int) -> None:
        msvcrt.locking(number, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(number: int) -> None:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lock:
    """A file that only one holds at a time, of all threads and processes of a machine.

    It is made for that and removed afterwards. If a process is killed, the file stays, but is free.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = self._open()
        while not self._is_there():  # who had it has removed it
            os.close(self._file)
            self._file = self._open()

    def _open(self) -> int:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _take(file)
        except OSError as error:
            os.close(file)
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            raise BlockingIOError(
                errno.EAGAIN, "another transfer with this checkpoint is under way", self._path
            ) from None
        return file

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if sys.platform == "win32":
            os.close(self._file)  # there a file that is open cannot be removed
        try:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        finally:
            if sys.platform != "win32":
                os.close(self._file)
