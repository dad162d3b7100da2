"""MNIST, read from the mnist.npz that is part of the project."""

import math
import zipfile
from pathlib import Path

import numpy as np

from nalsm.datasets.dataset import Dataset
from nalsm.datasets.images import image_dataset
from nalsm.datasets.sources import DATA_SOURCES, DataSource
from nalsm.encoding import IMAGE_SIZE
from nalsm.support.errors import DamagedFile, UserError

_SOURCE = DATA_SOURCES["MNIST"]
_SHAPES = {
    name: shape
    for part, size in zip(("train", "test"), _SOURCE.published_sizes, strict=True)
    for name, shape in ((f"x_{part}", (size, IMAGE_SIZE, IMAGE_SIZE)), (f"y_{part}", (size,)))
}


def find(data_dir: Path) -> Path:
    """Return the path of mnist.npz; raises UserError if it is missing."""
    path = data_dir / "mnist.npz"
    if not path.is_file():
        raise UserError(f"MNIST: there is no {path}; it comes with the project: git checkout -- datasets/mnist.npz")
    return path


def load(path: Path, source: DataSource = _SOURCE, _quiet: bool = False) -> Dataset:
    """Read the data set; raises DamagedFile unless the file holds the complete MNIST."""
    arrays = read(path)
    for name, shape in _SHAPES.items():
        if arrays[name].shape != shape:
            raise DamagedFile(f"MNIST: {name} in {path} is not complete; restore the file with git checkout")
    return image_dataset(source.name, arrays["x_train"], arrays["y_train"], arrays["x_test"], arrays["y_test"])


def read(path: Path) -> dict[str, np.ndarray]:
    """Return x_train, y_train, x_test and y_test by name: uint8 [n, 28, 28] and [n], not more than MNIST has.

    Raises DamagedFile.
    """
    try:
        with zipfile.ZipFile(path) as file:
            return {name: _read_member(file, name, shape) for name, shape in _SHAPES.items()}
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
    if len(shape) == 1 and max(data, default=0) >= len(_SOURCE.classes):
        raise ValueError(f"{name} has labels up to {max(data)}")
    if len(data) != size:
        raise ValueError(f"{name} is longer or shorter than {shape}")
    return np.frombuffer(data, np.uint8).reshape(shape)
