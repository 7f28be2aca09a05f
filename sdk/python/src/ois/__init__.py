"""OIS object storage for Python.

Client is where to begin: its methods raise ois.Error, list with iterators and transfer files of any size.
Programs that were written for ois-sdk 1.0 find what they know in ois.sdk; every operation of the service
has a method there, also for those who use Client: bucket.api.
"""

from .bucket import Bucket
from .calls import check
from .client import Client
from .errors import (
    BucketExists,
    BucketNotEmpty,
    Busy,
    ChecksumMismatch,
    ConnectionFailed,
    Error,
    NotFound,
    NotModified,
    PermissionDenied,
    PreconditionFailed,
    RangeNotSatisfiable,
    Unsupported,
)
from .models import BucketInfo, ObjectInfo, Prefix, Upload, Version, Written, Zone
from .reader import Reader
from .sdk import __version__
from .sdk.config import Config

__all__ = [
    "Bucket",
    "BucketExists",
    "BucketInfo",
    "BucketNotEmpty",
    "Busy",
    "ChecksumMismatch",
    "Client",
    "Config",
    "ConnectionFailed",
    "Error",
    "NotFound",
    "NotModified",
    "ObjectInfo",
    "PermissionDenied",
    "PreconditionFailed",
    "Prefix",
    "RangeNotSatisfiable",
    "Reader",
    "Unsupported",
    "Upload",
    "Version",
    "Written",
    "Zone",
    "__version__",
    "check",
]
