"""Files that are either whole or not there, and HDF5 files that know when they are damaged.

A file is written under a temporary name in its own folder, synced, renamed over the final name, and
the folder is synced: after a crash or a power cut the final name holds all of the old or all of the
new contents. HDF5 files carry a checksum of everything in them; reading checks it.
"""

import hashlib
import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from nalsm.errors import DamagedFile

TEMPORARY_SUFFIX = ".part"
_CHECKSUM = "sha256"
_COMPRESSED = {"compression": "gzip", "compression_opts": 2, "shuffle": True, "fletcher32": True}


@contextmanager
def replacing(path):
    """Yield a temporary path beside `path`; when the block ends well it becomes `path`, synced."""
    path = Path(path)
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
        temporary.unlink(missing_ok=True)


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
    """Write named NumPy arrays and JSON-like attributes as one compressed HDF5 file, whole."""
    import h5py

    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    attributes = dict(attributes or {})
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, **(_COMPRESSED if array.size and array.ndim else {}))
        file.attrs["attributes"] = json.dumps(attributes, sort_keys=True)
        file.attrs[_CHECKSUM] = content_checksum(arrays, attributes)


def read_arrays(path):
    """Return (arrays, attributes) of a file made by `write_arrays`.

    Raises FileNotFoundError, and DamagedFile where contents and checksum disagree.
    """
    import h5py

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        with h5py.File(path, "r") as file:
            arrays = {name: _read_dataset(file[name], path) for name in file}
            attributes = json.loads(file.attrs["attributes"])
            expected = file.attrs[_CHECKSUM]
    except PermissionError:
        raise
    except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise DamagedFile(f"{path} is damaged and cannot be read ({_first_line(error)})") from None
    if content_checksum(arrays, attributes) != expected:
        raise DamagedFile(f"{path} is damaged: its contents do not match its checksum")
    return arrays, attributes


def _read_dataset(dataset, path):
    # A damaged header may claim any size: believe none that the file could not hold, deflate
    # shrinking by about a thousand at most.
    if dataset.nbytes > 2000 * max(path.stat().st_size, 1):
        raise ValueError(f"{dataset.name} claims {dataset.nbytes} bytes")
    return dataset[()]


def content_checksum(arrays, attributes):
    """SHA-256, as hex text, of names, shapes, types and values, whatever the order of names."""
    digest = hashlib.sha256(json.dumps(attributes, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()


def _first_line(error):
    return str(error).splitlines()[0] if str(error) else type(error).__name__
