"""MNIST, read from a mnist.npz in the folder of data sets, or else from the one that is part of this package."""

import math
import zipfile
from pathlib import Path

import numpy as np

from nalsm.datasets.dataset import N_CLASSES, Dataset
from nalsm.datasets.images import image_dataset
from nalsm.encoding import IMAGE_SIZE
from nalsm.support.errors import DamagedFile, UserError

NAME = "MNIST"
_OWN = Path(__file__).with_name("mnist.npz")  # in the checkout a link to datasets/mnist.npz
_LARGEST = {
    "x_train": (60_000, IMAGE_SIZE, IMAGE_SIZE), "y_train": (60_000,),
    "x_test": (10_000, IMAGE_SIZE, IMAGE_SIZE), "y_test": (10_000,),
}  # fmt: skip


def find(data_dir: Path) -> Path:
    """Return the path of mnist.npz in a folder, or else of the package's own; raises UserError if both are missing."""
    path = data_dir / "mnist.npz"
    if path.is_file():
        return path
    if not _OWN.is_file():
        raise UserError(f"MNIST: there is no {path}; it comes with the project: git checkout -- datasets/mnist.npz")
    return _OWN


def load(path: Path, sizes: tuple[int, int], _quiet: bool = False) -> Dataset:
    """Read the data set; raises DamagedFile unless the file holds the complete MNIST.

    sizes : expected training and test images
    """
    arrays = read_complete(path, sizes)
    return image_dataset(NAME, arrays["x_train"], arrays["y_train"], arrays["x_test"], arrays["y_test"])


def read_complete(path: Path, sizes: tuple[int, int]) -> dict[str, np.ndarray]:
    """Return what `read` returns; raises DamagedFile also unless there are exactly `sizes` images and labels."""
    arrays = read(path)
    if tuple(map(len, arrays.values())) != (sizes[0], sizes[0], sizes[1], sizes[1]):
        raise DamagedFile(f"MNIST: {path} is not complete; restore it with git checkout")
    return arrays


def read(path: Path) -> dict[str, np.ndarray]:
    """Return x_train, y_train, x_test and y_test by name: uint8 [n, 28, 28] and [n], not more than MNIST has.

    Raises DamagedFile.
    """
    try:
        with zipfile.ZipFile(path) as file:
            return {name: _read_member(file, name, shape) for name, shape in _LARGEST.items()}
    except Exception as error:  # zipfile and NumPy do not document what damaged archives and headers raise
        reason = f"{error}".splitlines()[:1] or [type(error).__name__]
        raise DamagedFile(f"MNIST: {path} is damaged ({reason[0][:200]}); restore it with git checkout") from None


def _read_member(file: zipfile.ZipFile, name: str, largest: tuple[int, ...]) -> np.ndarray:
    """Return an array of an .npz archive: uint8, of up to the shape `largest`; raises ValueError and others.

    The header is compared with `largest` before memory is allocated, and no more is unpacked than the header says.
    """
    kinds = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED  # the other methods cannot be unpacked in bounded memory
    if file.getinfo(f"{name}.npy").compress_type not in kinds:
        raise ValueError(f"{name} is packed in a way that is not used here")
    with file.open(f"{name}.npy") as member:
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, columns_first, kind = readers[np.lib.format.read_magic(member)](member)
        if kind != np.uint8 or columns_first or shape[1:] != largest[1:] or not 0 <= shape[0] <= largest[0]:
            raise ValueError(f"{name} is {kind} {shape}")
        size = math.prod(shape)
        data = member.read(size + 1)  # reading to the end makes zipfile compare the checksum
    if len(shape) == 1 and max(data, default=0) >= N_CLASSES:
        raise ValueError(f"{name} has labels up to {max(data)}")
    if len(data) != size:
        raise ValueError(f"{name} is longer or shorter than {shape}")
    return np.frombuffer(data, np.uint8).reshape(shape)
