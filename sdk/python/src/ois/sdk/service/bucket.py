"""Buckets."""

from ..._generated.bucket import Bucket

__all__ = ["Bucket"]
