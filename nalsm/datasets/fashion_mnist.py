"""Fashion-MNIST, read from its four original files.

Data: H. Xiao, K. Rasul, R. Vollgraf, arXiv 1708.07747. What the files claim about their sizes is checked before memory
is allocated.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from nalsm.datasets.dataset import N_CLASSES, Dataset
from nalsm.datasets.images import image_dataset
from nalsm.encoding import IMAGE_SIZE
from nalsm.support.errors import DamagedFile, UserError

NAME = "Fashion-MNIST"
SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")
_IDX_FILES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
              "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")  # fmt: skip


def find(data_dir: Path, system_folder: Path = SYSTEM_FOLDER) -> Path:
    """Return the folder of the four .gz files: <data_dir>/fashion-mnist or the system's folder, in this order.

    Raises UserError if both are missing, or if a folder has only some of the four files.
    """
    own = Path(data_dir) / "fashion-mnist"
    for folder in (own, system_folder):
        missing = [name for name in _IDX_FILES if not (folder / name).is_file()]
        if not missing:
            return folder
        if len(missing) < len(_IDX_FILES):
            raise UserError(f"{NAME}: {folder} lacks {', '.join(missing)}; get all four files, or remove the others")
    raise UserError(
        f"{NAME}: not in {own} or {system_folder}; apt-get install dataset-fashion-mnist, or put its four original .gz "
        f"files into {own}"
    )


def load(path: Path, sizes: tuple[int, int], _quiet: bool = False) -> Dataset:
    """Read the data set from the folder that `find` found.

    sizes : expected training and test images
    Raises DamagedFile unless the folder holds the complete data set, and FileNotFoundError.
    """
    arrays = read_idx_folder(path, sizes)
    for labels in arrays[1::2]:
        if (np.bincount(labels, minlength=N_CLASSES) != len(labels) // N_CLASSES).any():  # MNIST uses these names too
            raise DamagedFile(f"{NAME}: the classes in {path} are not of equal size; this is another data set")
    x_train, y_train, x_test, y_test = arrays
    return image_dataset(NAME, x_train, y_train, x_test, y_test)


def read_idx_folder(folder: Path, sizes: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Return (train images, train labels, test images, test labels) of the four .gz files.

    sizes : expected numbers of training and test images
    Returns uint8 [n, 28, 28] and uint8 [n]; raises DamagedFile.
    """
    shapes = [shape for n in sizes for shape in ((n, IMAGE_SIZE, IMAGE_SIZE), (n,))]
    arrays = [read_idx(Path(folder) / name, shape) for name, shape in zip(_IDX_FILES, shapes, strict=True)]
    for name, labels in zip(_IDX_FILES[1::2], arrays[1::2], strict=True):
        if labels.max(initial=0) >= N_CLASSES:
            raise DamagedFile(
                f"{NAME}: {Path(folder) / name} has labels up to {labels.max()}, expected 0..{N_CLASSES - 1}"
            )
    return tuple(arrays)


def read_idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Return the contents of a compressed IDX file of exactly this shape: uint8 [*shape].

    Before memory is allocated, the header is compared with the shape and the shape with the unpacked size that gzip
    recorded. Raises DamagedFile and FileNotFoundError.
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
            rest = file.read(1)  # reading to the end makes gzip compare its checksum
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DamagedFile(f"{NAME}: {path} is damaged ({error}); get it again") from None
    if rest or len(data) != expected - len(header):
        raise DamagedFile(f"{NAME}: {path} is damaged: it unpacks to another size; get it again")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _unpacked_size(path: Path) -> int:
    """Return the unpacked size, modulo 2**32, that the last four bytes of a gzip file record."""
    with open(path, "rb") as file:
        file.seek(-4, 2)
        return int.from_bytes(file.read(4), "little")


def _describe_header(header: bytes, shape: tuple[int, ...]) -> str:
    if len(header) < 4 or header[:4] != bytes([0, 0, 8, len(shape)]):
        return f"it starts with {header[:4].hex()}, expected {bytes([0, 0, 8, len(shape)]).hex()}"
    found = [int.from_bytes(header[k : k + 4], "big") for k in range(4, len(header), 4)]
    return f"it holds {' x '.join(map(str, found))} values, expected {' x '.join(map(str, shape))}"
