"""MNIST, from the mnist.npz that comes with the project."""

import math
import zipfile

import numpy as np

from nalsm.datasets.dataset import Dataset
from nalsm.datasets.images import image_dataset
from nalsm.support.errors import DamagedFile, UserError

_SHAPES = {"x_train": (60_000, 28, 28), "y_train": (60_000,), "x_test": (10_000, 28, 28), "y_test": (10_000,)}


def find(data_dir):
    """Return the path of mnist.npz; raises UserError where there is none."""
    path = data_dir / "mnist.npz"
    if not path.is_file():
        raise UserError(f"MNIST: there is no {path}; it comes with the project: git checkout -- datasets/mnist.npz")
    return path


def load(path, _quiet=False) -> Dataset:
    """Read the data set; raises DamagedFile where it is not the complete MNIST."""
    arrays = read(path)
    for name, shape in _SHAPES.items():
        if arrays[name].shape != shape or arrays[name].dtype != np.uint8:
            raise DamagedFile(f"MNIST: {name} in {path} is not what it should be; restore it with git checkout")
    return image_dataset("MNIST", arrays["x_train"], arrays["y_train"], arrays["x_test"], arrays["y_test"])


def read(path):
    """Return x_train, y_train, x_test and y_test by name, uint8; raises DamagedFile where they are not there."""
    try:
        with zipfile.ZipFile(path) as file:
            return {name: _read_member(file, name, shape) for name, shape in _SHAPES.items()}
    except Exception as error:  # what a damaged archive, or header in it, may raise is documented nowhere
        reason = f"{error}".splitlines()[:1] or [type(error).__name__]
        raise DamagedFile(f"MNIST: {path} is damaged ({reason[0][:200]}); restore it with git checkout") from None


def _read_member(file, name, largest):
    """Return an array of an .npz archive: uint8, of up to the shape `largest`; raises ValueError and others.

    The header is compared with it before memory is taken, and no more is unpacked than it says.
    """
    kinds = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED  # others cannot be unpacked piece by piece
    if file.getinfo(f"{name}.npy").compress_type not in kinds:
        raise ValueError(f"{name} is packed in a way that is not used here")
    with file.open(f"{name}.npy") as member:
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, columns_first, kind = readers[np.lib.format.read_magic(member)](member)
        if kind != np.uint8 or columns_first or shape[1:] != largest[1:] or not 0 <= shape[0] <= largest[0]:
            raise ValueError(f"{name} is {kind} {shape}")
        size = math.prod(shape)
        data = member.read(size + 1)  # to the end, where its checksum is compared
    if len(shape) == 1 and max(data, default=0) > 9:
        raise ValueError(f"{name} has labels up to {max(data)}")
    if len(data) != size:
        raise ValueError(f"{name} is longer or shorter than {shape}")
    return np.frombuffer(data, np.uint8).reshape(shape)
