"""Work of several threads with a bound on what waits."""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Callable, Iterable, Iterator, Set, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_thread = threading.local()  # has the event that ends the waits of a thread of each


class GivenUp(Exception):
    """Ends the work of a thread that nobody waits for any more."""


def pause(seconds: float) -> None:
    """Sleep, but not on in a thread of each after another has failed or the program was interrupted."""
    stop = getattr(_thread, "stop", None)
    if stop is None:
        time.sleep(seconds)
    elif stop.wait(seconds):
        raise GivenUp


def _begin(stop: threading.Event) -> None:
    _thread.stop = stop


def each(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Call work for each item in threads, and yield the results as they come.

    An item is taken only when a thread is free for it, so no more than that many are in memory. After the
    first error nothing new begins; the error is raised when what was begun has ended.
    """
    stop = threading.Event()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ois", initializer=_begin, initargs=(stop,))
    running: Set[Future[R]] = set()
    try:
        for item in items:
            running.add(pool.submit(work, item))
            del item
            if len(running) >= threads:
                yield from _finished(running)
        while running:
            yield from _finished(running)
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _finished(running: Set[Future[R]]) -> Iterator[R]:
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    running -= done
    for future in done:
        yield future.result()
