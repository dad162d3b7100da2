"""Reading HDF5 files of which only plain arrays are believed, and no claim about their size.

A checksum tells damage, not intent: whoever makes a file also makes its checksum. So before anything is
read every array is looked at: HDF5 can point to other files, ask for plugins, and declare 10**12 values in
a few bytes. What is let through holds its values in the file itself, stored as they are or by gzip.
"""

import json
import math

from nalsm.support.errors import DamagedFile

MOST_BYTES = 2**30  # of all arrays of a file, or
MOST_EXPANSION = 100  # times the file's size, whichever is more: a bomb of gzip expands a thousandfold
_MOST_CHUNK = 2**21  # bytes; h5py makes chunks of up to 1 MiB
_MOST_ATTRIBUTES = 2**24  # characters of JSON
_KINDS = "biufS"  # bool, whole numbers, float, bytes


def read_hdf5(file, n_bytes, path):
    """Return (arrays by name, attributes) of an open binary file of so many bytes.

    path : named in what is raised: DamagedFile for a file that cannot be read, or holds anything but plain arrays
    """
    import h5py

    try:
        with h5py.File(file, "r") as opened:
            arrays = {name: dataset[()] for name, dataset in plain_datasets(opened, n_bytes).items()}
            return arrays, read_attributes(opened)
    except Exception as error:  # the library says in many ways that a file makes no sense
        raise unreadable(path, error) from None


def unreadable(path, error):
    """Return the DamagedFile that says why a file with the right checksum cannot be read."""
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return DamagedFile(f"{path} is damaged, or no file of this program: {reason}")


def plain_datasets(file, n_bytes):
    """Return the datasets of an open h5py.File by name; raises ValueError unless all of them are plain."""
    datasets = {name: _plain_dataset(file, name) for name in file}
    total = sum(dataset.nbytes for dataset in datasets.values())
    if total > max(MOST_BYTES, MOST_EXPANSION * n_bytes):
        raise ValueError(f"its arrays claim {total} bytes, the file has {n_bytes}")
    return datasets


def _plain_dataset(file, name):
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name!r} in it points elsewhere")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None or dataset.dtype.kind not in _KINDS:
        raise ValueError(f"{name!r} in it is no array of numbers")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"the values of {name!r} lie in another file")
    if dataset.chunks:
        _require_whole_chunks(dataset)
    elif dataset.id.get_storage_size() != dataset.nbytes:
        raise ValueError(f"{name!r} claims {dataset.nbytes} bytes and has {dataset.id.get_storage_size()}")
    return dataset


def _require_whole_chunks(dataset):
    """Raise ValueError unless all chunks are there, packed by gzip at most and no larger than that makes them."""
    import h5py

    plist = dataset.id.get_create_plist()
    filters = {plist.get_filter(k)[0] for k in range(plist.get_nfilters())}
    if not filters <= {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}:
        raise ValueError(f"{dataset.name!r} is packed in a way that is not used here")
    chunk = math.prod(dataset.chunks) * dataset.dtype.itemsize
    expected = math.prod(-(-size // step) for size, step in zip(dataset.shape, dataset.chunks, strict=True))
    if chunk > _MOST_CHUNK or dataset.id.get_num_chunks() != expected:
        raise ValueError(f"{dataset.name!r} claims {dataset.nbytes} bytes and does not have them")
    sizes = []
    dataset.id.chunk_iter(lambda stored: sizes.append(stored.size))
    if max(sizes, default=0) > chunk + chunk // 8 + 1024:
        raise ValueError(f"a chunk of {dataset.name!r} is larger than its values")


def read_attributes(file):
    """Return the attributes (dict) of an open h5py.File; raises ValueError, TypeError and RecursionError."""
    import h5py

    stored = file.attrs.get_id("attributes")
    text = h5py.check_string_dtype(stored.dtype)
    if stored.shape != () or text is None or text.length is not None:
        raise ValueError("its attributes are no text")
    image = file.attrs["attributes"]
    attributes = json.loads(image) if len(image) <= _MOST_ATTRIBUTES else None
    if not isinstance(attributes, dict):
        raise ValueError("its attributes are no JSON object")
    return attributes
