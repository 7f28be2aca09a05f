"""Files of any size: in parts, by several threads, and on from where it was broken off."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import stat
from dataclasses import dataclass, fields
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Union

from .encryption import encryption_arguments
from .errors import ChecksumMismatch, ConnectionFailed, Error, NotFound
from .files import Meter, Progress, Tap
from .lock import Lock
from .models import ObjectInfo, Written
from .sdk.body import length, position
from .sdk.client.upload_client import read_full
from .sdk.parallel import each
from .sdk.request import Encoded

if TYPE_CHECKING:
    from .bucket import Bucket

MIN_PART = 4 << 20
MAX_PARTS = 10000
MAX_COPY = 5 << 30  # that one request copies
COPY_PART = 512 << 20  # small enough for an answer in time
GROW_EVERY = 1000  # parts of unknown many, after which they double

Path = Union[str, "os.PathLike[str]"]
Part = Tuple[int, Union[bytes, "_Slice", "_Range"]]  # its number and what is sent


@dataclass
class UploadOptions:
    """How to upload."""

    part_size: int = 8 << 20
    threads: int = 4
    progress: Optional[Progress] = None
    content_type: str = ""
    metadata: Optional[Mapping[str, str]] = None
    storage_class: Optional[str] = None
    encryption_key: Optional[bytes] = None
    cache_control: Optional[str] = None
    content_disposition: Optional[str] = None
    content_encoding: Optional[str] = None
    expires: Optional[str] = None

    def __post_init__(self) -> None:
        if self.part_size < MIN_PART:
            raise ValueError(f"part_size {self.part_size}: want at least {MIN_PART}")
        if self.threads < 1:
            raise ValueError(f"threads {self.threads}: want at least 1")

    @property
    def digest(self) -> str:
        """A hash of what matters to the object, from which nobody learns the key."""
        moving = {"part_size", "threads", "progress"}
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in moving}
        values["metadata"] = dict(self.metadata or {})
        return hashlib.sha256(json.dumps(values, sort_keys=True, default=repr).encode()).hexdigest()


@dataclass
class DownloadOptions:
    """How to download."""

    part_size: int = 8 << 20
    threads: int = 4
    progress: Optional[Progress] = None
    version_id: Optional[str] = None
    encryption_key: Optional[bytes] = None

    def __post_init__(self) -> None:
        if self.part_size < 1 or self.threads < 1:
            raise ValueError("part_size and threads must be at least 1")


def part_size_for(size: int, wanted: int) -> int:
    """Return a size of parts with which so many bytes have few enough."""
    return max(wanted, -(-size // MAX_PARTS))


def upload(bucket: Bucket, key: str, file: IO[bytes], options: UploadOptions) -> Written:
    """Upload from a file object."""
    start, size = position(file), length(file)
    if size is not None:
        options.part_size = part_size_for(size, options.part_size)
    meter = Meter(options.progress, size)
    first = read_full(file, options.part_size)
    if len(first) < options.part_size or size == len(first):
        return _put(bucket, key, first, options, meter)
    parts = _memory_parts(first, file, options.part_size, start is None)
    return _Multipart(bucket, key, options, meter).run(parts)


def _put(bucket: Bucket, key: str, data: bytes, options: UploadOptions, meter: Meter) -> Written:
    written = bucket.put(
        key,
        data,
        content_type=options.content_type,
        metadata=options.metadata,
        storage_class=options.storage_class,
        encryption_key=options.encryption_key,
        cache_control=options.cache_control,
        content_disposition=options.content_disposition,
        content_encoding=options.content_encoding,
        expires=options.expires,
    )
    meter.add(len(data))
    return written


def _memory_parts(first: bytes, file: IO[bytes], size: int, unknown: bool) -> Iterator[Part]:
    """Yield parts that are held in memory until they are sent."""
    number, data = 0, first
    del first
    while data:
        yield number, data
        number += 1
        if unknown and number % GROW_EVERY == 0:
            size *= 2
        del data
        data = read_full(file, size)


class _Multipart:
    """An upload in parts."""

    def __init__(self, bucket: Bucket, key: str, options: UploadOptions, meter: Meter, upload_id: str = "") -> None:
        self._bucket, self._key, self._options, self._meter = bucket, key, options, meter
        self._encryption = encryption_arguments(options.encryption_key)
        self.upload_id = upload_id or self._begin()

    def _call(self, make: Callable[[], Any]) -> Any:
        return self._bucket._call(make, self._key)

    def _begin(self) -> str:
        o = self._options
        output = self._call(
            lambda: self._bucket.api.initiate_multipart_upload(
                self._key,
                content_type=o.content_type or None,
                x_qs_meta_data=o.metadata,
                x_qs_storage_class=o.storage_class,
                cache_control=o.cache_control,
                content_disposition=o.content_disposition,
                content_encoding=o.content_encoding,
                expires=o.expires,
                **self._encryption,
            )
        )
        return str(output["upload_id"])

    def run(self, parts: Iterable[Part], check: Callable[[], None] = lambda: None) -> Written:
        """Send the parts, check something, and complete the upload, or abort it."""
        try:
            sums = self.send(parts)
            check()
            return self.complete(sums)
        except BaseException:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                self.abort()
            raise

    def send(self, parts: Iterable[Part]) -> Dict[int, str]:
        """Send parts, and return their MD5 by number."""
        return dict(each(self._send, parts, self._options.threads))

    def _send(self, part: Part) -> Tuple[int, str]:
        number, content = part
        if isinstance(content, _Range):
            return number, self._copy(number, content)
        with contextlib.ExitStack() as stack:
            if isinstance(content, _Slice):
                file: IO[bytes] = stack.enter_context(open(content.path, "rb"))
                file.seek(content.start)
                body = Tap(file, content.start, content.size, self._meter)
            else:
                body = Tap(io.BytesIO(content), 0, len(content), self._meter)
            output = self._call(
                lambda: self._bucket.api.upload_multipart(
                    self._key,
                    part_number=number,
                    upload_id=self.upload_id,
                    body=body,  # type: ignore[arg-type]
                    **self._encryption,
                )
            )
        md5 = body.md5
        etag = str(output.headers.get("ETag", "")).strip('"')
        if not self._encryption and len(etag) == 32 and etag.lower() != md5:
            raise ChecksumMismatch(
                f"part {number}: the service has {etag} where {md5} was sent", bucket=self._bucket.name, key=self._key
            )
        return number, md5

    def _copy(self, number: int, part: _Range) -> str:
        """Have the service copy a part, and return what stands for its MD5."""
        output = self._call(
            lambda: self._bucket.api.copy_part(
                self._key,
                upload_id=self.upload_id,
                part_number=number,
                x_qs_copy_source=Encoded(part.source),
                x_qs_copy_range=f"bytes={part.start}-{part.end - 1}",
                x_qs_copy_source_if_match=part.etag,
                **part.opening,
                **self._encryption,
            )
        )
        return hashlib.md5(str(output.headers.get("ETag", "")).encode()).hexdigest()

    def complete(self, sums: Mapping[int, str]) -> Written:
        """Make the object of its parts.

        The ETag is made here, so that an answer that gets lost can be made up for by a look at the object.
        """
        numbers = sorted(sums)
        joined = hashlib.md5(b"".join(bytes.fromhex(sums[n]) for n in numbers)).hexdigest()
        etag = f'"{joined}-{len(numbers)}"'
        try:
            output = self._call(
                lambda: self._bucket.api.complete_multipart_upload(
                    self._key,
                    upload_id=self.upload_id,
                    etag=etag,
                    object_parts=[{"part_number": n} for n in numbers],
                    **self._encryption,
                )
            )
        except (ConnectionFailed, Error) as error:
            if not 400 <= error.status < 500 and self._is_there(etag):
                return Written(etag, "", error.request_id)
            raise
        return Written.of(output.headers)

    def _is_there(self, etag: str) -> bool:
        try:
            return self._bucket.head(self._key, encryption_key=self._options.encryption_key).etag == etag
        except Error:
            return False

    def abort(self) -> None:
        """Discard what was sent."""
        self._call(lambda: self._bucket.api.abort_multipart_upload(self._key, upload_id=self.upload_id))

    def there(self) -> Dict[int, Tuple[int, str]]:
        """Return size and MD5 of the parts that the service has."""
        found: Dict[int, Tuple[int, str]] = {}
        marker: Optional[int] = None
        while True:
            page = self._call(
                partial(
                    self._bucket.api.list_multipart,
                    self._key,
                    upload_id=self.upload_id,
                    part_number_marker=marker,
                    limit=1000,
                )
            )
            parts: List[Dict[str, Any]] = page.get("object_parts") or []
            for part in parts:
                found[int(part["part_number"])] = (int(part["size"]), str(part["etag"]).strip('"').lower())
            if not parts:
                return found
            marker = int(parts[-1]["part_number"])


@dataclass
class CopyOptions:
    """What a copy is to be."""

    metadata: Optional[Mapping[str, str]] = None
    content_type: Optional[str] = None
    storage_class: Optional[str] = None
    encryption_key: Optional[bytes] = None
    source_encryption_key: Optional[bytes] = None

    @property
    def replace(self) -> bool:
        """Whether the metadata is not that of the source."""
        return self.metadata is not None or self.content_type is not None

    @property
    def opening(self) -> Dict[str, Any]:
        """The arguments of a call that decrypt the source."""
        return encryption_arguments(self.source_encryption_key, "x_qs_copy_source_")


@dataclass(frozen=True)
class _Range:
    """A part of an object to copy."""

    source: str  # as in X-QS-Copy-Source
    etag: str  # it must have
    start: int
    end: int
    opening: Mapping[str, Any]


def copy_large(
    bucket: Bucket, key: str, source_bucket: Bucket, source: str, version: str, place: str, options: CopyOptions
) -> Optional[Written]:
    """Copy an object in parts, or return None if it is not too large for one request."""
    info = source_bucket.head(source, version_id=version or None, encryption_key=options.source_encryption_key)
    if info.size <= MAX_COPY:
        return None
    o = UploadOptions(
        part_size=part_size_for(info.size, COPY_PART),
        content_type=options.content_type or "",
        metadata=options.metadata,
        storage_class=options.storage_class,
        encryption_key=options.encryption_key,
    )
    if not options.replace:
        o.content_type, o.metadata, o.cache_control = info.content_type, info.metadata, info.cache_control or None
        o.content_disposition, o.content_encoding = info.content_disposition or None, info.content_encoding or None
        o.expires = info.expires or None
    starts = range(0, info.size, o.part_size)
    parts = (
        (n, _Range(place, info.etag, start, min(start + o.part_size, info.size), options.opening))
        for n, start in enumerate(starts)
    )
    return _Multipart(bucket, key, o, Meter(None, None)).run(parts)


def upload_file(bucket: Bucket, key: str, path: Path, checkpoint: Optional[Path], options: UploadOptions) -> Written:
    """Upload a file by its name."""
    state = os.stat(path)
    if not stat.S_ISREG(state.st_mode):  # a pipe has no size, and goes once
        with open(path, "rb") as f:
            return upload(bucket, key, f, options)
    meter = Meter(options.progress, state.st_size)
    options.part_size = part_size_for(state.st_size, options.part_size)
    if checkpoint is not None:
        with Lock(_lock_name(checkpoint, path)):
            return _resume_upload(bucket, key, path, state, _Note(checkpoint), options, meter)
    if state.st_size <= options.part_size:
        return _put_file(bucket, key, path, options, meter)
    parts = _slices(path, state.st_size, options.part_size).items()
    return _Multipart(bucket, key, options, meter).run(parts, lambda: _same_file(path, state))


def _put_file(bucket: Bucket, key: str, path: Path, options: UploadOptions, meter: Meter) -> Written:
    with open(path, "rb") as f:
        return _put(bucket, key, f.read(), options, meter)


def _same_file(path: Path, before: os.stat_result) -> None:
    """Raise if a file is not what it was: the parts of it would not fit together."""
    now = os.stat(path)
    if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise OSError(f"{os.fspath(path)} was changed while it was uploaded")


def _resume_upload(
    bucket: Bucket, key: str, path: Path, state: os.stat_result, note: _Note, options: UploadOptions, meter: Meter
) -> Written:
    facts = {
        **_transfer("upload", bucket, key, path),
        "size": state.st_size,
        "modified": state.st_mtime_ns,
        "options": options.digest,
    }
    known = note.read(facts)
    small = state.st_size <= options.part_size
    if known is not None and (small or not _same(known, facts)):
        with contextlib.suppress(NotFound):  # it was completed or aborted meanwhile
            _Multipart(bucket, key, options, meter, str(known["upload_id"])).abort()
        note.remove()
        known = None
    if small:
        return _put_file(bucket, key, path, options, meter)
    multipart: Optional[_Multipart] = None
    there: Dict[int, Tuple[int, str]] = {}
    if known is not None:
        options.part_size = int(known["part_size"])
        multipart = _Multipart(bucket, key, options, meter, str(known["upload_id"]))
        try:
            there = multipart.there()
        except NotFound:
            multipart = None  # it was completed or aborted meanwhile
    if multipart is None:
        multipart = _Multipart(bucket, key, options, meter)
        try:
            note.write({**facts, "part_size": options.part_size, "upload_id": multipart.upload_id})
        except BaseException:
            multipart.abort()
            raise
    slices = _slices(path, state.st_size, options.part_size)
    kept: Dict[int, str] = {}
    for number, (size, md5) in there.items():
        part = slices.get(number)
        if part is not None and part.size == size and part.md5() == md5:
            kept[number] = md5
            meter.add(size)
    sent = multipart.send([(n, part) for n, part in slices.items() if n not in kept])
    _same_file(path, state)
    written = multipart.complete({**kept, **sent})
    note.remove()
    return written


def download_file(
    bucket: Bucket, key: str, path: Path, checkpoint: Optional[Path], options: DownloadOptions
) -> ObjectInfo:
    """Download an object into a file."""
    target = os.path.abspath(path)
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
    info = bucket.head(key, version_id=options.version_id, encryption_key=options.encryption_key)
    meter = Meter(options.progress, info.size)
    if checkpoint is None:
        part = f"{target}.{os.urandom(6).hex()}.ois-part"
        try:
            with open(part, "xb"):
                pass
            _Download(bucket, key, info, part, options, meter).run(lambda number: None)
            _put_in_place(part, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise
        return info
    with Lock(_lock_name(checkpoint, path)):
        _resume_download(bucket, key, target, _Note(checkpoint), info, options, meter)
    return info


def _resume_download(
    bucket: Bucket, key: str, target: str, note: _Note, info: ObjectInfo, options: DownloadOptions, meter: Meter
) -> None:
    options.part_size = part_size_for(info.size, options.part_size)  # the note is written for each part
    part = f"{target}.{note.id}.ois-part"
    facts = {
        **_transfer("download", bucket, key, target),
        "size": info.size,
        "etag": info.etag,
        "version_id": options.version_id,
    }
    known = note.read(facts)
    if known is None or not _same(known, facts) or not info.etag or not _has_size(part, info.size):
        known = {**facts, "part_size": options.part_size, "done": []}
        with open(part, "wb"):
            pass
        note.write(known)
    options.part_size = int(known["part_size"])
    done: List[int] = known["done"]

    def finish(number: int) -> None:
        done.append(number)
        note.write(known)

    _Download(bucket, key, info, part, options, meter, set(done), durable=True).run(finish)
    _put_in_place(part, target)
    note.remove()


class _Download:
    """A download in parts."""

    def __init__(
        self,
        bucket: Bucket,
        key: str,
        info: ObjectInfo,
        path: str,
        options: DownloadOptions,
        meter: Meter,
        done: Iterable[int] = (),
        durable: bool = False,
    ) -> None:
        self._bucket, self._key, self._info, self._path = bucket, key, info, path
        self._options, self._meter, self._done, self._durable = options, meter, set(done), durable

    def run(self, finish: Callable[[int], None]) -> None:
        """Get all parts that are not there, and call finish for each."""
        count = -(-self._info.size // self._options.part_size)
        for number in self._done:
            self._meter.add(self._span(number)[1] - self._span(number)[0])
        os.truncate(self._path, self._info.size)
        rest = (n for n in range(count) if n not in self._done)
        for number in each(self._get, rest, self._options.threads):
            finish(number)

    def _span(self, number: int) -> Tuple[int, int]:
        start = number * self._options.part_size
        return start, min(start + self._options.part_size, self._info.size)

    def _get(self, number: int) -> int:
        start, end = self._span(number)
        o = self._options
        with (
            open(self._path, "r+b") as f,
            self._bucket.get(
                self._key,
                start=start,
                end=end,
                version_id=o.version_id,
                if_match=self._info.etag or None,
                encryption_key=o.encryption_key,
            ) as reader,
        ):
            f.seek(start)
            left = end - start
            for data in reader:
                f.write(data)
                left -= len(data)
                self._meter.add(len(data))
            if left:
                raise ConnectionFailed(f"part {number} has another length", bucket=self._bucket.name, key=self._key)
            if self._durable:
                f.flush()
                os.fsync(f.fileno())
        return number


def _has_size(path: str, size: int) -> bool:
    """Tell whether there is a file of that size."""
    try:
        return os.path.getsize(path) == size
    except FileNotFoundError:
        return False


def _put_in_place(part: str, target: str) -> None:
    """Give a complete file its name."""
    with open(part, "r+b") as f:
        os.fsync(f.fileno())
    os.replace(part, target)


@dataclass(frozen=True)
class _Slice:
    """A part of a file."""

    path: Path
    start: int
    size: int

    def md5(self) -> str:
        """Return the MD5 of the part, in hexadecimal digits."""
        with open(self.path, "rb") as f:
            f.seek(self.start)
            tap = Tap(f, self.start, self.size, Meter(None, None))
            while tap.read(1 << 20):
                pass
            return tap.md5


def _slices(path: Path, size: int, part_size: int) -> Dict[int, _Slice]:
    """Return the parts of a file by their numbers."""
    starts = range(0, size, part_size)
    return {n: _Slice(path, start, min(part_size, size - start)) for n, start in enumerate(starts)}


def _transfer(kind: str, bucket: Bucket, key: str, path: Path) -> Dict[str, Any]:
    """Return what tells a transfer from others, whatever has become of its source."""
    config = bucket.api.config
    return {
        "kind": kind,
        "endpoint": f"{config.protocol}://{config.host}:{config.port}",
        "bucket": bucket.name,
        "key": key,
        "path": os.path.abspath(path),
    }


def _lock_name(checkpoint: Path, path: Path) -> str:
    """Return the file to lock while a checkpoint is used, which must not be the file that is transferred."""
    if os.path.realpath(checkpoint) == os.path.realpath(path):
        raise ValueError(f"checkpoint {os.fspath(checkpoint)} is the file itself; name another")
    return os.fspath(checkpoint) + ".lock"


def _same(known: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Tell whether a note is about what is there now."""
    return all(known.get(name) == value for name, value in facts.items())


