"""The data sets: each ends in one `Dataset` of three splits that turn samples into rasters."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from nalsm.errors import UserError
from nalsm.random_streams import stream


class Split(Protocol):
    """Samples in their published order.

    labels : uint8 [n]; sample_ids : int64 [n], unique over all splits of a data set
    """

    labels: np.ndarray
    sample_ids: np.ndarray

    def __len__(self): ...

    def subset(self, indices):
        """Return a Split of these samples (int [k], places in this one)."""

    def presentation(self, indices, steps, seed):
        """Return the rasters of whole presentations: uint8 [k, steps, n_inputs].

        A sample's raster depends on the seed and its id alone.
        """

    def snapshots(self, indices, numbers, steps, seed):
        """Return the rasters of initialisation snapshots: uint8 [k, steps, n_inputs].

        indices : int [k], the sample each snapshot is taken of
        numbers : int [k], running number of each snapshot; with seed and sample it decides the raster
        """


@dataclass(frozen=True)
class Dataset:
    """Three splits, with a fingerprint (SHA-256) of everything in them."""

    name: str
    n_inputs: int
    train: Split
    valid: Split
    test: Split
    fingerprint: str

    def reduced(self, n_train, n_valid, n_test, seed):
        """Return the data set with fewer samples: of each split a random subset, in its own order.

        Raises UserError for more samples than there are.
        """
        splits = {}
        for number, (name, size) in enumerate((("train", n_train), ("valid", n_valid), ("test", n_test))):
            split = getattr(self, name)
            if size > len(split):
                raise UserError(f"--{name}-samples: {self.name} has {len(split)} of them, not {size}")
            if size < len(split):
                chosen = stream(seed, "subset", number).choice(len(split), size=size, replace=False)
                split = split.subset(np.sort(chosen))
            splits[name] = split
        return Dataset(self.name, self.n_inputs, fingerprint=self.fingerprint, **splits)


@dataclass(frozen=True)
class DataSource:
    """How to get a data set.

    network_kind : the answer to generate_spatial_network.py that makes networks for it
    sizes : samples of the train, valid and test split
    find : data folder -> path of the data; raises UserError that says where it looked and what to do
    load : path -> Dataset
    """

    name: str
    network_kind: str
    n_inputs: int
    sizes: tuple[int, int, int]
    find: Callable[[Path], Path]
    load: Callable[[Path], Dataset]


def _mnist():
    from nalsm.datasets import mnist

    return mnist


def _fashion_mnist():
    from nalsm.datasets import fashion_mnist

    return fashion_mnist


def _nmnist():
    from nalsm.datasets import nmnist

    return nmnist


DATA_SOURCES = {
    "MNIST": DataSource(
        "MNIST",
        network_kind="M",
        n_inputs=784,
        sizes=(50_000, 10_000, 10_000),
        find=lambda folder: _mnist().find(folder),
        load=lambda path: _mnist().load(path),
    ),
    "Fashion-MNIST": DataSource(
        "Fashion-MNIST",
        network_kind="M",
        n_inputs=784,
        sizes=(50_000, 10_000, 10_000),
        find=lambda folder: _fashion_mnist().find(folder),
        load=lambda path: _fashion_mnist().load(path),
    ),
    "N-MNIST": DataSource(
        "N-MNIST",
        network_kind="N",
        n_inputs=2312,
        sizes=(50_000, 10_000, 10_000),
        find=lambda folder: _nmnist().find(folder),
        load=lambda path: _nmnist().load(path),
    ),
}

# Inputs of a network by the answer to WHICH_DATASET_TO_GENERATE_NETWORK_FOR?
NETWORK_INPUTS = {"M": 784, "N": 2312}
