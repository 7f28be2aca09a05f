"""What the generated classes stand on: how a request is made and sent."""

from __future__ import annotations

import logging
from typing import Any, Dict, Mapping, Optional

import requests
from requests.exceptions import RequestException

from .._generated.operations import HEAD_BUCKET
from ..errors import Error, Unsupported
from . import endpoint, retry
from .body import Body
from .operation import Operation
from .request import Pairs, Request, Time
from .session import Session
from .unpack import Unpacker

logger = logging.getLogger("ois-sdk")
logger.addHandler(logging.NullHandler())


class Service:
    """A service and the session to it.

    Attributes:
        config: The configuration. What is changed in it counts from the next request on.
        client: The requests.Session that everything goes through.
    """

    def __init__(self, config: Any, client: Optional[requests.Session] = None) -> None:
        self.config = config
        self.client: requests.Session = client or Session(config.request_timeout())

    def _build(self, operation: Operation, key: str, query: Pairs = (), headers: Pairs = ()) -> Request:
        return Request(self.config, operation, key=key, query=query, headers=headers)

    def _send(self, request: Request) -> Unpacker:
        return send(self.client, self.config, request)


class BucketBase:
    """A bucket of a service."""

    def __init__(self, config: Any, properties: Mapping[str, str], client: requests.Session) -> None:
        self.config = config
        self.properties: Dict[str, str] = dict(properties)
        self.properties["zone"] = (self.properties.get("zone") or config.zone or "").lower()
        self.client = client

    def _build(
        self,
        operation: Operation,
        key: str,
        query: Pairs = (),
        headers: Pairs = (),
        elements: Pairs = (),
        metadata: Optional[Mapping[str, str]] = None,
        body: Optional[Body] = None,
        file_name: str = "file",
    ) -> Request:
        at = self.properties
        return Request(
            self.config,
            operation,
            at["bucket-name"],
            at["zone"],
            key,
            query,
            headers,
            elements,
            metadata,
            body,
            file_name,
        )

    def _send(self, request: Request) -> Unpacker:
        return send(self.client, self.config, request)


def send(client: requests.Session, config: Any, request: Request) -> Unpacker:
    """Send a request, again where that helps and does no harm.

    Returns:
        The last answer, whatever its status.

    Raises:
        requests.RequestException: There was no answer, or none of the service.
        ois.Unsupported: The service would ignore the condition of a write. Nothing was sent.
    """
    op = request.operation
    if op.extensions and any(request.req.headers.get(name) for name in op.extensions):
        _need_conditions(client, config, request)
    retries = int(config.connection_retries)
    attempts = 0
    clock_was_set = False
    while True:
        attempts += 1
        if attempts > 1:
            request.rewind()
        try:
            response = client.send(
                request.sign(),
                stream=op.answer == "stream",
                allow_redirects=op.method in ("GET", "HEAD"),
                timeout=config.request_timeout(),
            )
            logger.debug("%s %s/%s: %s", op.name, request.bucket, request.key, response.status_code)
            endpoint.learn(config, response.headers)
            if response.status_code in op.success:
                retry.earn(config)
            if not clock_was_set and retry.set_clock(request, response):
                clock_was_set = True
                response.close()
                continue
            wait = None if attempts > retries else retry.wait_before(request, attempts, response)
            if wait is None:
                return Unpacker(response, op, attempts)
            response.close()
        except RequestException as error:
            logger.debug("%s %s/%s: %s", op.name, request.bucket, request.key, type(error).__name__)
            wait = None if attempts > retries else retry.wait_before(request, attempts, None, error)
            if wait is None:
                error.__dict__.update(operation=op.name, attempts=attempts)
                raise
        retry.sleep(wait)


def _need_conditions(client: requests.Session, config: Any, request: Request) -> None:
    """Raise if the service would ignore the condition of a write, and overwrite what it must not."""
    if endpoint.obeys_conditions(config) is None:
        output = send(client, config, Request(config, HEAD_BUCKET, request.bucket, request.zone))
        if endpoint.obeys_conditions(config) is None:
            raise Error.of(output, request.bucket)
    if not endpoint.obeys_conditions(config):
        raise Unsupported(
            "the service does not announce conditional-write, so nothing was sent",
            operation=request.operation.name,
            bucket=request.bucket,
            key=request.key,
        )


__all__ = ["BucketBase", "Service", "Time", "send"]
