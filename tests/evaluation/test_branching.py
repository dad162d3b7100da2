"""Branching factors against recorded figures, a plain slow reference and its laws."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nalsm.evaluation import branching_factor, branching_factors, neuron_branching_factors
from nalsm.network import Network

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def recorded():
    """A recorded run: (network, spikes, factor of each neuron, factor)."""
    run, figures = np.load(GOLDEN / "nalsm_batch_mnist.npz"), np.load(GOLDEN / "readout_and_analysis.npz")
    network = Network(*(run[name] for name in ("pre", "post", "sign", "n_exc", "n_inh", "n_inputs")))
    spikes = np.unpackbits(run["spikes"], axis=-1, count=network.n_neurons).astype(bool)
    return network, spikes, figures["branching_factor_per_neuron"], float(figures["branching_factor"])


def test_branching_factor_as_recorded(recorded):
    network, spikes, of_neurons, factor = recorded
    np.testing.assert_allclose(neuron_branching_factors(network, spikes)[0], of_neurons, rtol=1e-12)
    assert branching_factor(network, spikes) == pytest.approx(factor, rel=1e-12)


def plain_factors(network, spikes):
    """The definition, spike by spike: float64 [samples, R]."""
    n, steps, _ = spikes.shape
    factors = np.full((n, network.n_liquid), np.nan)
    for sample in range(n):
        for neuron in range(network.n_liquid):
            before = [j for j, i in zip(network.pre, network.post, strict=True) if i == neuron and j < network.n_liquid]
            after = [i for j, i in zip(network.pre, network.post, strict=True) if j == neuron]
            of_spikes = [
                spikes[sample, t + 1 : t + 5, after].sum() / max(spikes[sample, t - 4 : t, before].sum(), 1)
                for t in range(29, steps - 29)
                if spikes[sample, t, neuron]
            ]
            if of_spikes:
                factors[sample, neuron] = np.mean(of_spikes)
    return factors


@given(seed=st.integers(0, 2**32), steps=st.sampled_from([40, 58, 59, 60, 75]), rate=st.sampled_from([0.01, 0.2, 0.6]))
@settings(max_examples=25, deadline=None)
def test_branching_factor_is_its_definition(seed, steps, rate):
    random = np.random.default_rng(seed)
    network = Network.generate((2, 2, 3), 5, seed)
    spikes = random.random((3, steps, network.n_neurons)) < rate
    expected = plain_factors(network, spikes)
    of_neurons = neuron_branching_factors(network, spikes)
    np.testing.assert_allclose(of_neurons, expected, rtol=1e-12)
    known = [row[~np.isnan(row)].mean() for row in expected if not np.isnan(row).all()]
    np.testing.assert_allclose([f for f in branching_factors(network, spikes) if not np.isnan(f)], known, rtol=1e-12)
    wanted = np.mean(known) if known else np.nan
    np.testing.assert_allclose(branching_factor(network, spikes), wanted, rtol=1e-12)
    borders = spikes.copy()  # what lies in the borders, or is an input's, does not matter
    borders[:, :25] ^= True
    borders[:, max(steps - 25, 25) :] ^= True
    borders[:, :, network.n_liquid :] ^= True
    np.testing.assert_array_equal(neuron_branching_factors(network, borders), of_neurons)


def test_branching_factor_of_silence_and_of_wrong_shapes(recorded):
    network, spikes, *_ = recorded
    assert np.isnan(branching_factor(network, np.zeros_like(spikes)))
    assert np.isnan(branching_factor(network, spikes[:0]))
    with_silence = np.concatenate([spikes, np.zeros_like(spikes)])
    assert branching_factor(network, with_silence) == branching_factor(network, spikes)
    np.testing.assert_array_equal(branching_factors(network, spikes[:, :, : network.n_liquid].astype(np.uint8)),
                                  branching_factors(network, spikes))  # fmt: skip
    for bad in (spikes[0], spikes[:, :, :100]):
        with pytest.raises(ValueError, match="shape"):
            branching_factor(network, bad)
