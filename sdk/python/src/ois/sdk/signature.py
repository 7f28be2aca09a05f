"""Signatures of requests: HMAC-SHA256 of a text that names what is asked for."""

from __future__ import annotations

import base64
import hmac
from typing import Iterable, List, Mapping, Tuple
from urllib.parse import unquote_plus

from .._generated.operations import SIGNED_PARAMETERS


def resource(path: str, query: str, bucket: str = "") -> str:
    """Return the canonical resource.

    Args:
        path: Path of the request line, percent-encoded as it is sent.
        query: Query without its question mark. Only signed parameters enter.
        bucket: Bucket where the host names it, "" where the path does.
    """
    path = path or "/"
    text = f"/{bucket}{path}" if bucket else path
    if not query:
        return text
    found: List[Tuple[str, str]] = []
    for piece in query.split("&"):
        name, _, value = piece.partition("=")
        if "%" in name or "+" in name:
            name = unquote_plus(name)
        if name in SIGNED_PARAMETERS:
            found.append((name, unquote_plus(value)))
    if not found:
        return text
    found.sort(key=_name)
    return text + "?" + "&".join([f"{n}={v}" if v else n for n, v in found])


def _name(pair: Tuple[str, str]) -> str:
    return pair[0]


def service_headers(headers: Iterable[Tuple[str, str]]) -> str:
    """Return a line for each header of the service, in the order of their names."""
    values: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower.startswith("x-qs-"):
            value = value.strip(" \t")
            values[lower] = f"{values[lower]},{value}" if lower in values else value
    return "".join([f"{name}:{values[name]}\n" for name in sorted(values)])


def string_to_sign(
    method: str, path: str, query: str, headers: Mapping[str, str], bucket: str = "", expires: str = ""
) -> str:
    """Return the text over which a signature is made.

    Args:
        headers: A mapping that ignores the case of names.
        expires: For a signed link, when it runs out, in seconds since 1970.
    """
    date = expires
    if not date and not headers.get("x-qs-date"):
        date = headers.get("Date", "").strip(" \t")
    md5 = headers.get("Content-MD5", "").strip(" \t")
    kind = headers.get("Content-Type", "").strip(" \t")
    return f"{method}\n{md5}\n{kind}\n{date}\n{service_headers(headers.items())}{resource(path, query, bucket)}"


def sign(text: str, secret: str) -> str:
    """Return the signature of a text."""
    digest = hmac.digest(secret.encode("utf-8"), text.encode("utf-8"), "sha256")
    return base64.b64encode(digest).decode("ascii")
