"""The service."""

from __future__ import annotations

import errno
import os
from copy import copy
from functools import partial
from types import TracebackType
from typing import Iterator, Optional, Type

from .bucket import Bucket
from .calls import call
from .models import BucketInfo, Zone, timestamp
from .sdk.config import Config
from .sdk.service.ois import OIS

PUBLIC_HOST = "is.shanhe.com"
_OLD_HOST = "jn1.is.shanhe.com"  # default of Config, which has a zone in it


class Client:
    """A client of a service. Threads may share it, and what it makes.

    Without arguments it takes what the environment (OIS_ACCESS_KEY_ID and so on) and ~/.ois/config.yaml
    say. Without keys it is anonymous.

    Args:
        access_key_id: Id of the access key.
        secret_access_key: Its secret.
        endpoint: Address of the service, such as "http://127.0.0.1:9000".
        zone: Zone of buckets that are named without one.
        virtual_host: Whether the bucket goes into the host name instead of the path.
        retries: How often a request that failed is sent again.
        timeout: Seconds to wait for a connection, and for each piece of an answer.
        config: A configuration to take instead of environment and file; a copy of it is made.

    Attributes:
        api: The service as ois.sdk has it, with all operations.
    """

    def __init__(
        self,
        access_key_id: str = "",
        secret_access_key: str = "",
        *,
        endpoint: str = "",
        zone: str = "",
        virtual_host: Optional[bool] = None,
        retries: Optional[int] = None,
        timeout: Optional[float] = None,
        config: Optional[Config] = None,
    ) -> None:
        config = copy(config) if config else _from_environment()  # what is given stays as it is
        if access_key_id or secret_access_key:
            config.access_key_id, config.secret_access_key = access_key_id, secret_access_key
        if bool(config.access_key_id) != bool(config.secret_access_key):
            raise ValueError("access_key_id and secret_access_key: give both, or none to be anonymous")
        if endpoint:
            config.endpoint = endpoint
        elif config.host == _OLD_HOST:
            config.host = PUBLIC_HOST
        if zone:
            config.zone = zone
        if virtual_host is not None:
            config.enable_virtual_host_style = virtual_host
        if retries is not None:
            config.connection_retries = retries
        if timeout is not None:
            config.timeout = timeout
        self.api = OIS(config)

    def __repr__(self) -> str:
        config = self.api.config
        return f"<ois.Client {config.protocol}://{config.host}:{config.port}>"

    def bucket(self, name: str, zone: str = "") -> Bucket:
        """Return a bucket, without asking whether it is there."""
        return Bucket(self.api.Bucket(name, zone))

    def create_bucket(self, name: str, zone: str = "") -> Bucket:
        """Create a bucket. If the name is taken, BucketExists is raised."""
        bucket = self.bucket(name, zone)
        call(bucket.api.put, name)
        return bucket

    def buckets(self, zone: str = "") -> Iterator[BucketInfo]:
        """Yield the buckets of the caller, of one zone or of all."""
        offset = 0
        while True:
            page = call(partial(self.api.list_buckets, limit=1000, offset=offset or None, location=zone or None))
            buckets = page.get("buckets") or []
            for b in buckets:
                yield BucketInfo(b["name"], b.get("location", ""), b.get("url", ""), timestamp(b.get("created")))
            offset += len(buckets)
            if not buckets or offset >= page.get("count", 0):
                return

    def zones(self) -> Iterator[Zone]:
        """Yield the zones of the service."""
        for z in call(self.api.list_locations).get("locations") or []:
            yield Zone(z["id"], z.get("name", ""), z.get("endpoint", ""))

    def close(self) -> None:
        """Close the connections."""
        self.api.client.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


def _from_environment() -> Config:
    """Return what environment and file say. A file that somebody names must be there; ois-sdk 1.0 did not mind."""
    named = os.environ.get("OIS_CONFIG_PATH")
    if named and not os.path.exists(named):
        raise FileNotFoundError(errno.ENOENT, "OIS_CONFIG_PATH names a file that is not there", named)
    return Config()
