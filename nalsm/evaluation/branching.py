"""The branching factor: how many spikes follow a spike, for each that came before it.

For a neuron that spikes at time t (ms), with `before` the spikes of its pre-synaptic neurons in
[t - 4, t) and `after` those of its post-synaptic neurons in [t + 1, t + 5),

    factor = after / max(before, 1)

where only liquid neurons and their synapses with each other count. It is averaged over the spikes of
the neuron, then over the neurons of the sample, then over samples. Near 1 activity neither dies out nor
grows: the edge of chaos. The first and the last 25 ms of a sample are left out.

Source: Ivanov and Michmizos, NeurIPS 2021.
"""

import numpy as np

WINDOW_MS = 4  # before and after a spike
BORDER_MS = 25  # at either end of a sample


def branching_factor(net, spikes):
    """Return the mean of `branching_factors` over the samples that have one; NaN where none has."""
    return mean_of_known(branching_factors(net, spikes))


def branching_factors(net, spikes):
    """Return the branching factor of each sample: float64 [samples].

    It is the mean over the neurons that `neuron_branching_factors` has a number for, NaN where there
    are none; arguments and errors are the same.
    """
    return sample_means(neuron_branching_factors(net, spikes))


def sample_means(of_neurons):
    """Return the mean of each sample's neurons that have a number: float64 [samples]."""
    return np.array([mean_of_known(factors) for factors in of_neurons], np.float64)


def neuron_branching_factors(net, spikes):
    """Return the branching factor of each neuron in each sample: float64 [samples, n_liquid].

    net : Network; spikes : bool [samples, steps, at least n_liquid], liquid neurons first, 1 ms a step
    A neuron without a spike at 29 <= t < steps - 29, the times that have both windows inside the
    borders, has NaN. Raises ValueError for spikes of another shape.
    """
    spikes = np.asarray(spikes)
    if spikes.ndim != 3 or spikes.shape[2] < net.n_liquid:
        raise ValueError(f"spikes have the shape {spikes.shape}, wanted is [samples, steps, {net.n_liquid} or more]")
    inward = _connections(net)
    outward = inward.T.tocsr()
    liquid = spikes[:, :, : net.n_liquid]
    factors = [_factors_of_sample(inward, outward, sample != 0) for sample in liquid]
    return np.array(factors, np.float64).reshape(len(spikes), net.n_liquid)


def _connections(net):
    """Return 1 where a liquid neuron (row) has a synapse from another (column): sparse float64 [R, R]."""
    from scipy.sparse import csr_matrix

    liquid = ~net.is_input
    ones = np.ones(np.count_nonzero(liquid))
    return csr_matrix((ones, (net.post[liquid], net.pre[liquid])), shape=(net.n_liquid, net.n_liquid))


def _factors_of_sample(inward, outward, spikes):
    """Return the factor of each neuron, from the spikes of one sample (bool [T, R]): float64 [R]."""
    steps, n_liquid = spikes.shape
    first, end = BORDER_MS + WINDOW_MS, steps - BORDER_MS - WINDOW_MS
    if end <= first:
        return np.full(n_liquid, np.nan)
    total = np.zeros((steps + 1, n_liquid))  # spikes before each ms
    np.cumsum(spikes, axis=0, out=total[1:])
    times = np.arange(first, end)
    before = inward @ (total[times] - total[times - WINDOW_MS]).T  # [R, end - first]
    after = outward @ (total[times + 1 + WINDOW_MS] - total[times + 1]).T
    spiked = spikes[first:end].T
    n_spikes = spiked.sum(axis=1)
    sums = np.where(spiked, after / np.maximum(before, 1), 0).sum(axis=1)
    return np.where(n_spikes > 0, sums / np.maximum(n_spikes, 1), np.nan)


def mean_of_known(values):
    """Return the mean of what is not NaN; NaN where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
