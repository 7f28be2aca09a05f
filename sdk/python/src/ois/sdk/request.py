"""A request: what is sent for a call, before and after it is signed."""

from __future__ import annotations

import base64
import hashlib
import json
import mimetypes
import platform
import sys
import time
from datetime import datetime, timezone
from email.utils import formatdate
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple, Union, cast
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import requests
from requests.cookies import RequestsCookieJar
from requests.exceptions import InvalidHeader
from requests.models import PreparedRequest
from requests.structures import CaseInsensitiveDict

from .._generated.operations import RULES
from . import __version__, signature
from .body import Body, FormBody, length, metadata_headers, plain, position
from .endpoint import site
from .error import ParameterRequiredError
from .operation import Operation

JSON_TYPE = "application/json"
BINARY_TYPE = "application/octet-stream"
USER_AGENT = f"ois-sdk-python/{__version__}  (Python v{platform.python_version()}; {sys.platform})"

# Query, headers or elements of a call by their names on the wire; what is None is left out.
Pairs = Sequence[Tuple[str, Any]]

Time = Union[str, datetime]


class Encoded(str):
    """The source of a copy that is encoded already."""


class Request:
    """What is sent for one call.

    Attributes:
        req: The requests.Request. What is changed in it before sign() or sign_query() is sent so.
    """

    def __init__(
        self,
        config: Any,
        operation: Operation,
        bucket: str = "",
        zone: str = "",
        key: str = "",
        query: Pairs = (),
        headers: Pairs = (),
        elements: Pairs = (),
        metadata: Optional[Mapping[str, str]] = None,
        body: Optional[Body] = None,
        file_name: str = "file",
    ) -> None:
        given_headers = [(n, v) for n, v in headers if v is not None]
        given = {n: v for n, v in elements if v is not None}
        params = [(n, v) for n, v in query if v is not None]
        self.operation = _variant(operation, given_headers)
        self.config = config
        self.bucket = bucket
        self.zone = zone
        self.key = key
        self._check(params, given_headers, given)
        host, in_host = site(config, zone, bucket)
        self._vhost = bucket if in_host else ""
        path = self._path(in_host)
        wire = _wire_headers(given_headers)
        for name, value in metadata_headers(metadata):
            wire[name] = _text(value)
        data = self._body(wire, given, metadata, body, file_name)
        self._finish(wire, host, path)
        self._dated = "Date" not in wire
        if self._dated:
            wire["Date"] = _date_of(now(config))
        url = f"{config.protocol}://{host}{path}{_query(self.operation.query, params)}"
        self.req = requests.Request(operation.method, url, data=data, headers=CaseInsensitiveDict(wire))
        self._start = None if data is None else position(data)

    def __repr__(self) -> str:
        return f"<Request {self.req.method}>"

    def _check(self, params: Pairs, headers: Pairs, elements: Mapping[str, Any]) -> None:
        op = self.operation
        if op.level != "service" and not self.bucket:
            raise ParameterRequiredError("bucket_name", op.name + "Input")
        if op.level == "object" and not self.key:
            raise ParameterRequiredError("object_key", op.name + "Input")
        if op.required or op.checked:
            given = {n.lower(): v for n, v in headers}
            given.update((n.lower(), v) for n, v in elements.items())
            given.update(params)
            op.check(given, RULES)

    def _path(self, in_host: bool) -> str:
        if not self.bucket:
            return "/"
        path = "" if in_host else "/" + quote(self.bucket)
        if self.operation.level != "object":
            return path or "/"
        key = quote(self.key)
        if in_host and key.startswith("/"):
            key = "%2F" + key[1:]  # requests would drop a slash where two begin the path
        return f"{path}/{key}"

    def _body(
        self,
        wire: Dict[str, str],
        elements: Dict[str, Any],
        metadata: Optional[Mapping[str, str]],
        body: Any,
        name: str,
    ) -> Any:
        kind = self.operation.body
        if kind == "json":
            data = json.dumps(elements, sort_keys=True).encode("ascii")
            wire["Content-Type"] = JSON_TYPE
            if self.operation.md5:
                wire["Content-MD5"] = base64.b64encode(hashlib.md5(data).digest()).decode("ascii")
            return data
        if kind == "form":
            fields = [(n, _text(v)) for n, v in elements.items()]
            fields += [(n, _text(v)) for n, v in metadata_headers(metadata)]
            for n, _ in metadata_headers(metadata):
                del wire[n]
            form = FormBody(fields, body, name, _text(elements.get("content-type", BINARY_TYPE)))
            wire["Content-Type"] = form.content_type
            return form
        if body is None:
            return None
        data = plain(body)
        return data or None if isinstance(data, bytes) else data

    def _finish(self, wire: Dict[str, str], host: str, path: str) -> None:
        """Add what every request has."""
        wire["Host"] = host
        wire["User-Agent"] = USER_AGENT
        if not wire.get("Content-Type"):
            wire["Content-Type"] = mimetypes.guess_type(path)[0] or BINARY_TYPE

    @property
    def dated(self) -> bool:
        """Whether the request is signed with a date that was made here."""
        return self._dated and bool(self.config.access_key_id) and not self.req.headers.get("x-qs-date")

    @property
    def rewindable(self) -> bool:
        """Whether the body can be sent again."""
        return not self.req.data or isinstance(self.req.data, bytes) or self._start is not None

    def rewind(self) -> None:
        """Make the request ready to be signed and sent again."""
        if self._start is not None:
            cast(Any, self.req.data).seek(self._start)
        if self._dated:
            cast(Any, self.req).headers["Date"] = _date_of(now(self.config))

    def sign(self) -> PreparedRequest:
        """Return the request with its signature in the header, or without one if there are no keys."""
        prepared = self._prepare()
        if self.config.access_key_id:
            value = f"QS {self.config.access_key_id}:{self.get_authorization(prepared)}"
            prepared.headers["Authorization"] = value
            cast(Any, self.req).headers["Authorization"] = value  # there programs look for it, to pass it on
        _encode_headers(prepared.headers)
        return prepared

    def sign_query(self, expires: Union[int, float]) -> PreparedRequest:
        """Return the request with its signature in the URL, as a link for others.

        Args:
            expires: When the link runs out, in seconds since 1970.
        """
        for name in ("Content-Type", "Authorization"):
            cast(Any, self.req).headers.pop(name, None)  # whoever follows the link would have to send it
        prepared = self._prepare()
        if self.config.access_key_id:
            until = str(int(expires))
            made, key = self.get_query_signature(expires, prepared), quote(self.config.access_key_id, safe="")
            added = f"signature={made}&access_key_id={key}&expires={until}"
            url = str(prepared.url)
            prepared.url = f"{url}{'&' if '?' in url else '?'}{added}"
        _encode_headers(prepared.headers)
        return prepared

    def get_authorization(self, prepared: Optional[PreparedRequest] = None) -> str:
        """Return the signature for the header Authorization."""
        return signature.sign(self.get_string_to_sign(prepared), self.config.secret_access_key)

    def get_query_signature(self, expires: Union[int, float], prepared: Optional[PreparedRequest] = None) -> str:
        """Return the signature of a link, encoded for its query."""
        prepared = prepared or self._prepare()
        prepared.headers.pop("Content-Type", None)  # as in sign_query
        text = self.get_string_to_sign(prepared, str(int(expires)))
        return quote(signature.sign(text, self.config.secret_access_key))

    def get_string_to_sign(self, prepared: Optional[PreparedRequest] = None, expires: str = "") -> str:
        """Return the text over which the signature is made."""
        prepared = prepared or self._prepare()
        _, _, rest = str(prepared.url).partition("://")
        target, _, query = rest.partition("?")
        _, slash, path = target.partition("/")
        return signature.string_to_sign(
            str(prepared.method), slash + path, query, cast(Any, prepared.headers), self._vhost, expires
        )

    def _prepare(self) -> PreparedRequest:
        """Return the request as it goes out. The URL stays byte for byte what it is."""
        req: Any = self.req
        if req.params or req.json or req.files or req.auth or req.cookies:
            return cast(PreparedRequest, req.prepare())
        prepared = PreparedRequest()
        prepared.method = str(req.method)
        prepared.url = req.url
        prepared.hooks = req.hooks
        prepared._cookies = RequestsCookieJar()
        prepared.headers = CaseInsensitiveDict(req.headers)
        _attach(prepared, req.data)
        return prepared


