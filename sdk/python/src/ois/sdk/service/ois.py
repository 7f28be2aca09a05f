"""The service."""

from ..._generated.bucket import Bucket
from ..._generated.service import OIS

__all__ = ["OIS", "Bucket"]
