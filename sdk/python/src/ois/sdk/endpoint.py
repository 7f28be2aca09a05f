"""Host names of zones and buckets."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Any, Mapping, Optional, Tuple
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


def learn(config: Any, headers: Mapping[str, str]) -> None:
    """Note whether a service obeys conditions of writes. An answer without a request id is somebody else's."""
    if headers.get("x-qs-request-id"):
        words = headers.get("X-OIS-Extensions", "").lower().split(",")
        config._conditional = (_address(config), "conditional-write" in [w.strip() for w in words])


def obeys_conditions(config: Any) -> Optional[bool]:
    """Tell whether the service obeys conditions of writes, None if it has not answered yet."""
    address, answer = getattr(config, "_conditional", (None, None))
    return answer if address == _address(config) else None


def _address(config: Any) -> Tuple[Any, ...]:
    return config.protocol, config.host, config.port


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
