"""One SHA-256 for the contents of named arrays and attributes, however they are stored."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np


def content_checksum(arrays: Mapping[str, np.ndarray], attributes: Any) -> str:
    """Return the SHA-256, as hex text, of the names, shapes, dtypes and values of arrays, and of JSON-like attributes.

    The order of the names does not matter.
    """
    digest = hashlib.sha256(json.dumps(attributes, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()
