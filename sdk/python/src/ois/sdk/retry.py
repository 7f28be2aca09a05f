"""When a request is sent again, and after how long."""

from __future__ import annotations

import random
import time
from email.utils import parsedate_to_datetime
from typing import Optional

import requests
from requests.exceptions import ConnectionError, ConnectTimeout, InvalidJSONError, RequestException
from urllib3.exceptions import MaxRetryError, NewConnectionError

from .request import Request

BASE_DELAY = 0.05  # seconds
MAX_DELAY = 5.0
MAX_RETRY_AFTER = 60.0

sleep = time.sleep  # tests put something faster here


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
