"""Encodes images and events as rasters, which say what input gets a pulse in what millisecond.

Source: Ivanov and Michmizos, NeurIPS 2021, supplement; N-MNIST file format: Orchard et al. 2015.
"""

import math

import numpy as np

from nalsm.support.random_streams import stream

SENSOR_SIZE = 34  # pixels along each side of the field of N-MNIST's sensor
N_EVENT_INPUTS = 2 * SENSOR_SIZE**2  # one for each polarity and pixel
IMAGE_SIZE = 28  # pixels along each side of an MNIST image
N_PIXEL_INPUTS = IMAGE_SIZE**2


def image_scale(images: np.ndarray, brightest: float | None = None) -> np.ndarray:
    """Return the factor from each image's pixels to firing probabilities per ms: float32 [n].

    Each image is divided by its own sum, then the whole array by its maximum, so that the brightest pixel of all fires
    in every ms. A black image gets no pulses.

    images : uint8 or float [n, height, width], 0 or more
    brightest : the maximum to divide by, such as `brightest_share` of the training images; None: that of these images
    Raises ValueError for pixels that are negative or not finite.
    """
    brightest = brightest_share(images) if brightest is None else brightest
    return (1.0 / (_sums(images) * (brightest or 1.0))).astype(np.float32)


def brightest_share(images: np.ndarray) -> float:
    """Return the brightest pixel of images after each is divided by its sum; 0 if all are black. See `image_scale`."""
    pixels = _flat(images)
    return float((pixels.max(axis=1, initial=0) / _sums(images)).max(initial=0.0))


def _flat(images):
    images = np.asarray(images)
    return images.reshape(len(images), math.prod(images.shape[1:]))


def _sums(images):
    """Return the sum of each image, 1 for a black one: float64 [n]."""
    pixels = _flat(images)
    sums = pixels.sum(axis=1, dtype=np.float64)  # exact for integers
    if not np.isfinite(sums).all() or pixels.min(initial=0) < 0:
        raise ValueError("pixels must be numbers from 0 on")
    sums[sums == 0] = 1
    return sums


def image_rates(images: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return each pixel's firing probability per ms: float32 [n, height * width] in 0..1.

    images : all or some of the images given to `image_scale`; scale : float32 [n], its result for these
    """
    return np.multiply(_flat(images), scale[:, None], dtype=np.float32, casting="same_kind")


def rates_from_images(images: np.ndarray) -> np.ndarray:
    """Return `image_rates` of a whole array of images: float32 [n, height * width] in 0..1."""
    return image_rates(images, image_scale(images))


def poisson_rasters(
    rates: np.ndarray, steps: int, seed: int, sample_ids: np.ndarray, purpose: str = "presentation"
) -> np.ndarray:
    """Draw a raster for each sample: in every ms each input gets a pulse with its probability.

    A Poisson process of rate -log(1 - p) per ms has a point in a cell of 1 ms with probability p, independently of all
    other cells. The number of points of an input is one draw, and their times are uniform. The cost therefore depends
    on the number of pulses instead of cells.

    rates : float32 [n, n_inputs], probabilities per ms
    sample_ids : int [n]; a sample's random numbers depend only on its id, the seed and the purpose
    purpose : a key of `nalsm.support.random_streams.PURPOSES`
    Returns uint8 [n, steps, n_inputs]. Raises ValueError for other shapes, and for negative rates or NaN.
    """
    rates = np.asarray(rates)
    if rates.ndim != 2 or len(rates) != len(sample_ids):
        raise ValueError(f"rates {list(rates.shape)} and {len(sample_ids)} sample_ids must be [n, n_inputs] and [n]")
    if not np.all(rates >= 0):
        raise ValueError("rates must be probabilities from 0 to 1")
    n_inputs = rates.shape[1]
    rasters = np.zeros((len(rates), steps, n_inputs), dtype=np.uint8)
    place = np.uint32 if steps * n_inputs < 2**32 else np.int64
    for raster, rate, sample_id in zip(rasters, rates, sample_ids, strict=True):
        random = stream(seed, purpose, sample_id)
        certain = rate >= 1.0
        raster[:, np.flatnonzero(certain)] = 1
        active = np.flatnonzero((rate > 0) & ~certain)
        points = random.poisson(-np.log1p(-rate[active].astype(np.float64)) * steps)
        times = random.integers(0, steps, size=points.sum(), dtype=np.uint32)
        raster.reshape(-1)[times.astype(place, copy=False) * place(n_inputs) + np.repeat(active, points)] = 1
    return rasters


def raster_from_events(x: np.ndarray, y: np.ndarray, p: np.ndarray, t_us: np.ndarray, steps: int) -> np.ndarray:
    """Return the raster of one recording of an event camera: uint8 [steps, 2312].

    The input of an event is p * 1156 + y * 34 + x. Times are rounded to ms, halves to even. Events outside the field,
    and events at `steps` ms or later, are dropped. Several events of a pixel in one ms make one pulse.

    x, y : int [n], pixel; p : int [n], polarity 0 or 1; t_us : int [n], microseconds
    Raises ValueError for other polarities, and for arrays of different lengths.
    """
    x, y, p, t_us = (np.asarray(values).astype(np.int64) for values in (x, y, p, t_us))
    if len({x.shape, y.shape, p.shape, t_us.shape}) > 1:
        raise ValueError(f"x, y, p and t_us have the shapes {x.shape}, {y.shape}, {p.shape} and {t_us.shape}")
    if np.any((p != 0) & (p != 1)):
        raise ValueError("polarities must be 0 or 1")
    ms = np.rint(t_us / 1000).astype(np.int64)
    inside = (x < SENSOR_SIZE) & (y < SENSOR_SIZE) & (x >= 0) & (y >= 0) & (ms >= 0) & (ms < steps)
    raster = np.zeros((steps, N_EVENT_INPUTS), dtype=np.uint8)
    raster[ms[inside], (p * SENSOR_SIZE**2 + y * SENSOR_SIZE + x)[inside]] = 1
    return raster
