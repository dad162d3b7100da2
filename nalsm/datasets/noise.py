"""Noisy test sets: what is added to the images, and to the times of the recordings.

Images: every pixel gets Gaussian noise of standard deviation 125, is clipped to 0..255 and not rounded;
then the whole test array is normalised as usual. Recordings: all events of a sample are moved by one
time, drawn from a normal distribution of standard deviation 10 ms; the sum is rounded to ms, halves to
the even one, and times beyond either end are mirrored at it: -t becomes t, T - 1 + t becomes T - 1 - t.
What the clean presentation does not show (events at T or later) is not shown here either.

Noise depends on the seed and the sample's id alone.

Source: Ivanov and Michmizos, NeurIPS 2021 (kernel quality).
"""

from dataclasses import dataclass, replace

import numpy as np

from nalsm.datasets.events import EventSplit
from nalsm.datasets.images import ImageSplit
from nalsm.encoding import N_EVENT_INPUTS, image_scale, poisson_rasters, raster_from_events
from nalsm.support.random_streams import stream

# ---- images ---------------------------------------------------------------------------------------


def noisy_images(images, sample_ids, seed, strength):
    """Return images with noise on every pixel: float32 [n, height, width] in 0..255.

    images : uint8 [n, height, width]; sample_ids : int [n]
    strength : standard deviation of the noise, grey levels
    """
    noisy = np.empty(np.shape(images), np.float32)
    for result, image, sample_id in zip(noisy, images, sample_ids, strict=True):
        noise = stream(seed, "pixel noise", sample_id).normal(0.0, strength, image.shape)
        np.clip(image + noise, 0.0, 255.0, out=result, casting="same_kind")
    return noisy


class NoisyImages(ImageSplit):
    """Images with noise; they are drawn as pulses with random numbers of their own."""

    def presentation(self, indices, steps, seed):
        ids = self.sample_ids[indices]
        return poisson_rasters(self.rates(indices), steps, seed, ids, purpose="noisy presentation")


def noisy_image_test_set(dataset, seed, strength):
    """Return the data set with noise on its test images."""
    test = dataset.test
    images = noisy_images(test.images, test.sample_ids, seed, strength)
    return replace(dataset, test=NoisyImages(images, image_scale(images), test.labels, test.sample_ids))


# ---- recordings -----------------------------------------------------------------------------------


def time_shift(sample_id, seed, strength):
    """Return by how many ms the events of a sample are moved: float; strength : standard deviation, ms."""
    return stream(seed, "time shift", sample_id).normal(0.0, strength)


def mirrored(ms, steps):
    """Return times (int [n]) mirrored at both ends, as often as needed, into 0..steps-1."""
    period = max(2 * (steps - 1), 1)
    ms = np.mod(ms, period)
    return np.minimum(ms, period - ms) if steps > 1 else np.zeros_like(ms)


def shifted_raster(x, y, p, t_us, shift_ms, steps):
    """Return the raster of one recording whose events are moved by `shift_ms`: uint8 [steps, 2312].

    x, y, p, t_us : int [n], as `nalsm.encoding.raster_from_events` takes them
    """
    x, y, p, t_us = (np.asarray(values).astype(np.int64) for values in (x, y, p, t_us))
    shown = np.rint(t_us / 1000) < steps
    ms = np.rint(t_us[shown] / 1000 + shift_ms).astype(np.int64)
    return raster_from_events(x[shown], y[shown], p[shown], 1000 * mirrored(ms, steps), steps)


@dataclass(frozen=True)
class ShiftedEvents(EventSplit):
    """Recordings, each moved in time; see `time_shift` (strength : ms)."""

    strength: float

    def presentation(self, indices, steps, seed):
        rasters = np.zeros((len(indices), steps, N_EVENT_INPUTS), np.uint8)
        for raster, events, sample_id in zip(rasters, self.events(indices), self.sample_ids[indices], strict=True):
            raster[:] = shifted_raster(*events, time_shift(sample_id, seed, self.strength), steps)
        return rasters


def shifted_event_test_set(dataset, _seed, strength):
    """Return the data set with its test recordings moved in time."""
    test = dataset.test
    return replace(dataset, test=ShiftedEvents(test.recordings, test.places, test.labels, test.sample_ids, strength))
