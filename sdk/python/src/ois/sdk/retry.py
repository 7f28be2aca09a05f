"""When a request is sent again, and after how long."""

from __future__ import annotations

import random
import threading
import time
from email.utils import parsedate_to_datetime
from typing import Any, Optional

import requests
from requests.exceptions import ConnectionError, ConnectTimeout, InvalidJSONError, RequestException
from urllib3.exceptions import MaxRetryError, NewConnectionError

from .parallel import pause
from .request import Request, now

BASE_DELAY = 0.05  # seconds
MAX_DELAY = 5.0
MAX_RETRY_AFTER = 60.0

# Repetitions of a client, which is what shares a configuration, are limited to one for so many successes, and
# so many at once: a service in trouble is not held down by its clients.
SUCCESSES = 10
BURST = 10

MIN_OFFSET = 5.0  # seconds; a clock that is off by less is not what the service complains of
MAX_OFFSET = 14 * 60.0  # what is surely too much: services allow 15 minutes

sleep = pause  # tests put something faster here

_lock = threading.Lock()  # of what configurations count; there, for they are copied and pickled


def take(config: Any) -> bool:
    """Ask for one repetition."""
    with _lock:
        used = getattr(config, "_used", 0)
        if used > SUCCESSES * (BURST - 1):
            return False
        config._used = used + SUCCESSES
        return True


def earn(config: Any) -> None:
    """Count a success."""
    if getattr(config, "_used", 0):
        with _lock:
            config._used = max(0, config._used - 1)


def set_clock(request: Request, response: requests.Response) -> bool:
    """Set the clock of the client if the service refused the date of a request, and tell whether it did."""
    if response.status_code != 403 or not request.dated or not request.rewindable:
        return False
    try:
        theirs = parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
    except (TypeError, ValueError, IndexError):
        return False
    code = _code(response)
    off = abs(theirs - now(request.config))
    if code != "request_expired" and (code or off < MAX_OFFSET):  # an answer to HEAD has no code
        return False
    if off < MIN_OFFSET:
        return False
    request.config._ahead = theirs - time.time()
    return True


def _code(response: requests.Response) -> str:
    try:
        data = response.json()
    except ValueError:
        return ""
    return str(data.get("code") or "") if isinstance(data, dict) else ""


def wait_before(
    request: Request, attempts: int, response: Optional[requests.Response], error: Optional[RequestException] = None
) -> Optional[float]:
    """Return how many seconds to wait before a request is sent again, or None if it is not to be."""
    if error is not None:
        again = after_error(request, error)
    else:
        again = response is not None and after_status(request, response.status_code)
    wait = delay(attempts, response) if again else None
    return wait if wait is not None and take(request.config) else None


def repeatable(request: Request) -> bool:
    """Tell whether a request may be carried out twice."""
    if not request.operation.idempotent:
        return False
    return not any(request.req.headers.get(name) for name in request.operation.extensions)


def after_error(request: Request, error: RequestException) -> bool:
    """Tell whether to send a request again after its connection failed."""
    if not request.rewindable or isinstance(error, InvalidJSONError):
        return False
    if never_connected(error):
        return True
    passing = isinstance(error, (ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError))
    return passing and repeatable(request)


def never_connected(error: RequestException) -> bool:
    """Tell whether the service cannot have seen the request."""
    if isinstance(error, (ConnectTimeout, requests.exceptions.ProxyError)):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def after_status(request: Request, status: int) -> bool:
    """Tell whether to send a request again after that answer."""
    if not request.rewindable:
        return False
    if status in (429, 503):
        return True  # it was refused
    return status in (408, 500, 502, 504) and repeatable(request)


def delay(attempts: int, response: Optional[requests.Response] = None) -> Optional[float]:
    """Return how many seconds to wait after that many attempts, or None if the service wants too many."""
    wait = random.uniform(0, min(MAX_DELAY, BASE_DELAY * 2 ** min(attempts - 1, 16)))
    asked = 0.0 if response is None else _retry_after(response)
    if asked > MAX_RETRY_AFTER:
        return None
    return max(wait, asked)


def _retry_after(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "")
    if text.isdigit():
        return float(min(int(text), 1 << 20))
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, IndexError):
        return 0.0
