"""A bucket and its objects."""

from __future__ import annotations

import io
import os
from datetime import datetime, timedelta
from functools import partial
from typing import IO, Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Union
from urllib.parse import quote, urlsplit, urlunsplit

from . import transfer
from ._generated.bucket import Bucket as Calls
from .calls import call
from .encryption import encryption_arguments
from .errors import ChecksumMismatch, Error, NotFound
from .files import Meter, Progress, Tap
from .models import ObjectInfo, Prefix, Upload, Version, Written, listed_object, quoted, read_object, timestamp
from .reader import Reader
from .sdk.body import Body, length, plain, position
from .sdk.request import Encoded, Request, now
from .sdk.unpack import Unpacker

Path = Union[str, "os.PathLike[str]"]
Expires = Union[int, float, timedelta]


class Bucket:
    """A bucket. To make one sends nothing, and it need not exist. Threads may share it.

    Methods raise ois.Error if the service refuses something or does not answer.

    Attributes:
        name: Name of the bucket.
        api: The bucket as ois.sdk has it, with all operations; ois.check raises for their outputs.
    """

    def __init__(self, api: Calls) -> None:
        self.api = api
        self.name = api.properties["bucket-name"]

    def __repr__(self) -> str:
        return f"<ois.Bucket {self.name}>"

    def _call(self, make: Callable[[], Unpacker], key: str = "") -> Unpacker:
        return call(make, self.name, key)

    # The bucket.

    def exists(self) -> bool:
        """Tell whether the bucket is there and may be read; PermissionDenied is raised if it may not."""
        try:
            self._call(self.api.head)
        except NotFound:
            return False
        return True

    def delete(self) -> None:
        """Delete the bucket, which must be empty."""
        self._call(self.api.delete)

    # Listings.

    def objects(self, prefix: str = "", after: str = "") -> Iterator[ObjectInfo]:
        """Yield objects in the byte order of their keys, those with the prefix and behind the key after."""
        for entry in self._list(prefix, after, None):
            if isinstance(entry, ObjectInfo):
                yield entry

    def entries(self, prefix: str = "", delimiter: str = "/", after: str = "") -> Iterator[Union[ObjectInfo, Prefix]]:
        """Yield what is in a folder: objects, and a Prefix for each folder in it."""
        yield from self._list(prefix, after, delimiter)

    def _list(self, prefix: str, marker: str, delimiter: Optional[str]) -> Iterator[Union[ObjectInfo, Prefix]]:
        def page(at: Mapping[str, str]) -> Unpacker:
            return self.api.list_objects(prefix=prefix, marker=at["marker"], delimiter=delimiter, limit=1000)

        for output in self._pages(page, {"marker": marker}):
            for folder in output.get("common_prefixes") or []:
                yield Prefix(folder)
            for entry in output.get("keys") or []:
                yield listed_object(entry)

    def versions(self, prefix: str = "") -> Iterator[Version]:
        """Yield all versions of objects, and delete markers, by key and newest first."""

        def page(at: Mapping[str, str]) -> Unpacker:
            return self.api.list_object_versions(
                prefix=prefix, key_marker=at["key_marker"], version_id_marker=at["version_id_marker"], limit=1000
            )

        for output in self._pages(page, {"key_marker": "", "version_id_marker": ""}):
            for v in output.get("keys") or []:
                yield Version(
                    v["key"],
                    str(v.get("version_id") or ""),
                    bool(v.get("is_latest")),
                    bool(v.get("delete_marker")),
                    int(v.get("size") or 0),
                    quoted(str(v.get("etag") or "")),
                    timestamp(v.get("modified") or v.get("created")),
                )

    def uploads(self, prefix: str = "") -> Iterator[Upload]:
        """Yield the multipart uploads that are neither completed nor aborted."""

        def page(at: Mapping[str, str]) -> Unpacker:
            return self.api.list_multipart_uploads(
                prefix=prefix, key_marker=at["key_marker"], upload_id_marker=at["upload_id_marker"], limit=1000
            )

        for output in self._pages(page, {"key_marker": "", "upload_id_marker": ""}):
            for u in output.get("uploads") or []:
                yield Upload(u["key"], u["upload_id"], timestamp(u.get("created")))

    def _pages(self, page: Callable[[Mapping[str, str]], Unpacker], at: Dict[str, str]) -> Iterator[Unpacker]:
        while True:
            output = self._call(partial(page, at))
            yield output
            if not output.get("has_more"):
                return
            following = {name: str(output.get("next_" + name) or "") for name in at}
            if following == at or not any(following.values()):
                raise Error("the service says that there is more, but not where", bucket=self.name)
            at = following

    # Objects.

    def put(
        self,
        key: str,
        data: Optional[Body] = b"",
        *,
        content_type: str = "",
        metadata: Optional[Mapping[str, str]] = None,
        cache_control: Optional[str] = None,
        content_disposition: Optional[str] = None,
        content_encoding: Optional[str] = None,
        expires: Optional[str] = None,
        storage_class: Optional[str] = None,
        if_match: Optional[str] = None,
        if_none_match: Optional[str] = None,
        encryption_key: Optional[bytes] = None,
        progress: Optional[Progress] = None,
    ) -> Written:
        """Store an object with one request, of up to 5 GiB. For more, and for pipes, see upload.

        Args:
            key: Key of the object.
            data: Bytes, text, a file from where it stands, or an iterator over bytes. A file is not closed.
            content_type: Media type; empty means one that fits the key.
            metadata: Names and values of your own.
            cache_control: Given back by every read, as are the next three.
            content_disposition: As cache_control.
            content_encoding: As cache_control. The data must be so encoded.
            expires: As cache_control.
            storage_class: STANDARD or STANDARD_IA.
            if_match: Write only if the object has this ETag.
            if_none_match: "*" writes only if there is no object.
            encryption_key: 32 bytes that the service encrypts with and forgets.
            progress: Called with the bytes that were sent and with those there are, or None.
        """
        body, tap = _tapped(data, progress)
        output = self._call(
            lambda: self.api.put_object(
                key,
                body=body,
                content_type=content_type or None,
                x_qs_meta_data=metadata,
                cache_control=cache_control,
                content_disposition=content_disposition,
                content_encoding=content_encoding,
                expires=expires,
                x_qs_storage_class=storage_class,
                if_match=if_match,
                if_none_match=if_none_match,
                **encryption_arguments(encryption_key),
            ),
            key,
        )
        if tap is not None and encryption_key is None:
            self._compare(key, output.headers.get("ETag", ""), tap.md5)
        return Written.of(output.headers)

    def _compare(self, key: str, etag: str, md5: str) -> None:
        """Raise if what the service has stored is something else."""
        if len(etag) == 34 and etag.strip('"').lower() != md5:
            raise ChecksumMismatch(f"the service has {etag} where {md5} was sent", bucket=self.name, key=key)

    def get(
        self,
        key: str,
        *,
        start: int = 0,
        end: Optional[int] = None,
        version_id: Optional[str] = None,
        if_match: Optional[str] = None,
        if_none_match: Optional[str] = None,
        if_modified_since: Optional[datetime] = None,
        encryption_key: Optional[bytes] = None,
    ) -> Reader:
        """Open an object for reading.

        Args:
            key: Key of the object.
            start: Offset of the first byte.
            end: Offset behind the last byte; None is the end of the object.
            version_id: Version to read; None is the current one.
            if_match: Read only an object with this ETag.
            if_none_match: Raise NotModified if the object has this ETag.
            if_modified_since: Raise NotModified if the object did not change since.
            encryption_key: The key that it was stored with.
        """
        if start < 0 or (end is not None and end <= start):
            raise ValueError(f"range from {start} to {end}: want 0 <= start < end")

        def open_at(offset: int, etag: str) -> Unpacker:
            return self.api.get_object(
                key,
                range=f"bytes={offset}-{'' if end is None else end - 1}" if offset or end is not None else None,
                version_id=version_id,
                if_match=etag or if_match,
                if_none_match=None if etag else if_none_match,
                if_modified_since=None if etag else if_modified_since,
                **encryption_arguments(encryption_key),
            )

        return Reader(self.name, key, open_at, start, self.api.config)

    def read(self, key: str, **options: Any) -> bytes:
        """Return the bytes of an object. The options are those of get."""
        with self.get(key, **options) as reader:
            return reader.read()

    def head(self, key: str, *, version_id: Optional[str] = None, encryption_key: Optional[bytes] = None) -> ObjectInfo:
        """Return what is known about an object."""
        output = self._call(
            lambda: self.api.head_object(key, version_id=version_id, **encryption_arguments(encryption_key)), key
        )
        return read_object(key, output.headers)

    def delete_object(self, key: str, *, version_id: Optional[str] = None, if_match: Optional[str] = None) -> None:
        """Delete an object. One that is not there counts as deleted."""
        self._call(lambda: self.api.delete_object(key, version_id=version_id, if_match=if_match), key)

    def delete_objects(self, keys: Iterable[str]) -> List[Error]:
        """Delete many objects, and return an error for each that could not be deleted."""
        errors: List[Error] = []
        batch: List[str] = []
        for key in keys:
            batch.append(key)
            if len(batch) == 1000:
                errors += self._delete_batch(batch)
                batch = []
        return errors + self._delete_batch(batch) if batch else errors

    def _delete_batch(self, keys: List[str]) -> List[Error]:
        output = self._call(lambda: self.api.delete_multiple_objects(objects=[{"key": k} for k in keys], quiet=True))
        return [
            Error.named(str(e.get("code") or ""), str(e.get("message") or ""), self.name, str(e.get("key") or ""))
            for e in output.get("errors") or []
        ]

    def copy(
        self,
        source: str,
        key: str,
        *,
        source_bucket: str = "",
        source_version: str = "",
        metadata: Optional[Mapping[str, str]] = None,
        content_type: Optional[str] = None,
        storage_class: Optional[str] = None,
        encryption_key: Optional[bytes] = None,
        source_encryption_key: Optional[bytes] = None,
    ) -> Written:
        """Copy an object within the zone, without sending its bytes. More than 5 GiB is copied in parts.

        Args:
            source: Key of the object to copy.
            key: Key of the copy.
            source_bucket: Where the source is; empty means this bucket.
            source_version: Version of the source; empty means the current one.
            metadata: Metadata of the copy, together with content_type; None takes over both.
            content_type: Media type of the copy.
            storage_class: STANDARD, if it is not given, or STANDARD_IA.
            encryption_key: 32 bytes to encrypt the copy with.
            source_encryption_key: The key that the source was stored with.
        """
        place = f"/{quote(source_bucket or self.name)}/{quote(source)}"
        if source_version:
            place += "?version_id=" + quote(source_version)
        options = transfer.CopyOptions(metadata, content_type, storage_class, encryption_key, source_encryption_key)
        try:
            output = self._call(
                lambda: self.api.copy_object(
                    key,
                    x_qs_copy_source=Encoded(place),
                    x_qs_metadata_directive="REPLACE" if options.replace else None,
                    x_qs_meta_data=metadata,
                    content_type=content_type,
                    x_qs_storage_class=storage_class,
                    **encryption_arguments(encryption_key),
                    **options.opening,
                ),
                key,
            )
        except Error as error:
            if error.status not in (400, 413):
                raise
            at = self._beside(source_bucket)
            written = transfer.copy_large(self, key, at, source, source_version, place, options)
            if written is None:
                raise
            return written
        return Written.of(output.headers)

    def _beside(self, name: str) -> Bucket:
        """Return another bucket of the zone, or this one."""
        api = self.api
        return Bucket(Calls(api.config, {**api.properties, "bucket-name": name}, api.client)) if name else self

    def move(self, source: str, key: str, *, source_bucket: str = "") -> Written:
        """Give an object another key. If the answer gets lost, whether it was moved is not known."""
        place = Encoded(f"/{quote(source_bucket or self.name)}/{quote(source)}")
        return Written.of(self._call(lambda: self.api.move_object(key, x_qs_move_source=place), key).headers)

    def append(self, key: str, data: Body, position: int, *, content_type: str = "") -> int:
        """Add bytes to the end of an appendable object, and return where the next go.

        Args:
            key: Key of the object.
            data: What to add.
            position: Length that the object has, 0 to begin one.
            content_type: Media type of an object that begins.
        """
        output = self._call(
            lambda: self.api.append_object(key, position=position, body=data, content_type=content_type or None),
            key,
        )
        following = output.headers.get("x-qs-next-append-position", "")
        if not following.isdigit():
            raise Error("the service does not say where the next bytes go; ask head", bucket=self.name, key=key)
        return int(following)

    # Links.

    def presign_get(self, key: str, expires: Expires = 900, *, host: str = "", **options: Any) -> str:
        """Return a link by which everybody can read the object for a while.

        Args:
            key: Key of the object.
            expires: How long, in seconds or as a timedelta.
            host: Where the link points instead, such as "https://cdn.example.com".
            options: Arguments of api.get_object, such as response_content_disposition or version_id.
        """
        return self._link(self.api.get_object_request(key, **options), expires, host)

    def presign_put(self, key: str, expires: Expires = 900, *, host: str = "") -> str:
        """Return a link to which everybody can put the object for a while, without a Content-Type."""
        return self._link(self.api.put_object_request(key), expires, host)

    def _link(self, request: Request, expires: Expires, host: str) -> str:
        seconds = expires.total_seconds() if isinstance(expires, timedelta) else expires
        url = str(request.sign_query(int(now(self.api.config) + seconds)).url)
        if not host:
            return url
        to = urlsplit(host if "://" in host else f"{self.api.config.protocol}://{host}")
        return urlunsplit(urlsplit(url)._replace(scheme=to.scheme, netloc=to.netloc))

    # Files.

    def upload(self, key: str, file: IO[bytes], **options: Any) -> Written:
        """Upload a file object of any length from where it stands, also a pipe. It is not closed.

        Args:
            key: Key of the object.
            file: Anything with read().
            options: part_size (8 MiB), threads (4), progress, content_type, metadata, storage_class,
                encryption_key. At most threads + 1 parts are in memory.
        """
        return transfer.upload(self, key, file, transfer.UploadOptions(**options))

    def upload_file(self, key: str, path: Path, *, checkpoint: Optional[Path] = None, **options: Any) -> Written:
        """Upload a file.

        Args:
            key: Key of the object.
            path: The file.
            checkpoint: Where to note how far it is. If there is such a note and the file is as it was, the
                upload goes on, also in another process, but one at a time: BlockingIOError is raised in a
                second. Without it, a failure aborts the upload.
            options: As for upload.
        """
        return transfer.upload_file(self, key, path, checkpoint, transfer.UploadOptions(**options))

    def download_file(self, key: str, path: Path, *, checkpoint: Optional[Path] = None, **options: Any) -> ObjectInfo:
        """Download an object into a file, which is there only when it is complete.

        Args:
            key: Key of the object.
            path: The file; one that is there is replaced.
            checkpoint: Where to note how far it is. If there is such a note and the object is as it was, the
                download goes on, also in another process, one at a time as for upload_file.
            options: part_size (8 MiB), threads (4), progress, version_id, encryption_key.
        """
        return transfer.download_file(self, key, path, checkpoint, transfer.DownloadOptions(**options))


def _tapped(data: Any, progress: Optional[Progress]) -> tuple[Any, Optional[Tap]]:
    """Return data as a body that is watched while it is sent."""
    body = plain(b"" if data is None else data)
    if isinstance(body, bytes):
        body = io.BytesIO(body)
    if not hasattr(body, "read"):
        return body, None
    start = position(body)
    size = length(body)
    tap = Tap(body, start, size, Meter(progress, size))
    return tap, tap