def _variant(op: Operation, headers: Pairs) -> Operation:
    for selector, variant in op.variants:
        for name, _ in headers:
            if name == selector:
                return variant
    return op


def _wire_headers(headers: Pairs) -> Dict[str, str]:
    wire: Dict[str, str] = {}
    for name, value in headers:
        text = _text(value)
        if name in ("x-qs-copy-source", "x-qs-move-source") and not isinstance(value, Encoded):
            text = quote(text)
        elif name == "x-qs-fetch-source":
            text = _quote_url(text)
        wire[name] = text
    return wire


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return formatdate(moment.timestamp(), usegmt=True)
    if isinstance(value, bytes):
        return value.decode("utf-8")
    text = str(value)
    if "\r" in text or "\n" in text or "\0" in text:
        raise InvalidHeader(f"a header must not have line breaks: {text!r}")
    return text


def _quote_url(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=quote(unquote(parts.path))))


def _query(flags: Sequence[str], params: Pairs) -> str:
    if not params:
        return "?" + "&".join(flags) if flags else ""
    query = list(flags)
    for name, value in params:
        if value != "":
            query.append(f"{name}={quote(str(value))}")
    return "?" + "&".join(sorted(query)) if query else ""


_date: Tuple[int, str] = (0, "")


def now(config: Any) -> float:
    """Return the time by the clock of the service, as far as that is known."""
    return time.time() + float(getattr(config, "_ahead", 0.0))


def _date_of(moment: float) -> str:
    """Return a time as headers have it. It is made once a second."""
    global _date
    seconds, text = _date
    if seconds != int(moment):
        seconds = int(moment)
        text = formatdate(seconds, usegmt=True)
        _date = (seconds, text)
    return text


def _attach(prepared: PreparedRequest, data: Any) -> None:
    """Set the body and what says how long it is."""
    headers = prepared.headers
    if data is None or data == [] or data == {}:
        prepared.body = None
        if prepared.method not in ("GET", "HEAD"):
            headers["Content-Length"] = "0"
        return
    size = length(data)
    prepared.body = b"" if size == 0 else data
    if size is not None:
        headers["Content-Length"] = str(size)
    elif "Content-Length" not in headers:
        headers["Transfer-Encoding"] = "chunked"


def _encode_headers(headers: Any) -> None:
    """Make values that Latin-1 could change UTF-8, which is what was signed."""
    for name, value in headers.items():
        if isinstance(value, str) and not value.isascii():
            headers[name] = value.encode("utf-8")


__all__ = ["BINARY_TYPE", "JSON_TYPE", "USER_AGENT", "Encoded", "Request", "Time", "now"]
