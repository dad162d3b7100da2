"""MNIST, from the mnist.npz that comes with the project."""

import zipfile

import numpy as np

from nalsm.datasets import Dataset
from nalsm.datasets.images import image_dataset
from nalsm.errors import DamagedFile, UserError

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
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in _SHAPES}
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DamagedFile(f"MNIST: {path} is damaged ({error}); restore it with git checkout") from None
    return arrays
