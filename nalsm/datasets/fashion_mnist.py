"""Fashion-MNIST, from its four original files or from the reference implementation's pickle.

Data: H. Xiao, K. Rasul, R. Vollgraf, arXiv 1708.07747. Nothing read here can run code: the pickle goes
through a reader that knows arrays, numbers, text and their containers, and builds them itself. Nor can it
take much more memory than the file: what it claims and repeats is counted first.
"""

import gzip
import math
import os
import pickle
import pickletools
import re
import zlib
from pathlib import Path

import numpy as np

from nalsm.datasets import Dataset
from nalsm.datasets.images import image_dataset
from nalsm.errors import DamagedFile, UserError

NAME = "Fashion-MNIST"
SIZES = (60_000, 10_000)  # training and test images
SIDE = 28
N_CLASSES = 10
SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")
REFERENCE_FILE = "fmnist.ds"

_MOST_MEMBERS = 16  # of a container of arrays in the pickle; longer ones are arrays themselves
_MOST_TUPLES = 10_000  # in the pickle: each inside another takes a piece of the machine's stack
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
    budget = _Budget(2 * sum(sizes) * (SIDE**2 + 1))
    try:
        found = dict(_arrays_in(_unpickle(path), "", path, budget))
    except _TooMuch as error:
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


class _TooMuch(ValueError):
    pass


class _Budget:
    """How much more may be made of a file's contents than they are, counted down."""

    def __init__(self, left):
        self.left = left

    def take(self, n):
        self.left -= n
        if self.left < 0:
            raise _TooMuch("it says the same again and again, to more than a data set")


def _arrays_in(value, place, path, budget, depth=0):
    """Yield (where it lies, array) for every array in nested containers, three deep at most.

    budget : of the numbers that lists in lists may be made of
    """
    if isinstance(value, _Array):
        yield place, value.array()
    elif isinstance(value, dict | list | tuple) and len(value) <= _MOST_MEMBERS:  # a container of arrays
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for key, member in members if depth < 3 else ():
            yield from _arrays_in(member, f"{place}[{_shown(key)}]", path, budget, depth + 1)
    elif isinstance(value, list | tuple) and _begins_with_numbers(value):  # an array as lists in lists
        budget.take(_n_numbers(value))
        rows = [item.array() if isinstance(item, _Array) else item for item in value]
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
    return size * (value.array().size if isinstance(value, _Array) else 1)


def _begins_with_numbers(value):
    for _ in range(3):
        value = value[0] if isinstance(value, list | tuple) and value else value
    return isinstance(value, int | float | _Array)


def _unpickle(path):
    try:
        with open(path, "rb") as file:
            _check_instructions(file)
            file.seek(0)
            return _DataUnpickler(file).load()
    except OSError:
        raise
    except _Forbidden as error:
        raise DamagedFile(
            f"{NAME}: {path} is not used: it asks for {error}, which is not data (nothing of it was run); "
            f"{_HOW.format(folder=Path(path).parent / 'fashion-mnist')}"
        ) from None
    except Exception as error:  # a damaged pickle may fail in any way
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DamagedFile(f"{NAME}: {path} is damaged and cannot be read ({text[:200]})") from None


class _Forbidden(Exception):
    pass


def _check_instructions(file):
    """Raise ValueError for instructions that cost Python's reader memory or stack far beyond the file's size."""
    n_tuples = 0
    for number, (instruction, argument, _) in enumerate(pickletools.genops(file)):
        if instruction.name in ("PUT", "BINPUT", "LONG_BINPUT") and argument > number + 1:
            raise ValueError(f"it keeps something as number {argument}")  # all numbers up to it would be made room for
        if instruction.name == "FRAME" and argument > os.fstat(file.fileno()).st_size:
            raise ValueError(f"it says that {argument} bytes follow")
        n_tuples += instruction.name in ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3")
        if n_tuples > _MOST_TUPLES:
            raise ValueError(f"it has more than {_MOST_TUPLES} tuples")


class _DataUnpickler(pickle.Unpickler):
    """Knows the few names that NumPy's arrays are pickled with; each stands for a stand-in of ours.

    NumPy's own functions never see the contents: they trust sizes and types they are given.
    """

    def __init__(self, file):
        super().__init__(file, encoding="latin1")
        self._stand_ins = _stand_ins(_Budget(2 * os.fstat(file.fileno()).st_size))

    def find_class(self, module, name):
        try:
            return self._stand_ins[module.replace("numpy._core", "numpy.core"), name]
        except KeyError:
            raise _Forbidden(f"{module}.{name}"[:100].encode("unicode_escape").decode()) from None


class _Type:
    """Stands for numpy.dtype: numbers of 1 to 8 bytes only."""

    def __init__(self, text, *_):
        if not re.fullmatch(r"[<>=|]?(b1|[iu][1248]|f[248])", text):
            raise ValueError(f"no numbers: type {text!r}")
        self.dtype = np.dtype(text)

    def __setstate__(self, state):  # version, byte order, ...
        self.dtype = self.dtype.newbyteorder({"<": "<", ">": ">", "|": "|", "=": "="}[state[1]])


class _Array:
    """Stands for numpy.ndarray; `budget` counts the text that is turned into bytes."""

    budget = _Budget(0)
    values = np.zeros(0)  # a pickle can make one without calling __init__

    def __init__(self, *_):  # the size an array is started with does not matter: its state brings all
        pass

    def __setstate__(self, state):
        *_, shape, kind, column_order, data = state
        self._set(data, kind, shape, "F" if column_order else "C")

    def _set(self, data, kind, shape, order):
        data = _as_data(data, self.budget)
        if any(type(n) is not int or n < 0 for n in shape) or math.prod(shape) * kind.dtype.itemsize != len(data):
            raise ValueError("an array's size is not that of its data")
        self.values = np.frombuffer(data, kind.dtype).reshape(shape, order=order)

    def array(self):
        return self.values


def _as_data(data, budget):
    """Return the bytes that hold an array's values; old protocols have them as text."""
    if isinstance(data, str):
        budget.take(len(data))
        return data.encode("latin1")
    if not isinstance(data, bytes | bytearray):  # bytes(n) would make n zeros
        raise TypeError("an array without data")
    return data


class _Function:
    """A function that the pickle may call, but not change: a pickle can give anything a state."""

    __slots__ = ("_call",)

    def __init__(self, call):
        self._call = call

    def __call__(self, *arguments):
        return self._call(*arguments)

    def __setstate__(self, state):
        raise TypeError("a state for a function")


def _stand_ins(budget):
    """Return what each name stands for while one file is read."""
    array_class = type("_Array", (_Array,), {"budget": budget})

    def array_from_buffer(data, kind, shape, order, *_):
        array = array_class()
        array._set(data, kind, shape, {"C": "C", "F": "F"}[order])
        return array

    def number(kind, data):
        return np.frombuffer(_as_data(data, budget), kind.dtype, count=1)[0].item()

    def latin1_bytes(text, encoding):  # how bytes are written by old protocols
        if encoding != "latin1" or not isinstance(text, str):
            raise ValueError(f"text in {encoding!r}"[:100])
        return _as_data(text, budget)

    return {
        ("numpy", "ndarray"): array_class,
        ("numpy", "dtype"): _Type,
        ("numpy.core.multiarray", "_reconstruct"): array_class,
        ("numpy.core.multiarray", "scalar"): _Function(number),
        ("numpy.core.numeric", "_frombuffer"): _Function(array_from_buffer),
        ("_codecs", "encode"): _Function(latin1_bytes),
    }
