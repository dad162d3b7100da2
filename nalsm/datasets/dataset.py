"""A data set: three splits that turn samples into rasters."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nalsm.support.errors import UserError
from nalsm.support.random_streams import stream

N_CLASSES = 10  # of every published data set
SIMULATED = "simulated "  # begins the names of simulated data sets
OWN = "own data"  # begins the names of data sets that users bring


class Split(Protocol):
    """Samples in their published order."""

    @property
    def labels(self) -> np.ndarray:
        """The classes of the samples: uint8 [n], uint16 if there are more than 256."""

    @property
    def sample_ids(self) -> np.ndarray:
        """The numbers of the samples: int64 [n], unique over all splits of a data set."""

    def __len__(self) -> int: ...

    def subset(self, indices: np.ndarray) -> "Split":
        """Return a Split of these samples (int [k], places in this one)."""

    def detached(self, indices: np.ndarray) -> "Split":
        """Return a Split of these samples that needs no file and can be pickled.

        It contains the images or events themselves, so that another process can present it.
        """

    def presentation(self, indices: np.ndarray, steps: int, seed: int) -> np.ndarray:
        """Return the rasters of whole presentations: uint8 [k, steps, n_inputs].

        A sample's raster depends only on the seed and its id.
        """

    def snapshots(self, indices: np.ndarray, numbers: np.ndarray, steps: int, seed: int) -> np.ndarray:
        """Return the rasters of initialisation snapshots: uint8 [k, steps, n_inputs].

        indices : int [k], the sample of each snapshot
        numbers : int [k], running number of each snapshot; with the seed and the sample it determines the raster
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

    def reduced(self, n_train: int, n_valid: int, n_test: int, *, seed: int) -> "Dataset":
        """Return the data set with fewer samples: a random subset of each split, in the split's order.

        Raises UserError if more samples are asked for than there are.
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
