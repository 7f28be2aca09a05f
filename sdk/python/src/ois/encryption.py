"""Encryption with keys that the service forgets."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Dict, Optional


def encryption_arguments(key: Optional[bytes], prefix: str = "x_qs_") -> Dict[str, Any]:
    """Return the arguments of a call for a key of 32 bytes, none for None."""
    if key is None:
        return {}
    if len(key) != 32:
        raise ValueError(f"an encryption key of {len(key)} bytes; want 32")
    return {
        prefix + "encryption_customer_algorithm": "AES256",
        prefix + "encryption_customer_key": base64.b64encode(key).decode(),
        prefix + "encryption_customer_key_md5": base64.b64encode(hashlib.md5(key).digest()).decode(),
    }
