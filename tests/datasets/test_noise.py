"""Noise of the test sets: distribution, random numbers, and shifts of recordings as published."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nalsm.datasets.images import ImageSplit
from nalsm.datasets.noise import NoisyImages, mirrored, noisy_images, shifted_raster, time_shift
from nalsm.encoding import raster_from_events

GOLDEN = Path(__file__).parents[1] / "golden" / "readout_and_analysis.npz"


# ---- noise on images ------------------------------------------------------------------------------


def test_noisy_images():
    images = np.zeros((40, 28, 28), np.uint8)
    images[20:] = 200
    noisy = noisy_images(images, np.arange(40), seed=1, strength=125.0)
    assert noisy.dtype == np.float32
    assert (noisy.min(), noisy.max()) == (0, 255)
    assert np.any(noisy % 1)  # not rounded
    black, bright = noisy[:20], noisy[20:]  # shares of a normal distribution of standard deviation 125
    for share, expected in (
        ((black == 0).mean(), 0.5), ((black > 125).mean(), 0.15866), ((black == 255).mean(), 0.02068),
        ((bright == 0).mean(), 0.0548), ((bright > 200).mean(), 0.5), ((bright == 255).mean(), 0.32997),
    ):  # fmt: skip
        assert share == pytest.approx(expected, abs=0.012)


def test_noise_depends_on_seed_and_sample_alone():
    images = np.random.default_rng(0).integers(0, 256, (6, 5, 5)).astype(np.uint8)
    noisy = noisy_images(images, np.arange(60_000, 60_006), seed=1, strength=125.0)
    np.testing.assert_array_equal(noisy_images(images[[4, 1]], [60_004, 60_001], seed=1, strength=125.0), noisy[[4, 1]])
    assert not np.array_equal(noisy_images(images, np.arange(60_000, 60_006), seed=2, strength=125.0), noisy)
    alike = noisy_images(np.full_like(images, 128), np.arange(6), seed=1, strength=125.0)
    assert len(np.unique(alike.reshape(6, -1), axis=0)) == 6
    shifts = np.array([time_shift(k, seed=1, strength=10.0) for k in range(2_000)])
    assert shifts.mean() == pytest.approx(0, abs=0.7)
    assert shifts.std() == pytest.approx(10, abs=0.5)
    assert [time_shift(k, seed=1, strength=10.0) for k in (1_999, 3)] == list(shifts[[1_999, 3]])
    assert time_shift(3, seed=2, strength=10.0) != shifts[3]


def test_noisy_images_have_pulses_of_their_own():
    images, scale = np.full((4, 5, 6), 0.6, np.float32), np.full(4, 0.5, np.float32)
    arguments = (images, scale, np.arange(4, dtype=np.uint8), np.arange(4))
    clean, noisy = ImageSplit(*arguments), NoisyImages(*arguments)
    rasters = noisy.presentation(np.arange(4), 50, seed=3)
    assert not np.array_equal(rasters, clean.presentation(np.arange(4), 50, seed=3))
    assert rasters.mean() == pytest.approx(0.3, abs=0.02)
    part = noisy.subset(np.array([1, 3]))  # still noisy, and the same samples
    assert isinstance(part, NoisyImages)
    np.testing.assert_array_equal(part.presentation(np.arange(2), 50, seed=3), rasters[[1, 3]])


# ---- noise on recordings --------------------------------------------------------------------------


@given(ms=st.integers(-2_000, 2_000), steps=st.integers(1, 300))
@settings(deadline=None)
def test_mirrored(ms, steps):
    expected = ms
    while steps > 1 and not 0 <= expected < steps:
        expected = -expected if expected < 0 else 2 * (steps - 1) - expected
    assert mirrored(np.array([ms]), steps)[0] == (expected if steps > 1 else 0)


def test_mirrored_at_both_ends():
    assert list(mirrored(np.array([-3, -1, 0, 5, 249, 250, 252]), 250)) == [3, 1, 0, 5, 249, 248, 246]


# ms : the bin that the published formula round(round(t) + n) shows the event in
SHIFTED = (
    (100_000, 0.0, 100),
    (100_400, 0.2, 100),  # the time is rounded before the shift: 100 + 0.2
    (99_600, 0.2, 100),  # so events of one bin stay together
    (100_400, 10.05, 110),
    (100_500, 0.5, 100),  # halves to even, twice: 100 + 0.5
    (101_500, 0.5, 102),  # 102 + 0.5
    (101_500, -0.5, 102),  # 102 - 0.5
    (2_000, -7.3, 5),
    (249_000, 4.0, 245),
    (249_400, 0.0, 249),
    (249_600, -20.0, None),  # the clean presentation does not show it
    (260_000, -30.0, None),
)


@pytest.mark.parametrize(("t_us", "shift", "ms"), SHIFTED)
def test_shifted_event(t_us, shift, ms):
    raster = shifted_raster(raster_from_events([3], [2], [1], [t_us], 250), shift)
    assert list(zip(*np.nonzero(raster), strict=True)) == ([] if ms is None else [(ms, 1156 + 2 * 34 + 3)])


@pytest.mark.parametrize(
    ("shift", "pulses", "digest"),
    [(-17.37, 316, "1148565fb9482ddf"), (4.5, 316, "ea338ea6361c4832")],
)
def test_a_shifted_recording_is_as_recorded(shift, pulses, digest):
    """The golden recording, shifted event by event with the published formula in plain Python."""
    with np.load(GOLDEN, allow_pickle=False) as golden:
        image = golden["nmnist_bin"].reshape(-1, 5).astype(int)
    x, y, p = image[:, 0], image[:, 1], image[:, 2] >> 7
    t_us = (image[:, 2] & 127) << 16 | image[:, 3] << 8 | image[:, 4]
    raster = shifted_raster(raster_from_events(x, y, p, t_us, 250), shift)
    expected = np.zeros_like(raster)
    for column, row, polarity, time in zip(x.tolist(), y.tolist(), p.tolist(), t_us.tolist(), strict=True):
        ms = round(time / 1000)
        if ms < 250 and column < 34 and row < 34:
            ms = abs(round(ms + shift))
            expected[ms if ms < 250 else 498 - ms, polarity * 1156 + row * 34 + column] = 1
    np.testing.assert_array_equal(raster, expected)
    assert (raster.sum(), hashlib.sha256(np.packbits(raster)).hexdigest()[:16]) == (pulses, digest)


@given(seed=st.integers(0, 2**32), shift=st.integers(-30, 30))
@settings(max_examples=25, deadline=None)
def test_shifted_raster_is_the_raster_moved(seed, shift):
    clean = (np.random.default_rng(seed).random((100, 50)) < 0.1).astype(np.uint8)
    moved = shifted_raster(clean, float(shift))
    middle = slice(35, 65)  # no bin is mirrored to here
    np.testing.assert_array_equal(moved[middle], np.roll(clean, shift, axis=0)[middle])
    assert np.array_equal(moved.any(axis=0), clean.any(axis=0))  # nothing is lost
    np.testing.assert_array_equal(shifted_raster(clean, 0.0), clean)
