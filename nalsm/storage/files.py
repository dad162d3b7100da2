"""Files that are either whole or not there, and HDF5 files that know when they are damaged.

A file is written under a temporary name in its own folder, synced, renamed over the final name, and
the folder is synced: after a crash or a power cut the final name holds all of the old or all of the
new contents. HDF5 files carry a checksum of everything in them; reading checks it.
"""

import errno
import hashlib
import io
import json
import os
import tempfile
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import numpy as np

from nalsm.storage.plain_hdf5 import read_hdf5
from nalsm.support.errors import DamagedFile

TEMPORARY_SUFFIX = ".part"
_USER_BLOCK = 512  # bytes; the smallest HDF5 allows
_NUMBERS = count()
_COMPRESSED = {"compression": "gzip", "compression_opts": 2, "shuffle": True, "fletcher32": True}


@contextmanager
def replacing(path):
    """Yield a temporary path beside `path`; when the block ends well it becomes `path`, synced."""
    path = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=TEMPORARY_SUFFIX, dir=path.parent)
        os.close(handle)
        temporary = Path(temporary)
        try:
            yield temporary
            os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes it private
            sync(temporary)
            os.replace(temporary, path)
            sync(path.parent)
        finally:
            with suppress(OSError):  # of a disk that fails: what happened before is the news
                temporary.unlink()
    except OSError as error:
        error.filename = str(path)  # not the temporary one: nobody knows that
        raise


def sync(path):
    """Force a file's contents, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path, text):
    """Write `text` whole (UTF-8)."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_arrays(path, arrays, attributes=None):
    """Write named NumPy arrays and JSON-like attributes as one compressed HDF5 file, whole.

    The file begins with a user block, which HDF5 readers pass over, that holds the checksum of the rest.
    """
    body = _hdf5_body({name: np.asarray(array) for name, array in arrays.items()}, attributes or {})
    with replacing(path) as temporary:
        temporary.write_bytes(_user_block(body) + body)


def read_arrays(path):
    """Return (arrays, attributes) of a file made by `write_arrays`.

    Raises FileNotFoundError, and DamagedFile where contents and checksum disagree (nothing of such a
    file reaches the HDF5 library), and for contents that `nalsm.storage.plain_hdf5` does not let through.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "there is no such file", str(path))
    image = path.read_bytes()
    if image[:_USER_BLOCK] != _user_block(image[_USER_BLOCK:]):
        raise DamagedFile(f"{path} is damaged, or no file of this program: its contents do not match its checksum")
    return read_hdf5(io.BytesIO(image), len(image), path)


def _user_block(body):
    return f"nalsm sha256 {hashlib.sha256(body).hexdigest()}\n".encode().ljust(_USER_BLOCK, b"\0")


def _hdf5_body(arrays, attributes):
    """Return the bytes of an HDF5 file behind its user block.

    Made in memory, so that a full disk is met by plain writing; and not through a Python file object, because h5py
    overlooks what goes wrong in one.
    """
    import h5py

    name = f"in memory {next(_NUMBERS)}"  # HDF5 refuses a name that is open, in a thread or since a signal
    with h5py.File(name, "w", userblock_size=_USER_BLOCK, driver="core", backing_store=False) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, **(_COMPRESSED if array.size and array.ndim else {}))
        file.attrs["attributes"] = json.dumps(attributes, sort_keys=True)
        file.flush()
        return file.id.get_file_image()


def content_checksum(arrays, attributes):
    """SHA-256, as hex text, of names, shapes, types and values, whatever the order of names."""
    digest = hashlib.sha256(json.dumps(attributes, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()
