"""Numba with a cache that notices changes.

Numba looks for changes in the file of a compiled function only, but the kernels take constants and
equations from other files. So their cache lies in a folder named by the contents of all of them.
"""

import hashlib
import os
import tempfile
from functools import cache, partial
from pathlib import Path

import numba

_PACKAGE = Path(__file__).resolve().parents[1]
_SOURCES = ("rules.py", "liquid/neuron.py", "liquid/event_kernels.py", "support/compiling.py")


def compiled(function=None, *, fastmath=False):
    """Compile a function to machine code that runs without the interpreter's lock, and keep the code on disk.

    fastmath : what the compiler may change in floating-point arithmetic, as Numba takes it; nothing if False
    """
    if function is None:
        return partial(compiled, fastmath=fastmath)
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_cache_folder())
    try:
        # error_model: a division that checks for zero keeps its loop from being vectorised
        return numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=fastmath)(function)
    finally:
        numba.config.CACHE_DIR = before


@cache
def _cache_folder():
    digest = hashlib.sha256(b"".join((_PACKAGE / source).read_bytes() for source in _SOURCES)).hexdigest()[:16]
    for parent in (_PACKAGE / "__pycache__", Path.home() / ".cache" / "nalsm"):
        folder = parent / f"numba-{digest}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return tempfile.mkdtemp(prefix="nalsm-numba-")
