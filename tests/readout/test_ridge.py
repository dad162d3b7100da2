"""Ridge regression against least squares in plain NumPy."""

import numpy as np
import pytest

from nalsm.readout import CountBlock
from nalsm.readout.ridge import RidgeRegression


def samples(n_batches=6, batch=20, n_liquid=30, n_classes=4):
    random = np.random.default_rng(3)
    rates = random.uniform(0, 20, (n_classes, n_liquid))
    labels = random.integers(0, n_classes, (n_batches, batch))
    counts = random.poisson(rates[labels])
    counts[..., 5] = 0  # a neuron that never spikes
    return counts, labels


@pytest.mark.parametrize("strength", [1e-6, 1e-2, 1.0])
def test_it_minimises_the_stated_sum(strength):
    """Least squares with a row for each weight's penalty gives the same weights."""
    counts, labels = samples()
    block = CountBlock.pack(counts, labels)
    weights, biases = RidgeRegression(30, 4).add([block]).solve(strength)
    x = (counts * block.factors[..., None]).reshape(-1, 30)
    y = np.where(labels.reshape(-1, 1) == np.arange(4), 1.0, -1.0)
    penalty = np.sqrt(strength * ((x - x.mean(axis=0)) ** 2).sum(axis=0).mean())
    rows = np.block([[x, np.ones((len(x), 1))], [penalty * np.eye(30), np.zeros((30, 1))]])
    wanted, *_ = np.linalg.lstsq(rows, np.concatenate([y, np.zeros((30, 4))]), rcond=None)
    np.testing.assert_allclose(np.vstack([weights, biases]), wanted, rtol=2e-4, atol=2e-5)
    assert not weights[5].any()


def test_blocks_change_no_bit():
    counts, labels = samples()
    whole = RidgeRegression(30, 4).add([CountBlock.pack(counts, labels)])
    parts = RidgeRegression(30, 4)
    for part in (slice(0, 1), slice(1, 4), slice(4, 6)):
        parts.add([CountBlock.pack(counts[part], labels[part])])
    for one, other in zip(whole.solve(0.1), parts.solve(0.1), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="label"):
        parts.add([CountBlock.pack(counts)])


def test_no_spikes_at_all():
    block = CountBlock.pack(np.zeros((1, 4, 3), int), [[0, 0, 0, 1]])
    weights, biases = RidgeRegression(3, 2).add([block]).solve(0.1)
    assert not weights.any()
    np.testing.assert_allclose(biases, [0.5, -0.5])
