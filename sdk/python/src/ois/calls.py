"""From outputs that have to be looked at to exceptions."""

from __future__ import annotations

from typing import Callable

from requests.exceptions import InvalidHeader, InvalidURL, RequestException

from .errors import ConnectionFailed, Error
from .files import BodyError
from .sdk.unpack import Unpacker


def check(output: Unpacker, bucket: str = "", key: str = "") -> Unpacker:
    """Return an output that is a success, and raise ois.Error for any other.

    Example:
        acl = ois.check(bucket.api.get_acl())["acl"]
    """
    op = output.operation
    if output.status_code in op.success if op else output.ok:
        return output
    try:
        raise Error.of(output, bucket, key)
    finally:
        output.close()


def call(make: Callable[[], Unpacker], bucket: str = "", key: str = "") -> Unpacker:
    """Make a call and return its output, which is a success."""
    try:
        return check(make(), bucket, key)
    except BodyError as error:
        raise error.error from None
    except (InvalidHeader, InvalidURL):
        raise  # nothing was sent; they are ValueErrors
    except RequestException as error:
        known = {name: error.__dict__[name] for name in ("operation", "attempts") if name in error.__dict__}
        raise ConnectionFailed(_reason(error), bucket=bucket, key=key, **known) from error


def _reason(error: BaseException) -> str:
    """Return what went wrong, without the layers around it."""
    text = str(error)
    inner = error.args[0] if error.args else None
    reason = getattr(inner, "reason", None)
    return str(reason or inner or text or type(error).__name__)
