"""What calls return."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Dict, Mapping, Optional

METADATA_PREFIX = "x-qs-meta-"


@dataclass(frozen=True)
class BucketInfo:
    """A bucket in the list of buckets."""

    name: str
    zone: str
    url: str
    created: Optional[datetime]


@dataclass(frozen=True)
class Zone:
    """A zone of the service."""

    id: str
    name: str
    endpoint: str


@dataclass(frozen=True)
class ObjectInfo:
    """An object. A listing leaves the fields after encrypted empty."""

    key: str
    size: int
    etag: str  # in double quotes, as conditions want it
    content_type: str
    modified: Optional[datetime]
    storage_class: str
    encrypted: bool
    version_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)  # names in lower case, without prefix
    cache_control: str = ""
    content_disposition: str = ""
    content_encoding: str = ""
    expires: str = ""
    next_position: Optional[int] = None  # of an appendable object: where to append


@dataclass(frozen=True)
class Prefix:
    """Keys that a listing with a delimiter has put together."""

    name: str


@dataclass(frozen=True)
class Version:
    """A version of an object, or a delete marker."""

    key: str
    version_id: str
    is_latest: bool
    delete_marker: bool
    size: int
    etag: str  # in double quotes
    modified: Optional[datetime]


@dataclass(frozen=True)
class Upload:
    """A multipart upload that is neither completed nor aborted."""

    key: str
    upload_id: str
    created: Optional[datetime]


@dataclass(frozen=True)
class Written:
    """What a write has left behind."""

    etag: str
    version_id: str
    request_id: str

    @staticmethod
    def of(headers: Mapping[str, str]) -> Written:
        """Return what the headers of an answer say."""
        return Written(headers.get("ETag", ""), headers.get("x-qs-version-id", ""), headers.get("x-qs-request-id", ""))


def listed_object(entry: Mapping[str, Any]) -> ObjectInfo:
    """Return an object of a listing."""
    modified = entry.get("modified")
    return ObjectInfo(
        key=str(entry["key"]),
        size=int(entry.get("size") or 0),
        etag=quoted(str(entry.get("etag") or "")),
        content_type=str(entry.get("mime_type") or ""),
        modified=datetime.fromtimestamp(modified, timezone.utc) if isinstance(modified, int) else None,
        storage_class=str(entry.get("storage_class") or ""),
        encrypted=bool(entry.get("encrypted")),
    )


def read_object(key: str, headers: Mapping[str, str]) -> ObjectInfo:
    """Return an object that was read, with the size that it has as a whole."""
    length = headers.get("Content-Length")
    total = headers.get("Content-Range", "").rpartition("/")[2]
    position = headers.get("x-qs-next-append-position")
    return ObjectInfo(
        key=key,
        size=int(total) if total.isdigit() else int(length or 0),
        etag=headers.get("ETag", ""),
        content_type=headers.get("Content-Type", ""),
        modified=http_date(headers.get("Last-Modified", "")),
        storage_class=headers.get("x-qs-storage-class", ""),
        encrypted="x-qs-encryption-customer-algorithm" in headers,
        version_id=headers.get("x-qs-version-id", ""),
        metadata=_metadata(headers),
        cache_control=headers.get("Cache-Control", ""),
        content_disposition=headers.get("Content-Disposition", ""),
        content_encoding=headers.get("Content-Encoding", ""),
        expires=headers.get("Expires", ""),
        next_position=int(position) if position else None,
    )


def _metadata(headers: Mapping[str, str]) -> Dict[str, str]:
    pairs = ((name.lower(), value) for name, value in headers.items())
    return {n[len(METADATA_PREFIX) :]: v for n, v in pairs if n.startswith(METADATA_PREFIX)}


def quoted(etag: str) -> str:
    """Return an entity tag in double quotes."""
    return etag if not etag or etag.startswith(('"', "W/")) else f'"{etag}"'


def http_date(text: str) -> Optional[datetime]:
    """Return the time that a header names, None if it names none."""
    try:
        return parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None


def timestamp(text: Any) -> Optional[datetime]:
    """Return the time that JSON names, None if it names none."""
    head, _, tail = str(text or "").rstrip("Z").partition(".")
    try:
        moment = datetime.strptime(head, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
        return moment.replace(microsecond=int(tail[:6].ljust(6, "0"))) if tail else moment
    except ValueError:
        return None
