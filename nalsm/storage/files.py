"""Files that are always complete, and HDF5 files that notice damage.

A file is written under a temporary name in its own folder, synced and renamed to its final name; then the folder is
synced. After a crash or a power cut the final name therefore refers to all of the old or all of the new contents. HDF5
files begin with a checksum of everything in them, which is compared when they are read.
"""

import errno
import hashlib
import io
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from nalsm.storage.plain_hdf5 import read_hdf5
from nalsm.support.errors import DamagedFile

TEMPORARY_SUFFIX = ".part"
_USER_BLOCK = 512  # bytes; the smallest that HDF5 allows
_NUMBERS = count()
_COMPRESSED = {"compression": "gzip", "compression_opts": 2, "shuffle": True, "fletcher32": True}


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block succeeds, that file becomes `path`, synced.

    An OSError about the temporary file names `path` instead. One that names another file is passed on unchanged.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))  # the kernel applies the umask
        try:
            yield temporary
            sync(temporary)
            os.replace(temporary, path)
            sync(path.parent)
        finally:
            with suppress(OSError):  # a failing disk must not hide the original error
                temporary.unlink()
    except OSError as error:
        if error.filename is None or str(error.filename) in (str(temporary), str(path.parent)):
            error.filename = str(path)  # users do not know the temporary name
        raise


def sync(path: Path) -> None:
    """Force the contents of a file, or the entries of a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8) that is complete or absent."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_arrays(path: Path, arrays: Mapping[str, Any], attributes: Mapping[str, Any] | None = None) -> None:
    """Write named arrays and JSON-like attributes as one compressed HDF5 file that is complete or absent.

    The file begins with a user block, which HDF5 readers skip; it contains the checksum of the rest.
    """
    body = _hdf5_body({name: np.asarray(array) for name, array in arrays.items()}, attributes or {})
    with replacing(path) as temporary:
        temporary.write_bytes(_user_block(body) + body)


def read_arrays(path: str | Path, only: str | None = None) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return (arrays, attributes) of a file made by `write_arrays`; only: the name of one array, None for all.

    Raises FileNotFoundError, and DamagedFile if the checksum does not match (such a file never reaches the HDF5
    library) or `nalsm.storage.plain_hdf5` refuses the contents.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "there is no such file", str(path))
    try:
        image = path.read_bytes()
    except OSError as error:
        error.filename = str(path)  # a failing read does not name its file
        raise
    if image[:_USER_BLOCK] != _user_block(image[_USER_BLOCK:]):
        raise DamagedFile(f"{path} is damaged, or no file of this program: its contents do not match its checksum")
    return read_hdf5(io.BytesIO(image), len(image), path, only)


def _user_block(body: bytes) -> bytes:
    return f"nalsm sha256 {hashlib.sha256(body).hexdigest()}\n".encode().ljust(_USER_BLOCK, b"\0")


def _hdf5_body(arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]) -> bytes:
    """Return the bytes of an HDF5 file after its user block.

    The file is made in memory so that only plain writes can meet a full disk. It is not made through a Python file
    object, because h5py ignores errors in those.
    """
    import h5py

    # HDF5 refuses a name that is open: in another thread, or left open when a signal interrupted this function.
    name = f"in memory {next(_NUMBERS)}"
    with h5py.File(name, "w", userblock_size=_USER_BLOCK, driver="core", backing_store=False) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, **(_COMPRESSED if array.size and array.ndim else {}))
        file.attrs["attributes"] = json.dumps(attributes, sort_keys=True)
        file.flush()
        return file.id.get_file_image()
