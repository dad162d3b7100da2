"""Fashion-MNIST, from its four original files or from the reference implementation's pickle.

Data: H. Xiao, K. Rasul, R. Vollgraf, arXiv 1708.07747. Nothing read here can run code (`nalsm.datasets.plain_pickle`),
and what files claim of their sizes is compared with them before memory is taken.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from nalsm.datasets import plain_pickle
from nalsm.datasets.dataset import Dataset
from nalsm.datasets.images import image_dataset
from nalsm.datasets.plain_pickle import Array, Budget, Forbidden, TooMuch
from nalsm.support.errors import DamagedFile, UserError

NAME = "Fashion-MNIST"
SIZES = (60_000, 10_000)  # training and test images
SIDE = 28
N_CLASSES = 10
SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")
REFERENCE_FILE = "fmnist.ds"

_MOST_MEMBERS = 16  # of a container of arrays in the pickle; longer ones are arrays themselves
_IDX_FILES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
              "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")  # fmt: skip
_HOW = "apt-get install dataset-fashion-mnist, or put its four original .gz files into {folder}"


def find(data_dir):
    """Return where the data set is: a folder of the four .gz files, or the reference's pickle.

    Looked at in this order: <data_dir>/fashion-mnist, the system's folder, <data_dir>/fmnist.ds.
    Raises UserError where there is none, or where a folder holds some of the four only.
    """
    own, pickled = Path(data_dir) / "fashion-mnist", Path(data_dir) / REFERENCE_FILE
    for folder in (own, SYSTEM_FOLDER):
        missing = [name for name in _IDX_FILES if not (folder / name).is_file()]
        if not missing:
            return folder
        if len(missing) < len(_IDX_FILES):
            raise UserError(f"{NAME}: {folder} lacks {', '.join(missing)}; get all four, or remove the rest")
    if pickled.is_file():
        return pickled
    raise UserError(f"{NAME}: not in {own}, {SYSTEM_FOLDER} or {pickled}; {_HOW.format(folder=own)}")


def load(path, _quiet=False) -> Dataset:
    """Read the data set that `find` found.

    Raises DamagedFile where it is not the complete 60,000 + 10,000 images, and FileNotFoundError.
    """
    path = Path(path)
    arrays = read_idx_folder(path) if path.is_dir() else read_reference_pickle(path)
    for labels, size in zip(arrays[1::2], SIZES, strict=True):
        if (np.bincount(labels, minlength=N_CLASSES) != size // N_CLASSES).any():  # MNIST's files have these names too
            raise DamagedFile(f"{NAME}: the classes in {path} are not of equal size; this is another data set")
    return image_dataset(NAME, *arrays)


# ---- the four original files ----------------------------------------------------------------------


def read_idx_folder(folder, sizes=SIZES):
    """Return (train images, train labels, test images, test labels) of the four .gz files.

    sizes : numbers of training and test images that must be there
    Returns uint8 [n, 28, 28] and uint8 [n]; raises DamagedFile.
    """
    shapes = [shape for n in sizes for shape in ((n, SIDE, SIDE), (n,))]
    arrays = [read_idx(Path(folder) / name, shape) for name, shape in zip(_IDX_FILES, shapes, strict=True)]
    for name, labels in zip(_IDX_FILES[1::2], arrays[1::2], strict=True):
        _check_labels(labels, Path(folder) / name)
    return tuple(arrays)


def read_idx(path, shape):
    """Return the bytes of a compressed IDX file of exactly this shape: uint8 [*shape].

    The header is compared with the shape, and the shape with the size the file unpacks to, before
    memory is taken for it. Raises DamagedFile, and FileNotFoundError.
    """
    header = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)  # 8: unsigned bytes
    expected = len(header) + math.prod(shape)
    try:
        with gzip.open(path) as file:
            found = file.read(len(header))
            if found != header:
                raise DamagedFile(f"{NAME}: {path} is not the file it should be: {_describe_header(found, shape)}")
            if _unpacked_size(path) != expected % 2**32:
                raise DamagedFile(f"{NAME}: {path} is damaged: it is cut, or unpacks to another size; get it again")
            data = file.read(expected - len(header))
            rest = file.read(1)  # also makes gzip compare its checksum
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DamagedFile(f"{NAME}: {path} is damaged ({error}); get it again") from None
    if rest or len(data) != expected - len(header):
        raise DamagedFile(f"{NAME}: {path} is damaged: it unpacks to another size; get it again")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _unpacked_size(path):
    """Return what the last four bytes of a gzip file say: its unpacked size, modulo 2**32."""
    with open(path, "rb") as file:
        file.seek(-4, 2)
        return int.from_bytes(file.read(4), "little")


def _describe_header(header, shape):
    if len(header) < 4 or header[:4] != bytes([0, 0, 8, len(shape)]):
        return f"it starts with {header[:4].hex()}, expected {bytes([0, 0, 8, len(shape)]).hex()}"
    found = [int.from_bytes(header[k : k + 4], "big") for k in range(4, len(header), 4)]
    return f"it holds {' x '.join(map(str, found))} values, expected {' x '.join(map(str, shape))}"


def _check_labels(labels, where):
    if labels.max(initial=0) >= N_CLASSES:
        raise DamagedFile(f"{NAME}: {where} has labels up to {labels.max()}, expected 0..{N_CLASSES - 1}")


# ---- the reference's pickle -----------------------------------------------------------------------


def read_reference_pickle(path, sizes=SIZES):
    """Return (train images, train labels, test images, test labels) of a pickle of arrays.

    Which array is which is told by the shapes: [n, 784] or [n, 28, 28] and [n] or [n, 1], of numbers of
    any kind that hold 0..255 and 0..9. They may lie in dicts, lists or tuples in any order.
    sizes : numbers of training and test images that must be there
    Returns uint8 [n, 28, 28] and uint8 [n]; raises DamagedFile, and FileNotFoundError.
    """
    budget = Budget(2 * sum(sizes) * (SIDE**2 + 1))
    try:
        found = dict(_arrays_in(_unpickle(path), "", path, budget))
    except TooMuch as error:
        raise DamagedFile(f"{NAME}: {path} cannot be read: {error}") from None
    chosen = []
    for n in sizes:
        for shapes in (((n, SIDE, SIDE), (n, SIDE**2), (n, SIDE, SIDE, 1)), ((n,), (n, 1))):
            fitting = [place for place, array in found.items() if array.shape in shapes]
            if len(fitting) != 1:
                some = [*found.items()][:_MOST_MEMBERS]
                what = "; ".join(f"{place or 'the whole'}: {array.shape}" for place, array in some)
                raise DamagedFile(
                    f"{NAME}: {path} cannot be read: expected one array {' or '.join(map(str, shapes))}, found "
                    f"{len(fitting)} among ({what or 'no arrays'})"
                )
            array = _as_bytes(found[fitting[0]], f"{fitting[0]} in {path}")
            chosen.append(array.reshape(shapes[0]))
    for labels in chosen[1::2]:
        _check_labels(labels, path)
    return tuple(chosen)


def _as_bytes(array, where):
    values = array.astype(np.uint8, casting="unsafe") if array.min() >= 0 and array.max() <= 255 else None
    if values is None or not np.array_equal(values, array):
        raise DamagedFile(
            f"{NAME}: {where} holds values from {array.min():g} to {array.max():g}, expected whole numbers 0..255"
        )
    return values


def _arrays_in(value, place, path, budget, depth=0):
    """Yield (where it lies, array) for every array in nested containers, three deep at most.

    budget : of the numbers that lists in lists may be made of
    """
    if isinstance(value, Array):
        yield place, value.array()
    elif isinstance(value, dict | list | tuple) and len(value) <= _MOST_MEMBERS:  # a container of arrays
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for key, member in members if depth < 3 else ():
            yield from _arrays_in(member, f"{place}[{_shown(key)}]", path, budget, depth + 1)
    elif isinstance(value, list | tuple) and _begins_with_numbers(value):  # an array as lists in lists
        budget.take(_n_numbers(value))
        rows = [item.array() if isinstance(item, Array) else item for item in value]
        try:
            yield place, np.array(rows, np.float64)
        except (ValueError, TypeError, OverflowError):
            raise DamagedFile(f"{NAME}: {path} cannot be read: {place} is a list, but not one of numbers") from None


def _shown(key):
    """Say which member of a container it is; other keys than names and numbers may be of any size."""
    if isinstance(key, str):
        return repr(key[:40])
    return repr(key) if isinstance(key, int) and abs(key) < 2**63 else type(key).__name__


def _n_numbers(value):
    """Return how many numbers there are in lists in lists, if all are as long as the first."""
    size = 1
    while isinstance(value, list | tuple) and value:
        size *= len(value)
        value = value[0]
    return size * (value.array().size if isinstance(value, Array) else 1)


def _begins_with_numbers(value):
    for _ in range(3):
        value = value[0] if isinstance(value, list | tuple) and value else value
    return isinstance(value, int | float | Array)


def _unpickle(path):
    try:
        return plain_pickle.read(path)
    except OSError:
        raise
    except Forbidden as error:
        raise DamagedFile(
            f"{NAME}: {path} is not used: it asks for {error}, which is not data (nothing of it was run); "
            f"{_HOW.format(folder=Path(path).parent / 'fashion-mnist')}"
        ) from None
    except Exception as error:  # a damaged pickle may fail in any way
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DamagedFile(f"{NAME}: {path} is damaged and cannot be read ({text[:200]})") from None
