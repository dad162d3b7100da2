"""The output layer: one linear layer from the liquid's spike counts to the classes.

For a batch of counts, each sample is divided by its sum, then the batch by its maximum, giving x:

    logits = x W + b
    loss   = mean cross-entropy of softmax(logits) against softmax(targets) + 5e-10 * sum(W^2) / 2

with targets +1 for the sample's class and -1 for all others; Adadelta follows its gradient. Counts
stay small integers: both divisions are one factor a sample, applied to logits and gradient.

Source: Ivanov and Michmizos, NeurIPS 2021, supplement; Adadelta: M. D. Zeiler, arXiv 1212.5701.
"""

from dataclasses import dataclass

import numpy as np

from nalsm.readout import kernels
from nalsm.readout.kernels import N_CLASSES

_STATE = ("weights", "biases", "weights_square", "biases_square", "weights_step", "biases_step")


def sample_factors(counts):
    """Return what turns a batch of counts ([B, R]) into the readout's input: float32 [B].

    1 / (sum of the sample * maximum of the batch after division by the sums); 0 for a sample without
    spikes, whose input is a zero vector.
    """
    counts = np.asarray(counts)
    sums = counts.sum(axis=1, dtype=np.float64)
    spiking = sums > 0
    sums[~spiking] = 1.0
    largest = (counts.max(axis=1, initial=0) / sums).max(initial=0.0)
    factors = np.where(spiking, 1.0 / (sums * (largest or 1.0)), 0.0)
    return factors.astype(np.float32)


@dataclass(frozen=True)
class CountBlock:
    """Batches of counts, ready for the readout.

    counts : uint8 or uint16 [batches, B, R]; factors : float32 [batches, B]; labels : int32 [batches, B]
    """

    counts: np.ndarray
    factors: np.ndarray
    labels: np.ndarray

    @classmethod
    def pack(cls, counts, labels):
        """Pack counts ([batches, B, R], integers) as narrow as they allow, with labels ([batches, B])."""
        counts = np.asarray(counts)
        narrow = np.uint8 if counts.max(initial=0) <= np.iinfo(np.uint8).max else np.uint16
        factors = np.stack([sample_factors(batch) for batch in counts])
        return cls(np.ascontiguousarray(counts, narrow), factors, np.ascontiguousarray(labels, np.int32))

    @property
    def n_samples(self):
        return self.labels.size

    @property
    def nbytes(self):
        return self.counts.nbytes + self.factors.nbytes + self.labels.nbytes


class Readout:
    """The output layer with its optimiser; starts at zero.

    weights : float32 [n_liquid, 10]; biases : float32 [10]
    """

    def __init__(self, n_liquid):
        shapes = {"weights": (N_CLASSES, n_liquid), "biases": (N_CLASSES,)}
        self._state = {name: np.zeros(shapes[name.split("_")[0]], np.float32) for name in _STATE}

    @property
    def weights(self):
        return self._state["weights"].T.copy()

    @property
    def biases(self):
        return self._state["biases"].copy()

    @property
    def parameters(self):
        """What `count_correct` needs, unchanged by later training: float32 [10, R] and [10]."""
        return self._state["weights"].copy(), self._state["biases"].copy()

    def train_batch(self, counts, labels):
        """Make one step on a batch: counts integers [B, n_liquid], labels [B] in 0..9. Return the loss."""
        return self.train_block(CountBlock.pack(np.asarray(counts)[None], np.asarray(labels)[None]))

    def train_block(self, block):
        """Make one step on each batch of a CountBlock, in order; return the sum of their losses."""
        weights, biases, *averages = (self._state[name] for name in _STATE)
        squares, steps = tuple(averages[:2]), tuple(averages[2:])
        return kernels.train_block(block.counts, block.factors, block.labels, weights, biases, squares, steps)

    def accuracy(self, counts, labels):
        """Return the fraction of a batch that is classified correctly, in 0..1."""
        block = CountBlock.pack(np.asarray(counts)[None], np.asarray(labels)[None])
        return count_correct(self.parameters, block) / block.n_samples

    def state(self):
        """Return weights, biases and the optimiser's averages as arrays by name, for a checkpoint."""
        return {name: value.copy() for name, value in self._state.items()}

    def restore(self, state):
        """Go on from what `state` returned."""
        self._state = {name: np.array(state[name], np.float32) for name in _STATE}


def count_correct(parameters, block):
    """Return how many samples of a CountBlock a readout with these parameters classifies correctly."""
    weights, biases = parameters
    return int(kernels.count_correct(block.counts, block.factors, block.labels, weights, biases))