class _Note:
    """A file that says how far something is."""

    def __init__(self, path: Path) -> None:
        self._path = os.fspath(path)

    @property
    def id(self) -> str:
        """A part of the names of files that go with it."""
        return hashlib.sha256(os.fsencode(os.path.abspath(self._path))).hexdigest()[:12]

    def read(self, facts: Mapping[str, Any]) -> Optional[Dict[str, Any]]:
        """Return what was noted. It is about the same transfer, or an error is raised."""
        try:
            with open(self._path, encoding="utf-8") as f:
                noted = json.load(f)
        except FileNotFoundError:
            return None
        except ValueError:
            noted = None
        if not isinstance(noted, dict) or "kind" not in noted:
            raise ValueError(f"{self._path} is no checkpoint; remove it, or name another file")
        for name in ("kind", "bucket", "key", "path", "endpoint"):
            if noted.get(name) != facts[name]:
                raise ValueError(
                    f"{self._path} is the checkpoint of another transfer, {name} {noted.get(name)!r}; name another file"
                )
        return noted

    def write(self, data: Mapping[str, Any]) -> None:
        """Note something; whoever reads finds the old or the new note."""
        name = self._path + ".tmp"  # nobody else writes it: the checkpoint is locked
        try:
            with open(name, "w", encoding="utf-8", opener=partial(os.open, mode=0o600)) as f:
                json.dump(data, f)
                f.flush()
                os.fsync(f.fileno())
            os.replace(name, self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise

    def remove(self) -> None:
        """Forget it."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
