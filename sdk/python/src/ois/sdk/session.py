"""The session that requests go through."""

from __future__ import annotations

import os
from typing import Any, Dict, Optional, Tuple, Union

import requests
from requests.adapters import HTTPAdapter

# Connections that stay open for each host. More threads than that are served as well, but pay for connections.
POOL_SIZE = 32

Timeout = Union[None, float, Tuple[Optional[float], Optional[float]]]


class _Adapter(HTTPAdapter):
    """An adapter that sends files in pieces of a size that pays."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> Any:
        return super().init_poolmanager(*args, blocksize=256 << 10, **kwargs)


class Session(requests.Session):
    """A requests.Session with a timeout. Threads may share it."""

    def __init__(self, timeout: Timeout) -> None:
        super().__init__()
        self.timeout = timeout
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        if bundle:
            self.verify = bundle
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE))

    def __getstate__(self) -> Dict[str, Any]:
        """Return what a copy has, perhaps in another process."""
        return {**super().__getstate__(), "timeout": self.timeout}

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request as requests does, but not without a timeout."""
        kwargs.setdefault("timeout", self.timeout)
        return super().send(request, **kwargs)

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Take off a redirected request what is for the service alone."""
        super().rebuild_auth(prepared_request, response)
        if self.should_strip_auth(str(response.request.url), str(prepared_request.url)):
            for name in list(prepared_request.headers):
                if name.lower() == "authorization" or name.lower().startswith("x-qs-"):
                    del prepared_request.headers[name]
