"""A data set: three splits that turn samples into rasters."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nalsm.support.errors import UserError
from nalsm.support.random_streams import stream

N_CLASSES = 10  # of every data set
SIMULATED = "simulated "  # begins the names of simulated data sets


class Split(Protocol):
    """Samples in their published order.

    labels : uint8 [n]; sample_ids : int64 [n], unique over all splits of a data set
    """

    labels: np.ndarray
    sample_ids: np.ndarray

    def __len__(self): ...

    def subset(self, indices):
        """Return a Split of these samples (int [k], places in this one)."""

    def detached(self, indices):
        """Return a Split of these samples that needs no file: images or events, as small as they are.

        It can be pickled and presented elsewhere.
        """

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
