"""From images and events to rasters."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nalsm.encoding import N_EVENT_INPUTS, poisson_rasters, raster_from_events, rates_from_images

GOLDEN = Path(__file__).parent / "golden" / "readout_and_analysis.npz"


@pytest.fixture(scope="module")
def recorded():
    with np.load(GOLDEN) as file:
        return {
            name: file[name] for name in ("images", "rates", "nmnist_bin", "nmnist_raster_250", "nmnist_raster_300")
        }


# ---- images ---------------------------------------------------------------------------------------


def test_rates_as_recorded(recorded):
    rates = rates_from_images(recorded["images"])
    assert rates.dtype == np.float32
    assert rates.shape == (30, 784)
    np.testing.assert_allclose(rates, recorded["rates"].reshape(30, 784), rtol=1e-6, atol=0)
    assert rates.max() == 1.0


def test_rates_by_hand():
    images = np.array([[[1, 3], [0, 0]], [[50, 50], [50, 50]], [[0, 0], [0, 0]]], np.uint8)
    np.testing.assert_allclose(rates_from_images(images), [[1 / 3, 1, 0, 0], 4 * [1 / 3], 4 * [0]], rtol=1e-6)
    assert not rates_from_images(np.zeros((2, 28, 28), np.uint8)).any()


def test_bright_images_do_not_overflow():
    rates = rates_from_images(np.full((1, 200, 200), 255, np.uint8))
    np.testing.assert_array_equal(rates, 1.0)


def test_rates_of_no_images():
    assert rates_from_images(np.zeros((0, 28, 28), np.uint8)).shape == (0, 784)


@pytest.mark.parametrize("pixel", [-0.5, np.nan, np.inf])
def test_pixels_without_a_meaning_are_refused(pixel):
    with pytest.raises(ValueError, match="numbers from 0 on"):
        rates_from_images(np.array([[[pixel, 2.0]]]))


# ---- rasters --------------------------------------------------------------------------------------

PROBABILITIES = np.array([0, 1e-4, 0.01, 0.1, 0.3, 0.5, 0.77, 0.99, 0.9999, 1 - 2.0**-24, 1], np.float32)
N, STEPS = 300, 250


@pytest.fixture(scope="module")
def many():
    """[300, 250, 11]: each input with one of PROBABILITIES."""
    return poisson_rasters(np.tile(PROBABILITIES, (N, 1)), STEPS, 20, np.arange(N))


def assert_plausible(found, expected, variance):
    """Every number within five standard deviations: by chance, one in a million is not."""
    assert (np.abs(found - expected) <= 5 * np.sqrt(variance) + 1e-9).all(), (found - expected) / np.sqrt(variance)


def test_shape_and_type(many):
    assert many.shape == (N, STEPS, len(PROBABILITIES))
    assert many.dtype == np.uint8
    assert many.max() == 1
    assert poisson_rasters(np.zeros((0, 4), np.float32), 10, 0, []).shape == (0, 10, 4)


def test_certain_and_impossible_pulses(many):
    assert not many[:, :, 0].any()
    assert many[:, :, -1].all()
    assert many[:, :, -2].mean() > 0.999


def test_frequency_is_the_probability(many):
    p, cells = PROBABILITIES.astype(float), N * STEPS
    assert_plausible(many.sum(axis=(0, 1)), cells * p, cells * p * (1 - p))


def test_every_ms_is_alike(many):
    p = PROBABILITIES.astype(float)
    assert_plausible(many.sum(axis=0), N * p, np.maximum(N * p * (1 - p), 2.0))  # at least a Poisson tail's width
    assert len(np.unique(many[:, :, 5], axis=0)) == N, "samples differ"


def test_cells_are_independent(many):
    """Counts scatter as those of independent cells do; neighbours in time and among inputs do not care."""
    p = PROBABILITIES.astype(float)
    middle = slice(2, 8)  # where there is scatter to speak of
    variance = STEPS * p * (1 - p)
    scatter = many.sum(axis=1).var(axis=0, ddof=1)
    assert_plausible(scatter[middle] / variance[middle], 1.0, 2 / (N - 1) * np.ones(6))
    noise = (many - p)[:, :, middle] / np.sqrt(p * (1 - p))[middle]
    in_time = (noise[:, 1:] * noise[:, :-1]).mean(axis=(0, 1))
    assert_plausible(in_time, 0.0, np.ones(6) / (N * (STEPS - 1)))
    among_inputs = (noise[:, :, 1:] * noise[:, :, :-1]).mean(axis=(0, 1))
    assert_plausible(among_inputs, 0.0, np.ones(5) / (N * STEPS))
    among_samples = (noise[1:] * noise[:-1]).mean(axis=(0, 1))
    assert_plausible(among_samples, 0.0, np.ones(6) / ((N - 1) * STEPS))


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=6, unique=True), st.integers(0, 2**63 - 1), st.data())
def test_a_raster_depends_on_seed_and_id_alone(ids, seed, data):
    rates = np.random.default_rng(1).random((len(ids), 50)).astype(np.float32)
    whole = poisson_rasters(rates, 20, seed, ids)
    order = data.draw(st.permutations(range(len(ids))))
    some = order[: data.draw(st.integers(1, len(ids)))]
    part = poisson_rasters(rates[some], 20, seed, [ids[k] for k in some])
    np.testing.assert_array_equal(part, whole[some])


@pytest.mark.parametrize(("rates", "ids"), [([0.5], [1]), ([[[0.5]]], [1]), ([[0.5]], [1, 2]), ([[0.5], [0.5]], [1])])
def test_shapes_that_do_not_fit_are_refused(rates, ids):
    with pytest.raises(ValueError, match=r"must be \[n, n_inputs\] and \[n\]"):
        poisson_rasters(rates, 5, 0, ids)


@pytest.mark.parametrize("rate", [-0.1, np.nan])
def test_rates_that_are_no_probabilities_are_refused(rate):
    with pytest.raises(ValueError, match="probabilities"):
        poisson_rasters([[0.5, rate]], 5, 0, [1])


def test_seed_id_and_purpose_all_matter():
    rates = np.full((1, 100), 0.5, np.float32)
    rasters = [
        poisson_rasters(rates, 20, 1, [1]),
        poisson_rasters(rates, 20, 2, [1]),
        poisson_rasters(rates, 20, 1, [2]),
        poisson_rasters(rates, 20, 1, [1], purpose="snapshot"),
    ]
    assert len({raster.tobytes() for raster in rasters}) == len(rasters)
    np.testing.assert_array_equal(rasters[0], poisson_rasters(rates, 20, 1, [1], purpose="presentation"))
    with pytest.raises(ValueError):
        poisson_rasters(rates, 20, 1, [1, 2])
    with pytest.raises(ValueError, match="seed"):
        poisson_rasters(rates, 20, -1, [1])


# ---- events ---------------------------------------------------------------------------------------


def decode_events(data):
    """Return x, y, p, t_us of an N-MNIST file: x, y, then 1 bit polarity and 23 bits microseconds, big-endian."""
    x, y, high, middle, low = data.reshape(-1, 5).astype(int).T
    return x, y, high >> 7, ((high & 127) << 16) | (middle << 8) | low


@pytest.mark.parametrize("duration", [250, 300])
def test_events_as_recorded(recorded, duration):
    x, y, p, t_us = decode_events(recorded["nmnist_bin"])
    assert (x >= 34).any() or (y >= 34).any(), "the recording has events outside the field"
    raster = raster_from_events(x, y, p, t_us, duration)
    wanted = np.unpackbits(recorded[f"nmnist_raster_{duration}"], axis=-1, count=duration).T
    assert raster.dtype == np.uint8
    assert wanted.sum() > 100
    np.testing.assert_array_equal(raster, wanted)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float64])
def test_place_of_an_event(dtype):
    """Pixels come as small unsigned numbers from a file: products must not wrap."""
    raster = raster_from_events(*(np.array([v], dtype) for v in (33, 32, 1)), np.array([4000]), 10)
    assert np.argwhere(raster).tolist() == [[4, 1156 + 32 * 34 + 33]]
    assert raster.shape == (10, N_EVENT_INPUTS) == (10, 2312)


def test_times_round_half_to_even():
    times = np.array([0, 499, 500, 501, 1500, 2500, 3499, 3500, 3501])
    ms = [0, 0, 0, 1, 2, 2, 3, 4, 4]
    for t, wanted in zip(times, ms, strict=True):
        raster = raster_from_events([0], [0], [0], [t], 6)
        assert np.argwhere(raster).tolist() == [[wanted, 0]]


def test_events_that_are_dropped():
    dropped = (
        (34, 0, 0),
        (0, 34, 0),
        (255, 255, 0),
        (-1, 0, 0),
        (0, -1, 0),
        (0, 0, 9500),
        (0, 0, 10_000),
        (0, 0, -600),
    )
    for x, y, t in dropped:
        assert not raster_from_events([x], [y], [0], [t], 10).any()
    assert raster_from_events([0], [0], [0], [9500], 11)[10].sum() == 1
    assert raster_from_events([33], [33], [0], [9499], 10)[9].sum() == 1
    assert not raster_from_events([], [], [], [], 10).any()


@pytest.mark.parametrize("place", range(4))
def test_events_of_different_lengths_are_refused(place):
    """Also one polarity for all."""
    events = [[1, 1]] * 4
    events[place] = [1]
    with pytest.raises(ValueError, match="have the shapes"):
        raster_from_events(*events, 5)


def test_events_of_one_ms_are_one_pulse():
    raster = raster_from_events([3, 3, 3, 3], [4, 4, 4, 4], [0, 0, 0, 1], [1000, 1100, 1400, 1000], 3)
    assert np.argwhere(raster).tolist() == [[1, 4 * 34 + 3], [1, 1156 + 4 * 34 + 3]]
    assert raster.max() == 1
