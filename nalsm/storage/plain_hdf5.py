"""Reading HDF5 files that may be forged: only plain arrays of bounded size are accepted.

A checksum detects damage, not intent, because whoever makes a file also makes its checksum. HDF5 files can point to
other files, ask for plugins, and declare 10**12 values in a few bytes. Every array is therefore checked before it is
read: its values are in the file itself, uncompressed or compressed by gzip, and their total size is bounded.
"""

import json
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from nalsm.support.errors import DamagedFile

if TYPE_CHECKING:
    import h5py

MOST_BYTES = 2**30  # of all arrays of a file, or
MOST_EXPANSION = 100  # times the file's size, whichever is more
_MOST_ATTRIBUTES = 2**24  # characters of JSON
_KINDS = "biufS"  # bool, integers, floats, bytes


def read_hdf5(
    file: IO[bytes], n_bytes: int, path: Path, only: str | None = None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return (arrays by name, attributes) of an open binary file of `n_bytes` bytes.

    path : named in the error; only : name of the one array to read (None: all), which is quicker
    Raises DamagedFile if the file cannot be read, or contains anything but plain arrays.
    """
    import h5py

    try:
        with h5py.File(file, "r") as opened:
            arrays = {name: dataset[()] for name, dataset in plain_datasets(opened, n_bytes, only).items()}
            return arrays, read_attributes(opened)
    except Exception as error:  # h5py raises many types for a file that makes no sense
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> DamagedFile:
    """Return the DamagedFile for a file that has the right checksum but cannot be read."""
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return DamagedFile(f"{path} is damaged, or no file of this program: {reason}")


def plain_datasets(file: "h5py.File", n_bytes: int, only: str | None = None) -> "dict[str, h5py.Dataset]":
    """Return the datasets of an open file of `n_bytes` bytes by name; raises ValueError unless all are plain.

    only : see `read_hdf5`
    """
    datasets = {name: _plain_dataset(file, name) for name in file if only in (None, name)}
    total = sum(dataset.nbytes for dataset in datasets.values())
    if total > max(MOST_BYTES, MOST_EXPANSION * n_bytes):
        raise ValueError(f"its arrays claim {total} bytes, the file has {n_bytes}")
    return datasets


def _plain_dataset(file: "h5py.File", name: str) -> "h5py.Dataset":
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name!r} in it points elsewhere")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None or dataset.dtype.kind not in _KINDS:
        raise ValueError(f"{name!r} in it is no array of numbers")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"the values of {name!r} are in another file")
    layout = dataset.id.get_create_plist()
    filters = {layout.get_filter(k)[0] for k in range(layout.get_nfilters())}
    if not filters <= {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}:
        raise ValueError(f"{name!r} is packed in a way that is not used here")
    return dataset


def read_attributes(file: "h5py.File") -> dict[str, Any]:
    """Return the attributes of an open file; raises ValueError, TypeError and RecursionError."""
    import h5py

    stored = file.attrs.get_id("attributes")
    text = h5py.check_string_dtype(stored.dtype)
    if stored.shape != () or text is None or text.length is not None:
        raise ValueError("its attributes are not text")
    image = file.attrs["attributes"]
    attributes = json.loads(image) if len(image) <= _MOST_ATTRIBUTES else None
    if not isinstance(attributes, dict):
        raise ValueError("its attributes are not a JSON object")
    return attributes
