"""Host names of zones and buckets."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Any, Tuple
from urllib.parse import quote, urlsplit

_PORTS = {"http": 80, "https": 443}


def parse(endpoint: str) -> Tuple[str, str, int]:
    """Return protocol, host and port of an address such as "https://is.shanhe.com"."""
    full = endpoint if "://" in endpoint else "https://" + endpoint
    try:
        parts = urlsplit(full)
        host, port = parts.hostname, parts.port
    except ValueError as e:
        raise ValueError(f"endpoint {endpoint!r}: {e}") from None
    if parts.scheme not in _PORTS:
        raise ValueError(f"endpoint {endpoint!r}: protocol {parts.scheme!r} is neither http nor https")
    if not host or parts.username is not None:
        raise ValueError(f"endpoint {endpoint!r}: want an address such as https://is.shanhe.com")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"endpoint {endpoint!r}: only protocol, host and port are wanted")
    return parts.scheme, host, port or _PORTS[parts.scheme]


@lru_cache(maxsize=64)
def is_fixed(host: str) -> bool:
    """Tell whether host is an IP address or localhost, in front of which a name means nothing."""
    host = host.rstrip(".")
    if host == "localhost" or host.rpartition(".")[2].isdigit():
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def site(config: Any, zone: str, bucket: str) -> Tuple[str, bool]:
    """Return the Host for a zone and a bucket, and whether it names the bucket."""
    host = str(config.host)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    in_host = False
    if not is_fixed(host):
        if zone:
            host = f"{quote(zone)}.{host}"
        if bucket and config.enable_virtual_host_style:
            host, in_host = f"{quote(bucket)}.{host}", True
    if _PORTS.get(config.protocol) != config.port:
        host = f"{host}:{config.port}"
    return host, in_host
