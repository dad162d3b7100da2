"""Rasters as a split: whoever made them has encoded the samples already."""

from dataclasses import dataclass, fields, replace

import numpy as np

from nalsm.support.random_streams import stream


@dataclass(frozen=True)
class RasterSplit:
    """Samples that are rasters; see `nalsm.datasets.Split`.

    rasters : uint8 [n, T, n_inputs]; labels : int [n]; sample_ids : int64 [n]
    """

    rasters: np.ndarray
    labels: np.ndarray
    sample_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: np.ndarray) -> "RasterSplit":
        """See `nalsm.datasets.Split.subset`."""
        return replace(self, **{field.name: getattr(self, field.name)[indices] for field in fields(self)})

    detached = subset

    def presentation(self, indices: np.ndarray, steps: int, seed: int) -> np.ndarray:
        """See `nalsm.datasets.Split.presentation`. The raster does not depend on the seed."""
        return self.rasters[indices, :steps]

    def snapshots(self, indices: np.ndarray, numbers: np.ndarray, steps: int, seed: int) -> np.ndarray:
        """See `nalsm.datasets.Split.snapshots`. A snapshot is a window of the raster with a random start."""
        latest = max(self.rasters.shape[1] - steps, 0)
        first = [int(stream(seed, "nmnist snapshot start", number).integers(0, latest + 1)) for number in numbers]
        windows = [self.rasters[sample, ms : ms + steps] for sample, ms in zip(indices, first, strict=True)]
        return np.stack(windows)
