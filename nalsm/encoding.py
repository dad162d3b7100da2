"""From images and events to rasters: which input gets a pulse in which millisecond.

Source: Ivanov and Michmizos, NeurIPS 2021, supplement; N-MNIST file format: Orchard et al. 2015.
"""

import math

import numpy as np

from nalsm.support.random_streams import stream

SENSOR_SIZE = 34  # pixels along each side of the N-MNIST sensor's field
N_EVENT_INPUTS = 2 * SENSOR_SIZE**2  # one for each polarity and pixel
IMAGE_SIZE = 28  # pixels along each side of an MNIST image
N_PIXEL_INPUTS = IMAGE_SIZE**2


def image_scale(images):
    """Return the factor from each image's pixels to firing probabilities per ms: float32 [n].

    Every image is divided by its own sum, then the whole array by its maximum, so that the brightest
    pixel of all fires in every ms. An image without any bright pixel gets no pulses.

    images : uint8 [n, height, width], or float with noise in it, 0 or more
    """
    images = np.asarray(images)
    pixels = images.reshape(len(images), math.prod(images.shape[1:]))
    if not pixels.size:
        return np.zeros(len(pixels), np.float32)
    sums = pixels.sum(axis=1, dtype=np.float64)  # exact for whole numbers
    sums[sums == 0] = 1
    largest = (pixels.max(axis=1) / sums).max()
    return (1.0 / (sums * (largest or 1.0))).astype(np.float32)


def image_rates(images, scale):
    """Return each pixel's firing probability per ms: float32 [n, height * width] in 0..1.

    images : as `image_scale` takes them, or a part of these; scale : what it returned for them
    """
    images = np.asarray(images)
    pixels = images.reshape(len(images), math.prod(images.shape[1:]))
    return np.multiply(pixels, scale[:, None], dtype=np.float32, casting="same_kind")


def rates_from_images(images):
    """Return the firing probabilities per ms of a whole array of images; see `image_scale` and `image_rates`."""
    return image_rates(images, image_scale(images))


def poisson_rasters(rates, steps, seed, sample_ids, purpose="presentation"):
    """Draw a raster for each sample: in every ms each input gets a pulse with its probability.

    A cell of the raster is filled with probability p, independently of all others, exactly if it
    holds a point of a Poisson process of rate -log(1 - p) per ms; the number of points of an input
    is one draw, their times are uniform. So the cost follows the pulses instead of the cells.

    rates : float32 [n, n_inputs], probabilities per ms
    sample_ids : int [n]; with seed and purpose it alone decides a sample's random numbers
    Returns uint8 [n, steps, n_inputs].
    """
    rates = np.asarray(rates)
    n_inputs = rates.shape[1]
    rasters = np.zeros((len(rates), steps, n_inputs), dtype=np.uint8)
    for raster, rate, sample_id in zip(rasters, rates, sample_ids, strict=True):
        random = stream(seed, purpose, sample_id)
        certain = rate >= 1.0
        raster[:, np.flatnonzero(certain)] = 1
        active = np.flatnonzero((rate > 0) & ~certain)
        points = random.poisson(-np.log1p(-rate[active].astype(np.float64)) * steps)
        times = random.integers(0, steps, size=points.sum(), dtype=np.uint32)
        raster.reshape(-1)[times * np.uint32(n_inputs) + np.repeat(active, points)] = 1
    return rasters


def raster_from_events(x, y, p, t_us, steps):
    """Turn one recording of an event camera into a raster.

    x, y : int [n], pixel; p : int [n], polarity 0 or 1; t_us : int [n], microseconds
    Times are rounded to ms, halves to the even one. Events outside the field or at `steps` or later
    are dropped; several events of a pixel in one ms are one pulse. Raises ValueError for other polarities.
    Returns uint8 [steps, 2312]; the input of an event is p * 1156 + y * 34 + x.
    """
    x, y, p, t_us = (np.asarray(values).astype(np.int64) for values in (x, y, p, t_us))
    if np.any((p != 0) & (p != 1)):
        raise ValueError("polarities must be 0 or 1")
    ms = np.rint(t_us / 1000).astype(np.int64)
    inside = (x < SENSOR_SIZE) & (y < SENSOR_SIZE) & (x >= 0) & (y >= 0) & (ms >= 0) & (ms < steps)
    raster = np.zeros((steps, N_EVENT_INPUTS), dtype=np.uint8)
    raster[ms[inside], (p * SENSOR_SIZE**2 + y * SENSOR_SIZE + x)[inside]] = 1
    return raster
