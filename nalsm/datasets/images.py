"""Still images as splits: a rate for each pixel, drawn afresh for each presentation."""

from dataclasses import dataclass, replace

import numpy as np

from nalsm.datasets import Dataset
from nalsm.encoding import poisson_rasters, rates_from_images
from nalsm.files import content_checksum

N_VALID = 10_000  # the last of the training set


@dataclass(frozen=True)
class ImageSplit:
    """rates : float32 [n, n_inputs], pulses per ms; see `nalsm.datasets.Split` for the rest."""

    rates: np.ndarray
    labels: np.ndarray
    sample_ids: np.ndarray

    def __len__(self):
        return len(self.labels)

    def subset(self, indices):
        return replace(
            self, rates=self.rates[indices], labels=self.labels[indices], sample_ids=self.sample_ids[indices]
        )

    def presentation(self, indices, steps, seed):
        return poisson_rasters(self.rates[indices], steps, seed, self.sample_ids[indices])

    def snapshots(self, indices, numbers, steps, seed):
        return poisson_rasters(self.rates[indices], steps, seed, numbers, purpose="snapshot")


def image_dataset(name, train_images, train_labels, test_images, test_labels):
    """Return the Dataset of a training and a test set of images (uint8 [n, 28, 28]) and labels.

    Training and validation images are normalised together, test images by themselves. Sample ids
    count through the training set and on through the test set.
    """
    n, n_train = len(train_images), len(train_images) - N_VALID
    rates = rates_from_images(train_images)
    labels = np.asarray(train_labels, np.uint8)
    ids = np.arange(n + len(test_images))
    fingerprint = content_checksum(
        {"train": train_images, "train labels": labels, "test": test_images, "test labels": test_labels}, name
    )
    return Dataset(
        name,
        rates.shape[1],
        train=ImageSplit(rates[:n_train], labels[:n_train], ids[:n_train]),
        valid=ImageSplit(rates[n_train:], labels[n_train:], ids[n_train:n]),
        test=ImageSplit(rates_from_images(test_images), np.asarray(test_labels, np.uint8), ids[n:]),
        fingerprint=fingerprint,
    )
