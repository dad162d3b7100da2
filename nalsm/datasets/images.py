"""Still images as splits: a rate for each pixel, drawn afresh for each presentation."""

import math
from dataclasses import dataclass, fields, replace

import numpy as np

from nalsm.datasets.dataset import Dataset
from nalsm.encoding import image_rates, image_scale, poisson_rasters
from nalsm.storage.checksum import content_checksum

N_VALID = 10_000  # the last of the training set


@dataclass(frozen=True)
class ImageSplit:
    """images : uint8 or float32 [n, height, width]; scale : float32 [n], from pixels to pulses per ms.

    Images stay as they are until they are presented: a quarter of the memory of their rates. See
    `nalsm.datasets.Split` for the rest.
    """

    images: np.ndarray
    scale: np.ndarray
    labels: np.ndarray
    sample_ids: np.ndarray

    def __len__(self):
        return len(self.labels)

    def subset(self, indices):
        return replace(self, **{field.name: getattr(self, field.name)[indices] for field in fields(self)})

    detached = subset

    def rates(self, indices):
        """Return the pulses per ms of each pixel of these samples: float32 [k, n_inputs]."""
        return image_rates(self.images[indices], self.scale[indices])

    def presentation(self, indices, steps, seed):
        return poisson_rasters(self.rates(indices), steps, seed, self.sample_ids[indices])

    def snapshots(self, indices, numbers, steps, seed):
        return poisson_rasters(self.rates(indices), steps, seed, numbers, purpose="snapshot")


def image_dataset(name, train_images, train_labels, test_images, test_labels):
    """Return the Dataset of a training and a test set of images (uint8 [n, 28, 28]) and labels.

    Training and validation images are normalised together, test images by themselves. Sample ids
    count through the training set and on through the test set.
    """
    n, n_train = len(train_images), len(train_images) - N_VALID
    scale = image_scale(train_images)
    labels = np.asarray(train_labels, np.uint8)
    ids = np.arange(n + len(test_images))
    fingerprint = content_checksum(
        {"train": train_images, "train labels": labels, "test": test_images, "test labels": test_labels}, name
    )
    return Dataset(
        name,
        math.prod(np.shape(train_images)[1:]),
        train=ImageSplit(train_images[:n_train], scale[:n_train], labels[:n_train], ids[:n_train]),
        valid=ImageSplit(train_images[n_train:], scale[n_train:], labels[n_train:], ids[n_train:n]),
        test=ImageSplit(test_images, image_scale(test_images), np.asarray(test_labels, np.uint8), ids[n:]),
        fingerprint=fingerprint,
    )
