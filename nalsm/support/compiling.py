"""Numba with a cache that notices changes.

Numba looks for changes only in the file of a compiled function, but the kernels take constants and
equations from other files. So the cache of each file of kernels is in a folder whose name contains a
hash of that file and of every file of the package that it imports, directly or through others.
"""

import ast
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

import numba
import numpy as np

PACKAGE = Path(__file__).resolve().parents[1]
SECONDS_KEPT = 24 * 3600.0  # that a folder of other sources or versions stays after its last use


def compiled(function: Callable | None = None, *, fastmath: bool | set[str] = False) -> Any:
    """Compile a function to machine code that runs without the interpreter's lock, and keep the code on disk.

    fastmath : what the compiler may change in floating-point arithmetic, as Numba takes it; False: nothing
    """
    if function is None:
        return partial(compiled, fastmath=fastmath)
    with _caching(Path(function.__code__.co_filename)):
        # error_model: a division that checks for zero keeps its loop from being vectorised
        return numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=fastmath)(function)


def callback(function: Callable, signature: Any, kernels: Path) -> Any:
    """Compile a function that kernels call through its address, and keep the code on disk.

    signature : types as Numba has them
    kernels : the file of the kernels; the code is compiled again when its sources change
    """
    if vars(numba.config)["DISABLE_JIT"]:
        return function
    with _caching(kernels):
        return numba.cfunc(signature, cache=True, error_model="numpy")(function)


@contextmanager
def _caching(kernels: Path) -> Iterator[None]:
    """Let Numba keep what is compiled in the block in the folder of a file of kernels."""
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(cache_folder(kernels.resolve()))
    try:
        yield
    finally:
        config.CACHE_DIR = before


@cache
def cache_folder(path: Path) -> Path:
    """Return the folder for the compiled code of the file `path`; folders that are out of use are removed."""
    for parent in (PACKAGE / "__pycache__", Path.home() / ".cache" / "nalsm"):
        folder = parent / f"numba-{path.stem}-{cache_key(path)}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            os.utime(folder)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            remove_unused(parent, SECONDS_KEPT)
            return folder
    return Path(tempfile.mkdtemp(prefix="nalsm-numba-"))


def remove_unused(parent: Path, seconds: float) -> None:
    """Remove cache folders that no program has started with for so many seconds.

    A program that still runs with one of them compiles again what it needs, and Numba makes the folder again.
    """
    for folder in parent.glob("numba-*"):
        with suppress(OSError):  # another program removes it as well
            if time.time() - folder.stat().st_mtime > seconds:
                shutil.rmtree(folder, ignore_errors=True)


def cache_key(path: Path, package: Path = PACKAGE) -> str:
    """Return a hash of the sources that the kernels in the file `path` are made from, and of the versions."""
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__} {sys.version}".encode())
    for source in sorted(imported_files(path, package)):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def imported_files(path: Path, package: Path = PACKAGE) -> set[Path]:
    """Return the file `path` and all files of the package that it imports, directly or through others.

    Imports inside functions count. Modules whose names are computed at run time are not found.
    """
    found: set[Path] = set()
    waiting = {path, package / "support" / "compiling.py"}  # this file decides how the compiler is called
    while waiting:
        source = waiting.pop()
        found.add(source)
        waiting |= _imports(source, package) - found
    return found


def _imports(source: Path, package: Path) -> set[Path]:
    """Return the files of the package that one file imports itself."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = ".".join(source.parent.relative_to(package.parent).parts) if node.level else None
            module = resolve_name("." * node.level + (node.module or ""), parent)
            names.add(module)
            names.update(f"{module}.{alias.name}" for alias in node.names)  # a module, or something in it
    parts = [name.split(".")[1:] for name in names if name.split(".")[0] == package.name]
    places = [package.joinpath(*part) for part in parts]
    return {
        file
        for place in places
        for file in (place.with_suffix(".py"), place / "__init__.py")
        if file.is_file() and file.is_relative_to(package)
    }
