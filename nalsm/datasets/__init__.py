"""The data sets: each ends in one `Dataset` of three splits that turn samples into rasters."""

import importlib
from dataclasses import dataclass

from nalsm.datasets.dataset import Dataset, Split

__all__ = ["DATA_SOURCES", "NETWORK_INPUTS", "DataSource", "Dataset", "Split"]


@dataclass(frozen=True)
class DataSource:
    """How to get a data set.

    network_kind : the answer to generate_spatial_network.py that makes networks for it
    sizes : samples of the train, valid and test split
    module : in nalsm.datasets; imported when it is needed
    longest_snapshot : ms that a snapshot of the initialisation may last, where recordings end; None: any
    """

    name: str
    network_kind: str
    sizes: tuple[int, int, int]
    module: str
    longest_snapshot: int | None = None

    @property
    def n_inputs(self):
        return NETWORK_INPUTS[self.network_kind]

    def find(self, data_dir):
        """Return the path of the data; raises UserError that says where it looked and what to do."""
        return self._module().find(data_dir)

    def load(self, path, quiet=False):
        """Return the Dataset that lies at a path `find` returned; raises DamagedFile.

        quiet : print no progress of what has to be made first
        """
        return self._module().load(path, quiet)

    def _module(self):
        return importlib.import_module(f"nalsm.datasets.{self.module}")


# Inputs of a network by the answer to WHICH_DATASET_TO_GENERATE_NETWORK_FOR?
NETWORK_INPUTS = {"M": 784, "N": 2312}

_SIZES = (50_000, 10_000, 10_000)
DATA_SOURCES = {
    "MNIST": DataSource("MNIST", "M", _SIZES, "mnist"),
    "Fashion-MNIST": DataSource("Fashion-MNIST", "M", _SIZES, "fashion_mnist"),
    "N-MNIST": DataSource("N-MNIST", "N", _SIZES, "nmnist", longest_snapshot=297),
}
