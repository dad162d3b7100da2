"""Noisy test sets: noise on the pixels of images, and on the times of recordings.

Images. Gaussian noise (published: standard deviation 125) is added to every pixel. The sums are clipped to 0..255 and
not rounded; then the whole test array is normalised as usual.

Recordings. All events of a sample are shifted by one time n, drawn from a normal distribution (published: standard
deviation 10 ms). The shift acts on bins of 1 ms: an event at time t ms is shown at round(round(t) + n), halves to even.
Events of one bin therefore stay together. Bins beyond either end are mirrored there: -k becomes k, and T - 1 + k
becomes T - 1 - k. Events that the clean presentation does not show, because round(t) >= T, are not shown here either.

The noise of a sample depends only on the seed and the sample's id.

Source: Ivanov and Michmizos, NeurIPS 2021 (kernel quality), and the program published with it.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nalsm.datasets.dataset import Dataset
from nalsm.datasets.events import EventSplit
from nalsm.datasets.images import ImageSplit
from nalsm.encoding import image_scale, poisson_rasters
from nalsm.support.constants import Constants, constant
from nalsm.support.random_streams import stream


@dataclass(frozen=True)
class NoiseConstants(Constants):
    """The strengths of the noise, with their published values. Raises ValueError for values outside their ranges."""

    heading = "noisy test set"
    image_noise: float = constant(
        125.0, "noise on the pixels of the noisy test set, standard deviation; names its files", 0, 1e6,
        unit="grey levels",
    )  # fmt: skip
    event_noise_ms: float = constant(
        10.0, "shift of the recordings of the noisy test set, standard deviation; names its files", 0, 1e6, unit="ms"
    )


# ---- images ---------------------------------------------------------------------------------------


def noisy_images(
    images: np.ndarray, sample_ids: np.ndarray, seed: int, strength: float, white: float = 255.0
) -> np.ndarray:
    """Return images with noise on every pixel: float32 [n, ...] in 0..white.

    images : uint8 or float32 [n, ...]; sample_ids : int [n]
    strength : standard deviation of the noise, in grey levels, of which `white` has 255
    """
    noisy = np.empty(np.shape(images), np.float32)
    for result, image, sample_id in zip(noisy, images, sample_ids, strict=True):
        noise = stream(seed, "pixel noise", sample_id).normal(0.0, strength * (white / 255), image.shape)
        np.clip(image + noise, 0.0, white, out=result, casting="same_kind")
    return noisy


class NoisyImages(ImageSplit):
    """Images with noise. Their pulses are drawn from other random numbers than those of the clean images."""

    def presentation(self, indices: np.ndarray, steps: int, seed: int) -> np.ndarray:
        """See `nalsm.datasets.Split.presentation`."""
        ids = self.sample_ids[indices]
        return poisson_rasters(self.rates(indices), steps, seed, ids, purpose="noisy presentation")


def noisy_image_test_set(dataset: Dataset, seed: int, strength: float) -> Dataset:
    """Return the whole data set with noise on its test images; strength as in `noisy_images`."""
    test: Any = dataset.test  # an ImageSplit
    images = noisy_images(test.images, test.sample_ids, seed, strength)
    return replace(dataset, test=NoisyImages(images, image_scale(images), test.labels, test.sample_ids))


def noisy_own_test_set(dataset: Dataset, seed: int, strength: float, *, probabilities: bool) -> Dataset:
    """Return the same of own data, where white is the largest value of the training images.

    probabilities : the values are probabilities of a pulse: white is 1, and the noisy values are not normalised
    """
    train, valid, test = (getattr(dataset, split) for split in ("train", "valid", "test"))
    white = 1.0 if probabilities else float(max(train.images.max(), valid.images.max()))
    images = noisy_images(test.images, test.sample_ids, seed, strength, white)
    scale = test.scale if probabilities else image_scale(images)
    return replace(dataset, test=NoisyImages(images, scale, test.labels, test.sample_ids))


# ---- recordings -----------------------------------------------------------------------------------


def time_shift(sample_id: int, seed: int, strength: float) -> float:
    """Return the shift of a sample's events in ms; strength : its standard deviation in ms."""
    return float(stream(seed, "time shift", sample_id).normal(0.0, strength))


def mirrored(ms: np.ndarray, steps: int) -> np.ndarray:
    """Return times (int [n]) mirrored at both ends, as often as needed, so that they are in 0..steps-1."""
    period = max(2 * (steps - 1), 1)
    ms = np.mod(ms, period)
    return np.minimum(ms, period - ms) if steps > 1 else np.zeros_like(ms)


def shifted_raster(raster: np.ndarray, shift_ms: float) -> np.ndarray:
    """Return a raster whose bins are shifted by `shift_ms`, rounded and mirrored: uint8 [steps, n_inputs].

    raster : uint8 [steps, n_inputs]; several bins may be shifted to the same one, where pulses of an input become one
    """
    steps = len(raster)
    targets = mirrored(np.rint(np.arange(steps) + shift_ms).astype(np.int64), steps)
    shifted = np.zeros_like(raster)
    for target, row in zip(targets, raster, strict=True):
        shifted[target] |= row
    return shifted


@dataclass(frozen=True)
class ShiftedEvents(EventSplit):
    """Recordings, each shifted in time.

    strength : standard deviation of the shifts in ms
    """

    strength: float

    def presentation(self, indices: np.ndarray, steps: int, seed: int) -> np.ndarray:
        """See `nalsm.datasets.Split.presentation`."""
        rasters = super().presentation(indices, steps, seed)
        for raster, sample_id in zip(rasters, self.sample_ids[indices], strict=True):
            raster[:] = shifted_raster(raster, time_shift(sample_id, seed, self.strength))
        return rasters


def shifted_event_test_set(dataset: Dataset, _seed: int, strength: float) -> Dataset:
    """Return the whole data set with its test recordings shifted in time; strength as in `time_shift`.

    The shifts are drawn when samples are presented, from the seed that is given there.
    """
    test: Any = dataset.test  # an EventSplit
    return replace(dataset, test=ShiftedEvents(test.recordings, test.places, test.labels, test.sample_ids, strength))
