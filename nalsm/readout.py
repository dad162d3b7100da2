"""The output layer: one linear layer from the liquid's spike counts to the classes.

For a batch of counts, each sample is divided by its sum, then the batch by its maximum, giving x:

    logits = x W + b
    loss   = mean cross-entropy of softmax(logits) against softmax(targets) + 5e-10 * sum(W^2) / 2

with targets +1 for the sample's class and -1 for all others; Adadelta follows its gradient. Counts
stay small integers: both divisions are one factor a sample, applied to logits and gradient.

Weights are held class by class ([classes, R]), and no operation uses more than one thread: the first
makes the products fast, the second makes them the same on every number of cores.

Source: Ivanov and Michmizos, NeurIPS 2021, supplement; Adadelta: M. D. Zeiler, arXiv 1212.5701.
"""

from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace

import numpy as np

from nalsm.tensorflow_setup import quiet_stderr, tensorflow

N_CLASSES = 10
WEIGHT_PENALTY = 5e-10
LEARNING_RATE = 0.1
RHO = 0.95
EPSILON = 1e-8

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


def cpu_tensor(array):
    """Return an array as a tensor in main memory: the readout is computed on the CPU, GPU or not."""
    tf = tensorflow()
    with tf.device("/CPU:0"):
        return tf.constant(array)


@dataclass(frozen=True)
class CountBlock:
    """Batches of counts, ready for the readout; tensors on the CPU.

    counts : uint8 or uint16 [batches, B, R]; factors : float32 [batches, B]; labels : int32 [batches, B]
    """

    counts: object
    factors: object
    labels: object

    @classmethod
    def pack(cls, counts, labels):
        """Pack counts ([batches, B, R], integers) as narrow as they allow, with labels ([batches, B])."""
        counts = np.asarray(counts)
        narrow = np.uint8 if counts.max(initial=0) <= np.iinfo(np.uint8).max else np.uint16
        factors = np.stack([sample_factors(batch) for batch in counts])
        return cls(
            cpu_tensor(counts.astype(narrow)), cpu_tensor(factors), cpu_tensor(np.asarray(labels).astype(np.int32))
        )

    @property
    def n_samples(self):
        return self.labels.shape[0] * self.labels.shape[1]

    @property
    def nbytes(self):
        return sum(int(np.prod(t.shape)) * t.dtype.size for t in (self.counts, self.factors, self.labels))


class Readout:
    """The output layer with its optimiser; starts at zero.

    weights : float32 [n_liquid, n_classes]; biases : float32 [n_classes]
    """

    def __init__(self, n_liquid, n_classes=N_CLASSES):
        shapes = {"weights": (n_classes, n_liquid), "biases": (n_classes,)}
        self.restore({name: np.zeros(shapes[name.split("_")[0]], np.float32) for name in _STATE})

    @property
    def weights(self):
        return self._state[0].numpy().T.copy()

    @property
    def biases(self):
        return self._state[1].numpy()

    @property
    def parameters(self):
        """What `count_correct` needs, unchanged by later training: tensors [classes, R] and [classes]."""
        return self._state[:2]

    def train_batch(self, counts, labels):
        """Make one step on a batch: counts integers [B, n_liquid], labels [B] in 0..n_classes-1."""
        self.train_block(CountBlock.pack(np.asarray(counts)[None], np.asarray(labels)[None]))

    def train_block(self, block):
        """Make one step on each batch of a CountBlock, in order."""
        self._state = _run(_compiled().train_block, self._state, block.counts, block.factors, block.labels)

    def accuracy(self, counts, labels):
        """Return the fraction of a batch that is classified correctly, in 0..1."""
        block = CountBlock.pack(np.asarray(counts)[None], np.asarray(labels)[None])
        return count_correct(self.parameters, block) / block.n_samples

    def state(self):
        """Return weights, biases and the optimiser's averages as arrays by name, for a checkpoint."""
        return {name: value.numpy() for name, value in zip(_STATE, self._state, strict=True)}

    def restore(self, state):
        """Go on from what `state` returned."""
        self._state = tuple(cpu_tensor(state[name]) for name in _STATE)


def count_correct(parameters, block):
    """Return how many samples of a CountBlock a readout with these parameters classifies correctly."""
    weights, biases = parameters
    return int(_run(_compiled().count_correct, weights, biases, block.counts, block.factors, block.labels))


_started = set()


def _run(function, *arguments):
    """Call a compiled function; hold back what the compiler says on the first call."""
    with tensorflow().device("/CPU:0"):
        if function in _started:
            return function(*arguments)
        with quiet_stderr():
            result = function(*arguments)
        _started.add(function)
        return result


@cache
def _compiled():
    """Return the TensorFlow functions; made on first use, as TensorFlow is only then imported."""
    tf = tensorflow()
    f32 = tf.float32

    def target_probabilities(n_classes):
        """[classes, classes], softmax(targets): column k for class k."""
        targets = 2.0 * tf.eye(n_classes) - 1.0
        return tf.nn.softmax(targets, axis=0)

    def adadelta(value, square, step, gradient):
        square = RHO * square + (1 - RHO) * gradient**2
        change = tf.sqrt(step + EPSILON) / tf.sqrt(square + EPSILON) * gradient
        step = RHO * step + (1 - RHO) * change**2
        return value - LEARNING_RATE * change, square, step

    def logits(weights, biases, counts, factors):
        return tf.matmul(weights, counts, transpose_b=True) * factors + biases[:, None]  # [classes, B]

    def train_step(state, counts, factors, labels):
        weights, biases, weights_square, biases_square, weights_step, biases_step = state
        counts = tf.cast(counts, f32)  # [B, R]
        batch_size = tf.cast(tf.shape(counts)[0], f32)
        wanted = tf.gather(target_probabilities(weights.shape[0]), labels, axis=1)  # [classes, B]
        error = (tf.nn.softmax(logits(weights, biases, counts, factors), axis=0) - wanted) / batch_size
        weights_gradient = tf.matmul(error * factors, counts) + WEIGHT_PENALTY * weights  # [classes, R]
        biases_gradient = tf.reduce_sum(error, axis=1)
        weights, weights_square, weights_step = adadelta(weights, weights_square, weights_step, weights_gradient)
        biases, biases_square, biases_step = adadelta(biases, biases_square, biases_step, biases_gradient)
        return weights, biases, weights_square, biases_square, weights_step, biases_step

    @tf.function(jit_compile=True)  # many small operations: XLA makes one of them
    def train_block(state, counts, factors, labels):
        for batch in tf.range(counts.shape[0]):
            state = train_step(state, counts[batch], factors[batch], labels[batch])
        return state

    @tf.function  # few large operations: faster without XLA
    def count_correct(weights, biases, counts, factors, labels):
        correct = tf.zeros((), tf.int32)
        for batch in tf.range(counts.shape[0]):
            found = tf.argmax(logits(weights, biases, tf.cast(counts[batch], f32), factors[batch]), 0, tf.int32)
            correct += tf.math.count_nonzero(found == labels[batch], dtype=tf.int32)
        return correct

    return SimpleNamespace(train_block=train_block, count_correct=count_correct)
