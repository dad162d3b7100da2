"""Still images as splits: each pixel has a rate, and its pulses are drawn for each presentation."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from nalsm.datasets.dataset import Dataset
from nalsm.encoding import image_rates, image_scale, poisson_rasters
from nalsm.storage.checksum import content_checksum

N_VALID = 10_000  # the last of the training set


@dataclass(frozen=True)
class ImageSplit:
    """Samples that are images; see `nalsm.datasets.Split`.

    images : uint8 or float32 [n, ...], stored as they are; uint8 takes a quarter of the memory of their rates
    scale : float32 [n], factor from pixels to pulses per ms
    labels : uint8 or uint16 [n]; sample_ids : int64 [n]
    """

    images: np.ndarray
    scale: np.ndarray
    labels: np.ndarray
    sample_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: np.ndarray) -> "ImageSplit":
        """See `nalsm.datasets.Split.subset`."""
        return replace(self, **{field.name: getattr(self, field.name)[indices] for field in fields(self)})

    detached = subset

    def rates(self, indices: np.ndarray) -> np.ndarray:
        """Return the pulses per ms of each pixel of these samples: float32 [k, n_inputs]."""
        return image_rates(self.images[indices], self.scale[indices])

    def presentation(self, indices: np.ndarray, steps: int, seed: int) -> np.ndarray:
        """See `nalsm.datasets.Split.presentation`."""
        return poisson_rasters(self.rates(indices), steps, seed, self.sample_ids[indices])

    def snapshots(self, indices: np.ndarray, numbers: np.ndarray, steps: int, seed: int) -> np.ndarray:
        """See `nalsm.datasets.Split.snapshots`."""
        return poisson_rasters(self.rates(indices), steps, seed, numbers, purpose="snapshot")


def image_dataset(
    name: str,
    train_images: np.ndarray,
    train_labels: np.ndarray,
    test_images: np.ndarray,
    test_labels: np.ndarray,
    n_valid: int = N_VALID,
    scale_of: Callable[[np.ndarray], np.ndarray] = image_scale,
) -> Dataset:
    """Return the Dataset of a training and a test set of images (uint8 or float32 [n, ...]) and labels (uint [n]).

    The last `n_valid` training images are the validation set. `scale_of` gives the factors from pixels to pulses per
    ms: training and validation images are normalised together, test images by themselves. Sample ids count through the
    training set and then through the test set.
    """
    n, n_train = len(train_images), len(train_images) - n_valid
    scale = scale_of(train_images)
    ids = np.arange(n + len(test_images))
    fingerprint = content_checksum(
        {"train": train_images, "train labels": train_labels, "test": test_images, "test labels": test_labels}, name
    )
    return Dataset(
        name,
        math.prod(np.shape(train_images)[1:]),
        train=ImageSplit(train_images[:n_train], scale[:n_train], train_labels[:n_train], ids[:n_train]),
        valid=ImageSplit(train_images[n_train:], scale[n_train:], train_labels[n_train:], ids[n_train:n]),
        test=ImageSplit(test_images, scale_of(test_images), test_labels, ids[n:]),
        fingerprint=fingerprint,
    )
