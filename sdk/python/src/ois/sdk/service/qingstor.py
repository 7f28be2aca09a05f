"""The service."""

from ..._generated.service import OIS

__all__ = ["OIS"]
